package preflight

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const byFirmware = "reboot through the firmware"

// broken passes on why a load would refuse the plan itself: format,
// architecture, a file that is cut short, the length of the command line.
func broken(l *look) []Finding {
	if l.Plan.Broken == nil {
		return nil
	}
	return []Finding{{"plan", Blocker, oneLine(l.Plan.Broken.Error()), "mend the entry, or name another"}}
}

// capability holds kexec_load_permitted (kernel/kexec_core.c): CAP_SYS_BOOT in
// the first user namespace.
func capability(l *look) []Finding {
	const capSysBoot = 22 // include/uapi/linux/capability.h
	caps, err := strconv.ParseUint(fields(l.proc.text("self/status"))["CapEff"], 16, 64)
	capable := err != nil || caps>>capSysBoot&1 == 1
	uids := strings.Fields(l.proc.text("self/uid_map"))
	switch {
	case !capable && l.UID != 0:
		return []Finding{{"capability", Blocker, fmt.Sprintf("only root may load a kernel (CAP_SYS_BOOT), and this is user %d", l.UID), "run it as root"}}
	case len(uids) > 0 && !slices.Equal(uids, []string{"0", "0", "4294967295"}):
		return []Finding{{"capability", Blocker, "this is a user namespace, as in containers, in which nobody may load a kernel", "run it on the host"}}
	case !capable:
		return []Finding{{"capability", Blocker, "root has no CAP_SYS_BOOT here, as in containers and confined services", "run it on the host; in a unit, add CAP_SYS_BOOT to CapabilityBoundingSet="}}
	}
	return nil
}

// sysctls are kernel.kexec_load_disabled, which only a boot sets back, and
// kernel.kexec_load_limit_reboot (Linux 6.3): every load and unload uses one
// up, -1 is no limit.
func sysctls(l *look) []Finding {
	if l.proc.text("sys/kernel/kexec_load_disabled") == "1" {
		return []Finding{{"kexec-disabled", Blocker, "kexec is switched off until the next boot: kernel.kexec_load_disabled is 1",
			byFirmware + ", after taking it out of sysctl.d if it is set there"}}
	}
	switch l.proc.text("sys/kernel/kexec_load_limit_reboot") {
	case "0":
		return []Finding{{"kexec-limit", Blocker, "no load is left until the next boot: kernel.kexec_load_limit_reboot is 0", byFirmware}}
	case "1":
		return []Finding{{"kexec-limit", Warning, "one load is left: kernel.kexec_load_limit_reboot is 1, so that what is loaded cannot be unloaded again", "be sure of the entry"}}
	}
	return nil
}

// kernelConfig looks whether the running kernel was built with kexec.
func kernelConfig(l *look) []Finding {
	const id, another = "kexec-config", "boot a kernel that has it; until then " + byFirmware
	if l.GOARCH != "" && !slices.Contains([]string{"amd64", "arm64", "riscv64", "ppc64le", "s390x", "loong64"}, l.GOARCH) {
		return []Finding{{id, Blocker, "kexec_file_load(2) does not exist on " + l.GOARCH, byFirmware}}
	}
	if l.sys.has("kernel") && len(l.sys.names("kernel")) > 0 && !l.sys.has("kernel/kexec_loaded") && !l.sys.has("kernel/kexec/loaded") {
		return []Finding{{id, Blocker, "the running kernel was built without kexec (there is no /sys/kernel/kexec_loaded)", another}}
	}
	config := l.config()
	if config == nil || config["CONFIG_KEXEC_FILE"] == "y" {
		return nil
	}
	classic := config["CONFIG_KEXEC"] == "y" && (l.GOARCH == "amd64" || l.GOARCH == "arm64")
	if classic {
		return []Finding{{id, Note, "the running kernel has no CONFIG_KEXEC_FILE, only the older kexec_load(2)", "that one is used; with lockdown it would be refused"}}
	}
	return []Finding{{id, Blocker, "the running kernel was built without CONFIG_KEXEC_FILE", another}}
}

// processors finds what machine_kexec_prepare of arm64 refuses with EBUSY and
// "CPUs are stuck in the kernel" (cpus_are_stuck_in_kernel,
// arch/arm64/kernel/smp.c): processors that cannot be put offline, since the
// firmware started them from a spin table, and protected KVM.
func processors(l *look) []Finding {
	if l.GOARCH != "arm64" {
		return nil
	}
	const id, cpus = "cpu-stuck", "firmware/devicetree/base/cpus"
	if word(l.Plan.Running, "kvm-arm.mode") == "protected" {
		return []Finding{{id, Warning, "with kvm-arm.mode=protected the kernel refuses a kexec, unless it was started at EL1", "boot without kvm-arm.mode=protected"}}
	}
	if possible := l.sys.text("devices/system/cpu/possible"); possible == "" || possible == "0" {
		return nil
	}
	methods := map[string]bool{}
	for _, name := range l.sys.names(cpus) {
		if strings.HasPrefix(name, "cpu@") {
			methods[l.sys.text(cpus+"/"+name+"/enable-method")] = true
		}
	}
	if len(methods) == 1 && methods["spin-table"] {
		return []Finding{{id, Blocker, "the firmware starts processors by spin-table, and the kernel refuses a kexec since it cannot stop them again", "use firmware with PSCI (Trusted Firmware), or boot with nr_cpus=1"}}
	}
	return nil
}
