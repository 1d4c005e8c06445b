package loader_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/loader"
)

const dropInFile = "etc/systemd/system/systemd-reboot.service.d/50-kexec-bls.conf"

func TestEnable(t *testing.T) {
	guard, load, reload := "enable kexec-bls-guard.service ", "enable kexec-bls-load.service ", "enable kexec-bls-reload.path "
	for name, c := range map[string]struct {
		load bool
		acts []string
	}{
		"boot": {true, []string{guard + "true", load + "true", reload + "true", "start kexec-bls-guard.service", "daemon-reload"}},
		"off":  {false, []string{guard + "true", "start kexec-bls-guard.service", "daemon-reload"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.expect(c.acts...)
			require.NoError(t, f.Enable(t.Context(), c.load))
			assert.Equal(t, c.acts, f.acts)
			on, err := f.Enabled()
			require.NoError(t, err)
			assert.True(t, on)

			undo := []string{"daemon-reload", load + "false", reload + "false", guard + "false"}
			f.acts = nil
			f.expect(undo...)
			require.NoError(t, f.Disable(t.Context()))
			assert.Equal(t, undo, f.acts)
			assert.NoFileExists(t, f.path(dropInFile))
		})
	}
}

// TestEnableFails: no reboot becomes a kexec where a step before that failed.
func TestEnableFails(t *testing.T) {
	for _, act := range []string{"enable kexec-bls-guard.service true", "start kexec-bls-guard.service", "daemon-reload"} {
		t.Run(act, func(t *testing.T) {
			f := newFake(t)
			f.expect("enable kexec-bls-guard.service true", "start kexec-bls-guard.service", "daemon-reload")
			f.done[act] = errors.New("refused")
			require.ErrorContains(t, f.Enable(t.Context(), false), "refused")
			assert.NoFileExists(t, f.path(dropInFile))
		})
	}
}

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
			reasons, err := f.GuardReboot(t.Context(), f.open(), loader.CheckOptions{})
			require.NoError(t, err)
			if c.reason == "" {
				assert.Empty(t, reasons)
				assert.True(t, f.there)
				return
			}
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0], c.reason)
			assert.Equal(t, []string{"unload"}, f.acts)
			assert.NoFileExists(t, f.path("run/kexec-bls/loaded.json"))
		})
	}
}

// TestGuardIgnores: what the load was to ignore does not undo it.
func TestGuardIgnores(t *testing.T) {
	f := newFake(t)
	p := f.plan("arch", loader.PlanOptions{Request: &loader.Request{Ignore: []loader.FindingID{"hibernation"}}})
	_, err := f.Load(t.Context(), p, loader.LoadOptions{})
	require.NoError(t, err)
	f.write(map[string]string{"efivars/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67": variable(1)})
	f.endsBy = "reboot"
	f.expect("ending")
	reasons, err := f.GuardReboot(t.Context(), f.open(), loader.CheckOptions{})
	require.NoError(t, err)
	assert.Empty(t, reasons)
	assert.True(t, f.there)
}

// TestGuardOtherEnds: what is no reboot is left alone, and what cannot be
// determined goes through the firmware.
func TestGuardOtherEnds(t *testing.T) {
	for _, end := range []string{"", "kexec", "poweroff", "halt"} {
		f := newFake(t)
		f.write(map[string]string{"run/systemd/reboot-to-firmware-setup": ""})
		f.load("arch")
		f.endsBy = end
		f.expect("ending")
		reasons, err := f.GuardReboot(t.Context(), nil, loader.CheckOptions{})
		require.NoError(t, err)
		assert.Empty(t, reasons, end)
		assert.True(t, f.there, end)
	}
	f := newFake(t)
	f.load("arch")
	f.done["ending"] = errors.New("no bus")
	reasons, err := f.GuardReboot(t.Context(), nil, loader.CheckOptions{})
	require.NoError(t, err)
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[0], "no bus")
	assert.False(t, f.there)
}

func TestGuardNothingLoaded(t *testing.T) {
	f := newFake(t)
	reasons, err := f.GuardReboot(t.Context(), nil, loader.CheckOptions{})
	require.NoError(t, err)
	assert.Empty(t, reasons)
	assert.Empty(t, f.acts)
}
