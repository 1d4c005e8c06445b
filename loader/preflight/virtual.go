package preflight

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// container finds that this is not the whole machine (systemd.io/CONTAINER_INTERFACE,
// podman, docker), or one that others start: WSL.
func container(l *look) []Finding {
	if release := l.release(); strings.Contains(release, "-WSL") || strings.HasSuffix(release, "-Microsoft") {
		return []Finding{{"container", Blocker, "this is WSL, which Windows starts: there is nothing to kexec", "wsl --shutdown, in Windows"}}
	}
	kind := l.root.text("run/systemd/container")
	for _, v := range strings.Split(string(l.proc.read("1/environ")), "\x00") {
		if name, ok := strings.CutPrefix(v, "container="); ok && name != "" && kind == "" {
			kind = name
		}
	}
	if kind == "" && !l.firstPIDs() {
		kind = l.markedContainer()
	}
	if kind == "" {
		return nil
	}
	return []Finding{{"container", Blocker, fmt.Sprintf("this is a container (%s); the kernel belongs to its host", kind), "run it on the host"}}
}

// firstPIDs says whether this is surely the first PID namespace, whose number
// is fixed (PROC_PID_INIT_INO, include/linux/proc_ns.h).
func (l *look) firstPIDs() bool {
	return l.proc.link("self/ns/pid") == "pid:[4026531836]"
}

// markedContainer goes by the files that engines leave in the root directory.
// Virtual machines made from a container's image have them too.
func (l *look) markedContainer() string {
	switch {
	case l.root.has("run/.containerenv"):
		return "podman"
	case l.root.has(".dockerenv"):
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
	const id = "xen"
	if strings.Contains(l.proc.text("xen/capabilities"), "control_d") {
		return []Finding{{id, Blocker, "this is a Xen host (dom0), where the hypervisor and not the kernel does a kexec", byFirmware}}
	}
	if l.sys.text("hypervisor/type") != "xen" {
		return nil
	}
	guest := l.sys.text("hypervisor/guest_type")
	if guest == "PV" {
		return []Finding{{id, Blocker, "this is a paravirtualised guest of Xen, whose kernel cannot start another", "reboot with systemctl reboot"}}
	}
	major, errMajor := strconv.Atoi(l.sys.text("hypervisor/version/major"))
	minor, errMinor := strconv.Atoi(l.sys.text("hypervisor/version/minor"))
	if errMajor == nil && errMinor == nil && (major < 4 || major == 4 && minor < 7) {
		return []Finding{{id, Blocker, fmt.Sprintf("Xen %d.%d destroys a guest that does a kexec (it has no soft reset, which came with 4.7)", major, minor), "reboot with systemctl reboot"}}
	}
	return []Finding{{id, Warning, "a guest of Xen needs the hypervisor's soft reset for a kexec; where the host does not have it on, the guest is destroyed", "try it on a guest that may be lost, or reboot with systemctl reboot"}}
}

// confidential finds virtual machines that their host cannot look into.
func confidential(l *look) []Finding {
	kind := ""
	for device, name := range map[string]string{"sev-guest": "SEV-SNP", "tdx_guest": "TDX", "arm_cca_guest": "Arm CCA"} {
		if l.sys.has("devices/virtual/misc/" + device) {
			kind = name
		}
	}
	flags := strings.Fields(fields(l.proc.text("cpuinfo"))["flags"])
	switch {
	case kind != "":
	case slices.Contains(flags, "tdx_guest"):
		kind = "TDX"
	case l.sys.text("firmware/uv/prot_virt_guest") == "1":
		kind = "IBM Secure Execution"
	default:
		return nil
	}
	return []Finding{{"confidential-vm", Warning, fmt.Sprintf("this is a confidential virtual machine (%s): older kernels cannot kexec in one, and attestation still tells of the first boot", kind),
		"use recent kernels on both sides, or reboot with systemctl reboot"}}
}
