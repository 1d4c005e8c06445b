package preflight_test

import (
	"strings"
	"testing"
)

// TestDeviceLimits has values at the border of what is found.
func TestDeviceLimits(t *testing.T) {
	const dog, vfio = "/sys/class/watchdog/watchdog0/", "/sys/bus/pci/drivers/vfio-pci/"
	set := func(pairs ...string) func(*box) { return func(b *box) { b.set(pairs...) } }
	play(t, map[string]scene{
		"59 s":          {set(dog+"nowayout", "1", dog+"timeout", "59"), []string{"warning watchdog"}, "if the new kernel does not take it over in 59 s"},
		"60 s":          {set(dog+"nowayout", "1", dog+"timeout", "60"), nil, ""},
		"no number":     {set(dog+"nowayout", "1", dog+"timeout", "x"), []string{"warning watchdog"}, "does not take it over in time"},
		"no state":      {func(b *box) { b.set(dog+"nowayout", "1").remove(dog + "state") }, nil, ""},
		"two, one runs": {set("/sys/class/watchdog/watchdog1/nowayout", "1", "/sys/class/watchdog/watchdog1/state", "active"), []string{"warning watchdog"}, "watchdog1 runs, cannot be stopped (nowayout)"},
		"two":           {set(vfio+"0000:02:00.0/x", "", vfio+"0000:01:00.0/x", ""), []string{"warning vfio"}, "0000:01:00.0, 0000:02:00.0 assigned"},
		"no device":     {set(vfio+"module", "-> ../vfio_pci", vfio+"a:b", ""), nil, ""},
		"a connector":   {set("/sys/class/drm/card0-DP-1/device/driver", "-> ../amdgpu", "/sys/class/drm/renderD128/device/driver", "-> ../amdgpu"), nil, ""},
		"nvidia and AMD": {set("/sys/module/nvidia/x", "", "/sys/class/drm/card1/device/driver", "-> ../amdgpu"),
			[]string{"warning gpu-nvidia", "info gpu-amdgpu"}, ""},
	})
}

// TestFirmwareLimits: requests of the firmware by UEFI 8.5.4 and 3.3, and those of fwupd.
func TestFirmwareLimits(t *testing.T) {
	set := func(pairs ...string) func(*box) { return func(b *box) { b.set(pairs...) } }
	indications := func(low string) func(*box) {
		return set("/efi/OsIndications-"+global, nv+low+strings.Repeat("\x00", 8-len(low)))
	}
	update, status := []string{"warning firmware-update"}, strings.Repeat("\x00", 48)
	play(t, map[string]scene{
		"revocation of timestamps": {indications("\x02"), nil, ""},
		"capsule result variable":  {indications("\x08"), nil, ""},
		"OS and platform recovery": {indications("\x60"), nil, ""},
		"nine bytes":               {set("/efi/OsIndications-"+global, nv+setup+"\x00"), nil, ""},
		"Boot10FF":                 {set("/efi/BootNext-"+global, nv+"\xff\x10"), []string{"warning boot-next"}, "Boot10FF once"},
		"one byte":                 {set("/efi/BootNext-"+global, nv+"\x01"), nil, ""},
		"three bytes":              {set("/efi/BootNext-"+global, nv+"\x01\x00\x00"), nil, ""},
		"BootNext of another":      {set("/efi/BootNext-"+loader, nv+"\x01\x00"), nil, ""},
		"fwupd's second":           {set(fwupd, nv+status+"\x02\x00\x00\x00", strings.Replace(fwupd, "-0-", "-1-", 1), nv+status+"\x01\x00\x00\x00rest"), update, "fwupd has prepared"},
		"fwupd, a byte less":       {set(fwupd, nv+status+"\x01\x00\x00"), nil, ""},
		"fwupd's other variables":  {set(strings.Replace(fwupd, "fwupd-", "Fwupd-", 1), nv+status+"\x01\x00\x00\x00"), nil, ""},
		"capsule and fwupd":        {func(b *box) { indications("\x04")(b); b.set(fwupd, nv+status+"\x01\x00\x00\x00") }, update, "from a file (capsule)"},
		"in the second partition": {func(b *box) {
			b.set("/boot/EFI/UpdateCapsule/b.cap", "", "/boot/EFI/UpdateCapsule/a.cap", "").plan.Boot = []string{"/efi", "/boot"}
		}, update, "/boot/EFI/UpdateCapsule holds a firmware update, a.cap; a kexec puts it off"},
	})
}

// TestXenLimits: soft reset came with Xen 4.7; a version that is not known may have it.
func TestXenLimits(t *testing.T) {
	const hv = "/sys/hypervisor/"
	guest := func(major, minor string) func(*box) {
		return func(b *box) {
			b.set(hv+"type", "xen\n", hv+"guest_type", "HVM\n", hv+"version/major", major, hv+"version/minor", minor)
		}
	}
	destroys, resets := []string{"error xen"}, []string{"warning xen"}
	play(t, map[string]scene{
		"3.9":      {guest("3", "9"), destroys, "Xen 3.9 destroys"},
		"4.6":      {guest("4", "6"), destroys, "Xen 4.6 destroys"},
		"4.7":      {guest("4", "7"), resets, ""},
		"5.0":      {guest("5", "0"), resets, ""},
		"no minor": {guest("4", ""), resets, ""},
		"no major": {guest("", "6"), resets, ""},
	})
}

// TestContainers: what says so first counts, and WSL is one in both of its kinds.
func TestContainers(t *testing.T) {
	set := func(pairs ...string) func(*box) { return func(b *box) { b.set(pairs...) } }
	blocked := []string{"error container"}
	release := func(s string) func(*box) {
		return func(b *box) { b.set("/proc/sys/kernel/osrelease", s+"\n").plan.Kernel.Release = "" }
	}
	play(t, map[string]scene{
		"WSL 1":                 {release("4.4.0-19041-Microsoft"), blocked, "this is WSL, which Windows starts"},
		"Microsoft's own Linux": {release("6.6.0-Microsoft-hcs"), nil, ""},
		"systemd's word first":  {set("/run/systemd/container", "oci\n", "/proc/1/environ", "container=lxc\x00", "/.dockerenv", ""), blocked, "(oci)"},
		"then the environment":  {set("/proc/1/environ", "container=lxc\x00container=other\x00", "/.dockerenv", ""), blocked, "(lxc)"},
		"then podman":           {set("/run/.containerenv", "", "/.dockerenv", ""), blocked, "(podman)"},
	})
}

// TestKernelLimits: where the classic call helps, and what a sysctl's file is named for.
func TestKernelLimits(t *testing.T) {
	classic := func(goarch string) func(*box) {
		return func(b *box) {
			b.env.Host.GOARCH = goarch
			b.set("/boot/config-6.1.0", "CONFIG_KEXEC=y\n").plan.Kernel.Signature.Known = false
		}
	}
	without, only := []string{"error kexec-config"}, []string{"info kexec-config"}
	play(t, map[string]scene{
		"classic, arm64":   {classic("arm64"), only, "only the older kexec_load(2)"},
		"classic, riscv64": {classic("riscv64"), without, "without CONFIG_KEXEC_FILE"},
		"no arch at all":   {func(b *box) { b.env.Host.GOARCH = "" }, nil, ""},
		"disabled and no load left": {func(b *box) {
			b.set("/proc/sys/kernel/kexec_load_disabled", "1", "/proc/sys/kernel/kexec_load_limit_reboot", "0")
		}, []string{"error kexec-disabled"}, ""},
		"a file for the limit": {func(b *box) {
			b.set("/proc/sys/kernel/kexec_load_limit_reboot", "0", "/etc/sysctl.d/9.conf", "kernel.kexec_load_limit_reboot = 0\n")
		}, []string{"error kexec-limit"}, "is 0 (set in /etc/sysctl.d/9.conf); reboot through the firmware, after removing it from /etc/sysctl.d/9.conf"},
		"one left, a file": {func(b *box) {
			b.set("/proc/sys/kernel/kexec_load_limit_reboot", "1", "/etc/sysctl.d/9.conf", "kernel.kexec_load_limit_reboot=1\n")
		}, []string{"warning kexec-limit"}, "be sure of the entry"},
		"protected, one CPU": {func(b *box) {
			arm(b, "psci")
			b.set("/sys/devices/system/cpu/possible", "0")
			b.plan.Running += " kvm-arm.mode=protected"
		}, []string{"warning cpu-stuck"}, ""},
		"CPUs not known":       {func(b *box) { arm(b, "spin-table", "spin-table"); b.remove("/sys/devices/system/cpu") }, nil, ""},
		"protected on another": {func(b *box) { b.plan.Running += " kvm-arm.mode=protected" }, nil, ""},
		"no node of a CPU":     {func(b *box) { arm(b); b.set("/sys/firmware/devicetree/base/cpus/cpu-map/enable-method", "spin-table") }, nil, ""},
	})
}
