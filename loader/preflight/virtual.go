package preflight

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// container finds that this is not the whole machine (systemd.io/CONTAINER_INTERFACE,
// podman, docker), or one that others start: WSL.
func container(l *look) []Finding {
	if release := l.host.Release(); strings.Contains(release, "-WSL") || strings.HasSuffix(release, "-Microsoft") {
		return one(Error, IDContainer, "this is WSL, which Windows starts: there is nothing to kexec", "wsl --shutdown, in Windows")
	}
	kind := l.host.Text("run/systemd/container")
	for _, v := range strings.Split(l.host.Text("proc/1/environ"), "\x00") {
		if name, ok := strings.CutPrefix(v, "container="); ok && name != "" && kind == "" {
			kind = name
		}
	}
	if kind == "" && l.host.PIDNamespace() != host.No {
		kind = l.markedContainer()
	}
	if kind == "" {
		return nil
	}
	return one(Error, IDContainer, fmt.Sprintf("this is a container (%s); the kernel belongs to its host", kind), "run it on the host")
}

// markedContainer goes by the files that engines leave in the root directory.
// Virtual machines made from a container's image have them too.
func (l *look) markedContainer() string {
	switch {
	case l.host.Exists("run/.containerenv"):
		return "podman"
	case l.host.Exists(".dockerenv"):
		return "docker"
	}
	return ""
}

// xen finds hosts and guests of Xen. For the host (dom0) and for
// paravirtualised guests the kernel is not the one to kexec; an HVM guest asks
// the hypervisor for a soft reset, which one before 4.7 does not know: it
// destroys the guest (Linux commit 0b34a166f291, "x86/xen: Support kexec/kdump
// in HVM guests by doing a soft reset").
func xen(l *look) []Finding {
	if l.host.XenDom0() {
		return one(Error, IDXen, "this is a Xen host (dom0), where the hypervisor and not the kernel does the kexec", byFirmware)
	}
	if l.host.Text("sys/hypervisor/type") != "xen" {
		return nil
	}
	guest := l.host.Text("sys/hypervisor/guest_type")
	if guest == "PV" {
		return one(Error, IDXen, "this is a paravirtualised guest of Xen, whose kernel cannot start another", "reboot with systemctl reboot")
	}
	major, errMajor := strconv.Atoi(l.host.Text("sys/hypervisor/version/major"))
	minor, errMinor := strconv.Atoi(l.host.Text("sys/hypervisor/version/minor"))
	if errMajor == nil && errMinor == nil && (major < 4 || major == 4 && minor < 7) {
		return one(Error, IDXen, fmt.Sprintf("Xen %d.%d destroys a guest that does a kexec (it has no soft reset, which came with 4.7)", major, minor), "reboot with systemctl reboot")
	}
	return one(Warning, IDXen, "a guest of Xen needs the hypervisor's soft reset for a kexec; where the host does not have it on, the guest is destroyed", "try it on a guest that may be lost, or reboot with systemctl reboot")
}

// confidential finds virtual machines that their host cannot look into.
func confidential(l *look) []Finding {
	kind, answer := l.host.ConfidentialVM()
	if answer != host.Yes {
		return nil
	}
	return one(Warning, IDConfidentialVM, fmt.Sprintf("this is a confidential virtual machine (%s): older kernels cannot kexec in one, and attestation still reports the first boot", kind),
		"use recent kernels on both sides, or reboot with systemctl reboot")
}
