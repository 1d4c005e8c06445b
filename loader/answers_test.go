package loader_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// TestSecureBootIsOn where the variable says so, else where the kernel was told so;
// on a machine with EFI that says nothing it is taken as on.
func TestSecureBootIsOn(t *testing.T) {
	const efi, parameters = "sys/firmware/efi/x", "sys/kernel/boot_params/data"
	told := func(mode string) string {
		return strings.Repeat("\x00", 0x1ec) + mode + strings.Repeat("\x00", 4096-0x1ed)
	}
	secure := "efivars/SecureBoot-" + bli.GlobalVendor
	for name, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"no EFI":                          {nil, false},
		"EFI alone":                       {map[string]string{efi: ""}, true},
		"the kernel was told off":         {map[string]string{efi: "", parameters: told("\x02")}, false},
		"the kernel was told on":          {map[string]string{efi: "", parameters: told("\x03")}, true},
		"the variable on":                 {map[string]string{efi: "", parameters: told("\x02"), secure: variable(1)}, true},
		"the variable off":                {map[string]string{efi: "", parameters: told("\x03"), secure: variable(0)}, false},
		"a variable of nothing":           {map[string]string{efi: "", parameters: told("\x02"), secure: variable()}, false},
		"a variable of two bytes":         {map[string]string{efi: "", parameters: told("\x02"), secure: variable(1, 1)}, false},
		"a variable without attributes":   {map[string]string{efi: "", secure: "\x00"}, true},
		"a variable that is out of range": {map[string]string{efi: "", secure: variable(2)}, false},
	} {
		f := newFake(t)
		f.write(c.files)
		assert.Equal(t, c.want, loader.SecureBoot(f.open()), name)
	}
}

// TestMissedByName: of a kernel whose release is not known, the entry counts.
func TestMissedByName(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/vmlinuz": kernelOf("")})
	f.expect(kexecArch)
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	f.nextBoot(false)
	f.Booted(t.Context())
	found := f.missed("arch")
	require.Len(t, found, 1)
	assert.Contains(t, found[0].Hint, "TROUBLESHOOTING in kexec-bls(8)")
	assert.Empty(t, f.missed("other"))
	f.write(map[string]string{"esp/vmlinuz": kernelOf("6.12.1 (b@h) #1 SMP")})
	assert.Empty(t, f.missed("arch"), "another kernel by now")
}

// TestMissedIsInCheckLoaded, of what this boot has loaded; of another program's
// image nothing is known.
func TestMissedIsInCheckLoaded(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch)
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	f.nextBoot(false)
	f.Booted(t.Context())
	missed := func() (n int) {
		for _, found := range f.CheckLoaded(loader.CheckOptions{}) {
			if found.ID == loader.FindingKexecMissed {
				n++
			}
		}
		return n
	}
	f.there = true
	assert.Zero(t, missed())
	f.load("other")
	assert.Equal(t, 1, missed(), "the same kernel")
}

// TestLeastRebootAfterAMissedKexec does not take the same way again, unless it is
// told to.
func TestLeastRebootAfterAMissedKexec(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch)
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	f.nextBoot(false)
	f.Booted(t.Context())
	l, err := f.LeastReboot(t.Context(), f.open(), loader.LeastOptions{})
	require.NoError(t, err)
	assert.Equal(t, loader.ByFirmware, l.Way)
	assert.Equal(t, "kernel 6.1.0 runs, arch.conf would boot 6.12.1", l.Reasons[0])
	assert.Contains(t, l.Reasons[len(l.Reasons)-1], "the last kexec into arch.conf")
	l, err = f.LeastReboot(t.Context(), f.open(), loader.LeastOptions{Ignore: []loader.FindingID{loader.FindingKexecMissed}})
	require.NoError(t, err)
	assert.Equal(t, loader.ByKexec, l.Way)
}

// TestLeastRebootNamesAPackageOnce, and each note of a package manager.
func TestLeastRebootNamesAPackageOnce(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{
		"proc/sys/kernel/osrelease": "6.12.1\n", "proc/sys/kernel/version": "#1 SMP\n", "proc/cmdline": "root=/dev/vda2 rw quiet\n",
		"run/reboot-required": "", "run/reboot-required.pkgs": "libc6\nlibc6\n\ndbus libc6\n", "run/reboot-needed": "",
	})
	l, err := f.LeastReboot(t.Context(), f.open(), loader.LeastOptions{})
	require.NoError(t, err)
	assert.Equal(t, loader.Least{Way: loader.ByKexec, Reasons: []string{"/run/reboot-required exists: libc6 dbus libc6", "/run/reboot-needed exists"}}, l)
}

// TestLeastRebootWithoutAVersion: a kernel that does not say what it is may be
// another one.
func TestLeastRebootWithoutAVersion(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/vmlinuz": kernelOf("")})
	l, err := f.LeastReboot(t.Context(), f.open(), loader.LeastOptions{Ignore: []loader.FindingID{loader.AllFindings}})
	require.NoError(t, err)
	assert.Equal(t, loader.Least{Way: loader.ByKexec, Reasons: []string{"arch.conf: the version of its kernel cannot be read"}}, l)
}

// TestSoftRebootIsRefused: nothing was accepted then.
func TestSoftRebootIsRefused(t *testing.T) {
	f := newFake(t)
	opt := loader.RebootOptions{OnAccepted: func() { t.Error("accepted") }}
	f.done["soft-reboot"] = errors.New("inhibited")
	require.EqualError(t, f.SoftReboot(t.Context(), opt), "inhibited")
	f.acts, f.done["check"] = nil, errors.New("bad time")
	require.EqualError(t, f.SoftReboot(t.Context(), opt), "bad time; nothing was changed")
	assert.Empty(t, f.acts)
	f.remove("run/systemd")
	opt.Init.When = "+1h"
	require.ErrorIs(t, f.SoftReboot(t.Context(), opt), loader.ErrNoSchedule)
}

// TestUnloadWithoutAnAnswer: where it is not known whether anything is loaded, it is
// unloaded all the same, and the error is said.
func TestUnloadWithoutAnAnswer(t *testing.T) {
	f := newFake(t)
	f.load("arch")
	f.acts, f.done["loaded"] = nil, errors.New("no sysfs")
	_, err := f.Unload(t.Context())
	require.EqualError(t, err, "no sysfs")
	assert.Equal(t, []string{"unload"}, f.acts)
}

// TestNoAnswerFromTheKernel ends what depends on it before anything is changed.
func TestNoAnswerFromTheKernel(t *testing.T) {
	f := newFake(t)
	stale := f.load("arch")
	f.expect("cancel")
	f.acts, f.done["loaded"] = nil, errors.New("no sysfs")
	_, err := f.Status(t.Context(), nil, loader.StatusOptions{})
	require.EqualError(t, err, "no sysfs")
	_, err = f.Reload(t.Context(), loader.ReloadOptions{})
	require.EqualError(t, err, "no sysfs")
	require.EqualError(t, f.RebootLoaded(t.Context(), rebooting(reboot.Options{})), "no sysfs")
	require.EqualError(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})), "a loaded kernel could turn the reboot into a kexec: no sysfs")
	assert.Empty(t, f.acts)
	_, err = f.Cancel(t.Context(), loader.RebootOptions{})
	require.EqualError(t, err, "no sysfs")
	assert.Equal(t, []string{"cancel"}, f.acts)
	f.remove("run/kexec-bls/loaded.json")
	gone, err := f.UnloadStale(t.Context(), stale)
	require.NoError(t, err)
	assert.False(t, gone, "there is no receipt to compare with")
}
