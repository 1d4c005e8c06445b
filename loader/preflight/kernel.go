package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

const byFirmware = string(hint.ByFirmware)

// capability checks kexec_load_permitted (kernel/kexec_core.c): CAP_SYS_BOOT in
// the first user namespace.
func capability(l *look) []Finding {
	capable := l.host.SysBoot()
	switch {
	case capable == host.No && l.host.UID != 0:
		return one(Error, IDCapability, fmt.Sprintf("only root may do this (CAP_SYS_BOOT), and this is user %d", l.host.UID), "run it as root")
	case l.host.UserNamespace() == host.Yes:
		return one(Error, IDCapability, "this is root of a container (a user namespace), who may not do this", "run it on the host")
	case capable == host.No:
		return one(Error, IDCapability, "root has no CAP_SYS_BOOT here, as in containers and confined services", "run it on the host; in a unit, add CAP_SYS_BOOT to CapabilityBoundingSet=")
	}
	return nil
}

// The sysctls, also as files of sysctl.d name them.
const (
	loadDisabled = "kexec_load_disabled"
	loadLimit    = "kexec_load_limit_reboot"
)

// sysctls are kernel.kexec_load_disabled, which only a boot resets, and
// kernel.kexec_load_limit_reboot (Linux 6.3): every load and unload uses one
// up, -1 is no limit.
func sysctls(l *look) []Finding {
	limit := l.host.Sysctl("kernel/" + loadLimit)
	text, id := "", IDKexecDisabled
	switch {
	case l.host.Sysctl("kernel/"+loadDisabled) == "1":
		text = "kexec is disabled until the next boot: kernel.kexec_load_disabled is 1"
	case limit == "0":
		text, id = "no load is left: kernel.kexec_load_limit_reboot is 0", IDKexecLimit
	case limit == "1":
		return one(Warning, IDKexecLimit, "one load is left: kernel.kexec_load_limit_reboot is 1, so that what is loaded cannot be unloaded again", "be sure of the entry")
	default:
		return nil
	}
	hint := byFirmware
	if file := l.host.SysctlFile(loadDisabled, loadLimit); file != "" {
		text += fmt.Sprintf(" (set in %s)", file)
		hint += ", after removing it from " + file
	}
	return one(Error, id, text, hint)
}

// kernelConfig looks whether the running kernel was built with kexec.
func kernelConfig(l *look) []Finding {
	const another = "boot a kernel that has it; until then " + byFirmware
	if l.host.GOARCH != "" && !slices.Contains([]string{"amd64", "arm64", "riscv64", "ppc64le", "s390x", "loong64"}, l.host.GOARCH) {
		return one(Error, IDKexecConfig, "kexec_file_load(2) does not exist on "+l.host.GOARCH, byFirmware)
	}
	if len(l.host.Names("sys/kernel")) > 0 && !l.host.Exists("sys/kernel/kexec_loaded") && !l.host.Exists("sys/kernel/kexec/loaded") {
		return one(Error, IDKexecConfig, "the running kernel was built without kexec (there is no /sys/kernel/kexec_loaded)", another)
	}
	config := l.host.RunningConfig()
	if !config.Off("CONFIG_KEXEC_FILE") {
		return nil
	}
	if config.BuiltIn("CONFIG_KEXEC") && (l.host.GOARCH == "amd64" || l.host.GOARCH == "arm64") {
		return one(Info, IDKexecConfig, "the running kernel has no CONFIG_KEXEC_FILE, only the older kexec_load(2)", "with lockdown, boot a kernel that has it")
	}
	return one(Error, IDKexecConfig, "the running kernel was built without CONFIG_KEXEC_FILE", another)
}

// processors finds what machine_kexec_prepare of arm64 refuses with EBUSY and
// "CPUs are stuck in the kernel" (cpus_are_stuck_in_kernel,
// arch/arm64/kernel/smp.c): processors that cannot be put offline, since the
// firmware started them from a spin table, and protected KVM.
func processors(l *look) []Finding {
	if l.host.GOARCH != "arm64" {
		return nil
	}
	const cpus = "sys/firmware/devicetree/base/cpus"
	if parameter(l.Plan.Running, "kvm-arm.mode") == "protected" {
		return one(Warning, IDCPUStuck, "with kvm-arm.mode=protected the kernel refuses a kexec, unless it was started at EL1", "boot without kvm-arm.mode=protected")
	}
	if possible := l.host.Text("sys/devices/system/cpu/possible"); possible == "" || possible == "0" {
		return nil
	}
	methods := map[string]bool{}
	for _, name := range l.host.Names(cpus) {
		if strings.HasPrefix(name, "cpu@") {
			methods[l.host.Text(cpus+"/"+name+"/enable-method")] = true
		}
	}
	if len(methods) == 1 && methods["spin-table"] {
		return one(Error, IDCPUStuck, "the firmware starts processors by spin-table, and the kernel refuses a kexec since it cannot stop them again", "use firmware with PSCI (Trusted Firmware), or boot with nr_cpus=1")
	}
	return nil
}
