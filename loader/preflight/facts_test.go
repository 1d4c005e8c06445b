package preflight_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// TestFactsOfArea: what a person sees of each area, whatever was found there.
func TestFactsOfArea(t *testing.T) {
	const shutdown = "/run/initramfs/shutdown"
	set := func(pairs ...string) func(*box) { return func(b *box) { b.set(pairs...) } }
	remove := func(names ...string) func(*box) { return func(b *box) { b.remove(names...) } }
	kernel := func(s preflight.Signature) func(*box) { return func(b *box) { b.plan.Kernel.Signature = s } }
	for name, v := range map[string]struct {
		change func(*box)
		area   preflight.AreaID
		want   []string
	}{
		"no sysctls": {remove("/proc/sys/kernel/kexec_load_disabled", "/proc/sys/kernel/kexec_load_limit_reboot"), preflight.AreaKernel, []string{"Linux 6.1.0 runs", "user root"}},
		"no load left": {set("/proc/sys/kernel/kexec_load_limit_reboot", "0\n"), preflight.AreaKernel,
			[]string{"Linux 6.1.0 runs", "kexec_load_disabled is 0", "loads left: 0", "user root"}},
		"Secure Boot":     {set("/efi/SecureBoot-"+global, nv+"\x01"), preflight.AreaSecurity, []string{"Secure Boot is on", "lockdown is none", "the kernel file is not signed"}},
		"no Secure Boot":  {set("/efi/SecureBoot-"+global, nv+"\x00"), preflight.AreaSecurity, []string{"Secure Boot is off", "lockdown is none", "the kernel file is not signed"}},
		"no signature":    {kernel(preflight.Signature{}), preflight.AreaSecurity, []string{"Secure Boot is not known", "lockdown is none"}},
		"no lockdown":     {remove("/sys/kernel/security"), preflight.AreaSecurity, []string{"Secure Boot is not known", "the kernel file is not signed"}},
		"two spaces":      {func(b *box) { b.plan.Running, b.plan.Cmdline = "resume=/dev/vda3", "resume=/dev/vda3" }, preflight.AreaDisks, []string{"encrypted: root", "no TPM", "2 swap spaces to hold a hibernation image"}},
		"no space":        {remove("/etc/fstab"), preflight.AreaDisks, []string{"encrypted: root", "no TPM", "no swap space to hold a hibernation image"}},
		"nothing crypted": {remove("/proc/self/mountinfo"), preflight.AreaDisks, []string{"the system is on no encrypted volume", "no TPM", "1 swap space to hold a hibernation image"}},
		"two volumes": {set("/sys/class/block/vda2/dm/uuid", "CRYPT-PLAIN-x\n", "/sys/class/block/vda2/dm/name", "lower\n"), preflight.AreaDisks,
			[]string{"encrypted: root, lower", "no TPM", "1 swap space to hold a hibernation image"}},
		"dracut":          {set(shutdown, "kexec -e\n"), preflight.AreaShutdown, []string{"init: systemd", "a shutdown ends in an initramfs that starts kexec"}},
		"switched off":    {set(shutdown, oldMkinitcpio), preflight.AreaShutdown, []string{"init: systemd", "a shutdown ends in a script"}},
		"not known":       {set(shutdown, "true\n"), preflight.AreaShutdown, []string{"init: systemd", "a shutdown ends in a script"}},
		"loaded already":  {func(b *box) { b.plan.Loaded = true }, preflight.AreaMemory, []string{"1024 MiB are available", "none is reserved for a crash kernel"}},
		"no need":         {func(b *box) { b.plan.Memory = 0 }, preflight.AreaMemory, []string{"1024 MiB are available", "none is reserved for a crash kernel"}},
		"no meminfo":      {remove("/proc/meminfo"), preflight.AreaMemory, []string{"the load needs 152 MiB", "none is reserved for a crash kernel"}},
		"a negative size": {set("/sys/kernel/kexec_crash_size", "-1\n"), preflight.AreaMemory, []string{"the load needs 152 MiB", "1024 MiB are available", "none is reserved for a crash kernel"}},
		"a model": {func(b *box) {
			b.remove("/sys/class/dmi", "/sys/class/drm", "/sys/class/watchdog", "/sys/firmware/efi").set("/sys/firmware/devicetree/base/model", "Board\x00")
		}, preflight.AreaHardware, []string{"Board", "no EFI firmware", "no watchdog"}},
		"under Hyper-V": {set("/sys/bus/vmbus/devices/x/y", "", "/sys/class/drm/card1/device/driver", "-> ../../bus/pci/drivers/ast"), preflight.AreaHardware,
			[]string{"Dell Inc. PowerEdge R640", "under hyperv", "EFI firmware", "graphics: ast, i915", "1 watchdog"}},
		"no entry":        {func(b *box) { b.plan.Kernel.Release = "" }, preflight.AreaEntry, nil},
		"an entry loaded": {func(b *box) { b.plan.Loaded = true }, preflight.AreaEntry, nil},
	} {
		b := newBox()
		v.change(b)
		r := inspect(t, b)
		assert.Equal(t, v.want, r.Area(v.area).Facts, name)
	}
	r := inspect(t, newBox().remove("/run/systemd").set("/proc/1/comm", "runit\n"))
	assert.Len(t, r.Area(preflight.AreaShutdown).Facts, 1, "who knows what another init does")
}

// TestAreasOfFindings: each finding is where a person looks for it.
func TestAreasOfFindings(t *testing.T) {
	for area, v := range map[preflight.AreaID]struct {
		change func(*box)
		want   []string
	}{
		preflight.AreaKernel:   {func(b *box) { b.set("/run/systemd/container", "lxc\n") }, []string{"error container"}},
		preflight.AreaSecurity: {func(b *box) { b.set("/efi/SecureBoot-"+global, nv+"\x01") }, []string{"warning secure-boot"}},
		preflight.AreaInitrd:   {func(b *box) { b.plan.InitrdReleases = []string{"1.0"} }, []string{"warning initrd-version"}},
		preflight.AreaEntry:    {func(b *box) { b.plan.Counted = true }, []string{"warning entry-bad"}},
		preflight.AreaDisks:    {func(b *box) { b.remove("/etc/crypttab") }, []string{"info luks-passphrase"}},
		preflight.AreaShutdown: {func(b *box) { b.set("/etc/systemd/system/kexec.target", "-> /dev/null") }, []string{"error kexec-target"}},
		preflight.AreaMemory:   {func(b *box) { b.set("/sys/kernel/kexec_crash_size", "1\n") }, []string{"warning kdump-lost"}},
		preflight.AreaHardware: {func(b *box) {
			b.set("/sys/bus/pci/drivers/vfio-pci/0:1:0/x", "", "/sys/class/watchdog/watchdog0/nowayout", "1", "/efi/BootNext-"+global, nv+"\x01\x00")
		}, []string{"warning boot-next", "warning watchdog", "warning vfio"}},
	} {
		b := newBox()
		v.change(b)
		r := inspect(t, b)
		assert.Equal(t, v.want, ids(r.Area(area).Findings), area)
		assert.Equal(t, v.want, ids(r.Findings), area)
	}
}
