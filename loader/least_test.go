package loader_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/loader"
)

func TestLeastReboot(t *testing.T) {
	const target, required = "usr/lib/systemd/system/soft-reboot.target", "run/reboot-required"
	same := map[string]string{
		"proc/sys/kernel/osrelease": "6.12.1\n", "proc/sys/kernel/version": "#1 SMP\n", "proc/cmdline": "root=/dev/vda2 rw quiet\n", target: "",
	}
	indications := "efivars/OsIndications-" + bli.GlobalVendor
	hibernation := map[string]string{"efivars/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67": variable(1)}
	for name, c := range map[string]struct {
		other  bool // another kernel would boot
		files  map[string]string
		opt    loader.LeastOptions
		way    loader.Way
		reason string
	}{
		"nothing to do":               {way: loader.NoReboot, reason: "are those of the next boot"},
		"another kernel":              {other: true, way: loader.ByKexec, reason: "kernel 6.1.0 runs"},
		"new root":                    {files: map[string]string{"run/nextroot/x": ""}, way: loader.SoftReboot, reason: "/run/nextroot"},
		"new root, another kernel":    {other: true, files: map[string]string{"run/nextroot/x": ""}, way: loader.ByKexec, reason: "kernel 6.1.0 runs"},
		"reboot-required":             {files: map[string]string{required: ""}, way: loader.ByKexec, reason: "/run/reboot-required exists"},
		"reboot-needed":               {files: map[string]string{"run/reboot-needed": ""}, way: loader.ByKexec, reason: "/run/reboot-needed exists"},
		"userspace, allowed":          {files: map[string]string{required: "", required + ".pkgs": "libc6\ndbus\n"}, opt: loader.LeastOptions{Soft: true}, way: loader.SoftReboot, reason: "libc6 dbus"},
		"openSUSE, allowed":           {files: map[string]string{"run/reboot-needed": ""}, opt: loader.LeastOptions{Soft: true}, way: loader.SoftReboot, reason: "reboot-needed"},
		"userspace":                   {files: map[string]string{required: "", required + ".pkgs": "libc6\n"}, way: loader.ByKexec, reason: "libc6"},
		"microcode":                   {files: map[string]string{required: "", required + ".pkgs": "libc6\nintel-microcode\n"}, opt: loader.LeastOptions{Soft: true}, way: loader.ByKexec, reason: "intel-microcode"},
		"kernel package":              {files: map[string]string{required: "", required + ".pkgs": "linux-image-6.12.1\n"}, opt: loader.LeastOptions{Soft: true}, way: loader.ByKexec, reason: "linux-image"},
		"allowed, nothing wanted":     {opt: loader.LeastOptions{Soft: true}, way: loader.NoReboot},
		"capsule on the ESP":          {files: map[string]string{"esp/EFI/UpdateCapsule/fw.cap": "x"}, way: loader.ByFirmware, reason: "is a firmware update"},
		"capsule requested":           {files: map[string]string{indications: variable(4, 0, 0, 0, 0, 0, 0, 0)}, way: loader.ByFirmware, reason: "capsule"},
		"setup, another kernel":       {other: true, files: map[string]string{"run/systemd/reboot-to-firmware-setup": ""}, way: loader.ByFirmware, reason: "reboot-to-firmware-setup"},
		"blocker":                     {other: true, files: hibernation, way: loader.ByFirmware, reason: "hibernation image"},
		"blocker, ignored":            {other: true, files: hibernation, opt: loader.LeastOptions{Ignore: []loader.FindingID{"hibernation"}}, way: loader.ByKexec, reason: "kernel 6.1.0 runs"},
		"blocker, nothing to do":      {files: hibernation, way: loader.NoReboot},
		"EFI program, wanted":         {files: map[string]string{"esp/loader/loader.conf": "default w*\n", "esp/loader/entries/w.conf": "efi /app.efi\n", required: ""}, way: loader.ByFirmware, reason: "kexec cannot start w.conf"},
		"one-shot entry, kexec boots": {files: map[string]string{"efivars/LoaderEntryOneShot-" + bli.LoaderVendor: wide("other.conf")}, way: loader.ByKexec, reason: "command line"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			if !c.other {
				f.write(same)
			}
			f.write(map[string]string{target: ""})
			f.write(c.files)
			l, err := f.LeastReboot(t.Context(), f.open(), c.opt)
			require.NoError(t, err)
			assert.Equal(t, c.way, l.Way, l.Reasons)
			assert.Contains(t, strings.Join(l.Reasons, "; "), c.reason)
			assert.Empty(t, f.acts)
		})
	}
}

// TestLeastRebootOldSystemd: systemd before 254 has no soft-reboot.
func TestLeastRebootOldSystemd(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"run/nextroot/x": "", "run/reboot-required": "", "proc/cmdline": "root=/dev/vda2 rw quiet\n"})
	l, err := f.LeastReboot(t.Context(), f.open(), loader.LeastOptions{Soft: true})
	require.NoError(t, err)
	assert.Equal(t, loader.ByKexec, l.Way)
}

// TestLeastRebootUnknown: what boots next has to be known.
func TestLeastRebootUnknown(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/loader/loader.conf": "default w*\n", "esp/loader/entries/w.conf": "efi /app.efi\n"})
	_, err := f.LeastReboot(t.Context(), f.open(), loader.LeastOptions{})
	require.ErrorContains(t, err, "kexec cannot start w.conf")
}

func TestSoftReboot(t *testing.T) {
	f := newFake(t)
	f.load("arch")
	f.expect("soft-reboot")
	accepted := 0
	opt := loader.RebootOptions{OnAccepted: func() { accepted++ }, DryRun: true}
	require.NoError(t, f.SoftReboot(t.Context(), opt))
	assert.Equal(t, []string{"load"}, f.acts)
	opt.DryRun = false
	require.NoError(t, f.SoftReboot(t.Context(), opt))
	assert.Equal(t, []string{"load", "soft-reboot"}, f.acts)
	assert.Equal(t, 1, accepted)
	assert.True(t, f.there)
}
