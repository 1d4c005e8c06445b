package loader_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/loader"
)

const consentFile = "run/kexec-bls/reboot-by-kexec"

// variable is the content of an EFI variable's file.
func variable(data ...byte) string { return "\x07\x00\x00\x00" + string(data) }

func wide(s string) string {
	var b []byte
	for _, c := range utf16.Encode([]rune(s + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return variable(b...)
}

func TestGuardReboot(t *testing.T) {
	oneShot, menu := "efivars/LoaderEntryOneShot-"+bli.LoaderVendor, "efivars/LoaderConfigTimeoutOneShot-"+bli.LoaderVendor
	indications := "efivars/OsIndications-" + bli.GlobalVendor
	for name, c := range map[string]struct {
		files  map[string]string
		reason string // "": the image remains
	}{
		"nothing waits":        {nil, ""},
		"junk of efibc":        {map[string]string{oneShot: wide(bli.KexecJunk)}, ""},
		"--firmware-setup":     {map[string]string{indications: variable(1, 0, 0, 0, 0, 0, 0, 0)}, "setup is requested"},
		"capsule requested":    {map[string]string{indications: variable(4, 0, 0, 0, 0, 0, 0, 0)}, "capsule"},
		"other indications":    {map[string]string{indications: variable(2, 0, 0, 0, 0, 0, 0, 0)}, ""},
		"BootNext":             {map[string]string{"efivars/BootNext-" + bli.GlobalVendor: variable(3, 0)}, "Boot0003"},
		"one-shot EFI program": {map[string]string{oneShot: wide("auto-windows")}, "auto-windows once"},
		"--boot-loader-menu":   {map[string]string{menu: wide("10")}, "menu once"},
		"capsule on the ESP":   {map[string]string{"esp/EFI/UpdateCapsule/fw.cap": "x"}, "EFI/UpdateCapsule/fw.cap is a firmware update"},
		"blocker of check":     {map[string]string{"efivars/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67": variable(1)}, "hibernation image"},
		"setup without EFI":    {map[string]string{"run/systemd/reboot-to-firmware-setup": ""}, "reboot-to-firmware-setup exists"},
		"menu without EFI":     {map[string]string{"run/systemd/reboot-to-boot-loader-menu": ""}, "reboot-to-boot-loader-menu exists"},
		"entry without EFI":    {map[string]string{"run/systemd/reboot-to-boot-loader-entry": "a"}, "reboot-to-boot-loader-entry exists"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.write(c.files)
			f.load("arch")
			f.acts, f.endsBy = nil, "reboot"
			f.expect("ending")
			reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
			require.NoError(t, err)
			if c.reason == "" {
				assert.Empty(t, reasons)
				assert.True(t, f.there)
				assert.FileExists(t, f.path(consentFile))
				return
			}
			assert.NoFileExists(t, f.path(consentFile))
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0], c.reason)
			assert.Equal(t, []string{"unload"}, f.acts)
			assert.NoFileExists(t, f.path("run/kexec-bls/loaded.json"))
		})
	}
}

// TestGuardIgnores: what the load, or the configuration, was to ignore does not
// undo it.
func TestGuardIgnores(t *testing.T) {
	for name, c := range map[string]struct{ load, guard []loader.FindingID }{
		"load":          {[]loader.FindingID{"hibernation"}, nil},
		"configuration": {nil, []loader.FindingID{"hibernation"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			p := f.plan("arch", loader.PlanOptions{Request: &loader.Request{Ignore: c.load}})
			_, err := f.Load(t.Context(), p, loader.LoadOptions{})
			require.NoError(t, err)
			f.write(map[string]string{"efivars/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67": variable(1)})
			f.endsBy = "reboot"
			f.expect("ending")
			reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{Ignore: c.guard})
			require.NoError(t, err)
			assert.Empty(t, reasons)
			assert.True(t, f.there)
			assert.FileExists(t, f.path(consentFile))
		})
	}
}

// TestGuardOtherEnds: what is no reboot is left alone, and what cannot be
// determined goes through the firmware.
func TestGuardOtherEnds(t *testing.T) {
	for _, end := range []string{"", "poweroff", "halt"} {
		f := newFake(t)
		f.write(map[string]string{"run/systemd/reboot-to-firmware-setup": ""})
		f.load("arch")
		f.endsBy = end
		f.expect("ending")
		reasons, err := f.GuardReboot(t.Context(), nil, loader.GuardOptions{})
		require.NoError(t, err)
		assert.Empty(t, reasons, end)
		assert.True(t, f.there, end)
		assert.NoFileExists(t, f.path(consentFile))
	}
	f := newFake(t)
	f.load("arch")
	f.done["ending"] = errors.New("no bus")
	reasons, err := f.GuardReboot(t.Context(), nil, loader.GuardOptions{})
	require.NoError(t, err)
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0], "no bus")
	assert.False(t, f.there)
}

func TestGuardNothingLoaded(t *testing.T) {
	f := newFake(t)
	f.endsBy = "reboot"
	f.expect("ending")
	reasons, err := f.GuardReboot(t.Context(), nil, loader.GuardOptions{})
	require.NoError(t, err)
	assert.Empty(t, reasons)
	assert.Empty(t, f.acts)
}

// TestGuardKexec: systemctl reboot --firmware-setup is a kexec where a kernel is
// loaded; one that kexec-bls began is none of those.
func TestGuardKexec(t *testing.T) {
	f := newFake(t)
	f.setVar(bli.EntryOneShot, "other")
	f.load("arch")
	f.endsBy = "kexec"
	f.expect("ending", "systemctl kexec into arch.conf", "systemctl kexec into other.conf")
	require.NoError(t, f.RebootLoaded(t.Context(), loader.RebootOptions{}))
	reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
	require.NoError(t, err)
	assert.Empty(t, reasons)
	assert.True(t, f.there)

	f.load("arch") // another image, for which nobody asked
	reasons, err = f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
	require.NoError(t, err)
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0], "other once")
	assert.False(t, f.there)
}

// TestGuardFirmware: a reboot through the firmware is none of those that load.
func TestGuardFirmware(t *testing.T) {
	f := newFake(t)
	f.expect(enabled("guard.service"), startGuard, reloadUnits, "reboot", "cancel", "ending")
	require.NoError(t, f.Enable(t.Context(), loader.PolicyReboot))
	require.NoError(t, f.RebootFirmware(t.Context(), loader.RebootOptions{}))
	f.endsBy = "reboot"
	guard := func() []string {
		reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{Load: func(context.Context) error {
			f.load("arch")
			return nil
		}})
		require.NoError(t, err)
		return reasons
	}
	assert.Equal(t, []string{"kexec-bls reboot was to go through firmware"}, guard())
	assert.False(t, f.there)

	_, err := f.Cancel(t.Context(), loader.RebootOptions{})
	require.NoError(t, err)
	assert.Empty(t, guard())
	assert.True(t, f.there)
}

// TestGuardLoads: with the policy reboot, a reboot loads.
func TestGuardLoads(t *testing.T) {
	for name, c := range map[string]struct {
		policy loader.Policy
		files  map[string]string
		err    error
		loads  bool
		reason string
	}{
		"reboot":         {policy: loader.PolicyReboot, loads: true},
		"off":            {policy: loader.PolicyOff},
		"upgrade":        {policy: loader.PolicyUpgrade},
		"boot":           {policy: loader.PolicyBoot},
		"load fails":     {policy: loader.PolicyReboot, err: errors.New("no such entry"), reason: "no such entry"},
		"firmware setup": {policy: loader.PolicyReboot, files: map[string]string{"run/systemd/reboot-to-firmware-setup": ""}, reason: "setup exists"},
		"capsule":        {policy: loader.PolicyReboot, files: map[string]string{"esp/EFI/UpdateCapsule/fw.cap": "x"}, reason: "is a firmware update"},
		"one-shot entry": {policy: loader.PolicyReboot, files: map[string]string{"efivars/LoaderEntryOneShot-" + bli.LoaderVendor: wide("other.conf")}, reason: "other.conf once"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.write(c.files)
			f.expect(enabled("guard.service"), enabled("load.service"), enabled("reload.path"), enabled("sysupdate.socket"), startGuard, startSocket, reloadUnits, "ending")
			require.NoError(t, f.Enable(t.Context(), c.policy))
			f.endsBy = "reboot"
			reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{Load: func(context.Context) error {
				if c.err == nil {
					f.load("arch")
				}
				return c.err
			}})
			require.NoError(t, err)
			assert.Equal(t, c.loads, f.there)
			if c.loads {
				assert.FileExists(t, f.path(consentFile))
			} else {
				assert.NoFileExists(t, f.path(consentFile))
			}
			if c.reason == "" {
				assert.Empty(t, reasons)
				return
			}
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0], c.reason)
		})
	}
}

// TestGuardRecords: a reboot that becomes a kexec is one for the next boot.
func TestGuardRecords(t *testing.T) {
	f := newFake(t)
	f.load("arch")
	f.endsBy = "reboot"
	f.expect("ending")
	require.NoError(t, f.ShuttingDown(t.Context(), loader.LoadOptions{}))
	_, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
	require.NoError(t, err)
	end, err := os.ReadFile(f.path("var/lib/kexec-bls/end.json"))
	require.NoError(t, err)
	assert.Contains(t, string(end), `"kind": "kexec"`)
}

// TestGuardStale: what nobody named and the boot loader would not boot any more is
// loaded again, or left to the firmware.
func TestGuardStale(t *testing.T) {
	for name, c := range map[string]struct {
		policy loader.Policy
		entry  string
		reason string
		boots  string
	}{
		"reboot":        {loader.PolicyReboot, "", "", "other"},
		"boot":          {loader.PolicyBoot, "", "what is loaded is stale: the boot loader would boot other.conf now", ""},
		"a named entry": {loader.PolicyBoot, "arch", "", "root=/dev/vda2 rw quiet"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.expect(enabled("guard.service"), enabled("load.service"), enabled("reload.path"), startGuard, reloadUnits, "ending")
			require.NoError(t, f.Enable(t.Context(), c.policy))
			f.load(c.entry)
			f.write(map[string]string{"esp/loader/loader.conf": "default other*\n"})
			f.endsBy = "reboot"
			reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{Load: func(context.Context) error {
				f.load("")
				return nil
			}})
			require.NoError(t, err)
			assert.Equal(t, c.reason, strings.Join(reasons, "; "))
			assert.Equal(t, c.boots != "", f.there)
			if f.there {
				assert.Equal(t, c.boots, f.cmdline)
				assert.FileExists(t, f.path(consentFile))
			} else {
				assert.NoFileExists(t, f.path(consentFile))
			}
		})
	}
}

// TestGuardGRUB: GRUB's next_entry is consumed by GRUB alone.
func TestGuardGRUB(t *testing.T) {
	f := newFake(t)
	head := "# GRUB Environment Block\nsaved_entry=arch\nnext_entry=other\n"
	f.write(map[string]string{"esp/grub2/grubenv": head + strings.Repeat("#", 1024-len(head))})
	f.load("arch")
	f.endsBy = "reboot"
	f.expect("ending")
	reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
	require.NoError(t, err)
	assert.Equal(t, []string{"the boot loader is to boot other.conf once (grubenv next_entry)"}, reasons)
	assert.False(t, f.there)
}
