package entries

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// TestAutoTitles are those of bootctl 262 for what systemd-boot itself provides.
func TestAutoTitles(t *testing.T) {
	for id, want := range map[string]string{
		"auto-osx": "macOS", "auto-windows": "Windows Boot Manager", "auto-efi-shell": "EFI Shell", "auto-efi-default": "EFI Default Loader",
		"auto-poweroff": "Power Off The System", "auto-reboot": "Reboot The System", "auto-reboot-to-firmware-setup": "Reboot Into Firmware Interface",
		"AUTO-Windows": "Windows Boot Manager", "auto-": "", "auto-new": "",
	} {
		e := reported(id)
		assert.Equal(t, want, e.Title, id)
		assert.Equal(t, bls.Auto, e.Type, id)
		assert.Equal(t, -1, e.Profile, id)
		assert.True(t, e.IsReported, id)
	}
	assert.Equal(t, bls.Reported, reported("automatic.conf").Type)
}

// TestReportedTwice: an id is added once, in whatever case it is reported, and one that
// two partitions have is reported of both.
func TestReportedTwice(t *testing.T) {
	files := map[string]string{"v": "k", "loader/entries/a.conf": plain}
	l := readMenu([]*esp.Volume{volume(t, esp.ESP, files), volume(t, esp.XBOOTLDR, files)}, "x64")
	l.report([]string{"new.conf", "A.conf", "NEW.conf", "", "other.conf"})
	assert.Equal(t, []string{"a.conf", "a.conf", "new.conf", "other.conf"}, ids(l))
	for _, e := range l.entries {
		assert.True(t, e.IsReported, e.ID)
	}
}

// TestRuleNames: a variable is named with its value, a key of loader.conf with its
// pattern.
func TestRuleNames(t *testing.T) {
	l := list(t, map[string]string{"a.conf": plain})
	c := l.choose(Vars{OneShot: "x", Preferred: "@saved", LastBooted: "y", Default: "z"}, bls.LoaderConf{Preferred: "p", Default: "@SAVED"})
	assert.Equal(t, []string{
		`LoaderEntryOneShot "x" matches no entry`, `LoaderEntryPreferred @saved "y" matches no entry`, "loader.conf preferred p matches no entry",
		`LoaderEntryDefault "z" matches no entry`, "loader.conf default @saved y matches no entry",
	}, c.Missed)
	assert.Equal(t, "first bootable in order", c.Rule)
	assert.False(t, c.OneShot)
}

// TestSavedIsAnID: what was booted last is compared whole, and is no pattern.
func TestSavedIsAnID(t *testing.T) {
	l := list(t, map[string]string{"a.conf": plain, "b.conf": plain})
	for last, want := range map[string]string{"A.CONF": "a.conf", "*": "b.conf", "a*": "b.conf", "a": "b.conf", "": "b.conf"} {
		assert.Equal(t, want, l.choose(Vars{Default: "@saved", LastBooted: last}, bls.LoaderConf{}).Entry.ID, last)
	}
	missed := l.choose(Vars{Default: "@saved", LastBooted: "a"}, bls.LoaderConf{}).Missed
	assert.Equal(t, []string{`LoaderEntryDefault @saved "a" matches no entry; the suffix is part of the id, a.conf would match a.conf`}, missed)
}

// TestExistsAsksOnce: many entries share a kernel, and what it was is kept.
func TestExistsAsksOnce(t *testing.T) {
	v := volume(t, esp.ESP, map[string]string{"v": "k"})
	r := reader{menu: &menu{}, volume: v}
	require.NoError(t, r.exists("/v"))
	require.Error(t, r.exists("/gone"))
	require.NoError(t, os.Rename(filepath.Join(v.Dir, "v"), filepath.Join(v.Dir, "gone")))
	assert.NoError(t, r.exists("/v"))
	assert.EqualError(t, r.exists("/gone"), "no such file or directory")
}

// TestWhoStartedTheMachine goes by the name before the blank.
func TestWhoStartedTheMachine(t *testing.T) {
	for info, want := range map[string]bool{"systemd-boot 262": true, "systemd-boot 262.1-2": true, "systemd-boot": false, "systemd-bootx 1": false, "GRUB 2.14": false, "": false} {
		assert.Equal(t, want, Vars{Info: info}.SystemdBoot(), info)
	}
}

// TestVarsThatCannotBeDecoded: one that is broken is an error beside the others, and one
// that is absent is none.
func TestVarsThatCannotBeDecoded(t *testing.T) {
	none := func(string) func() { return func() {} }
	_, o := machine(t, with(loaderVar(bli.Info, "systemd-boot 262"), loaderVar(bli.EntryDefault, "a.conf")))
	vars, err := readVars(o.Vars, none)
	require.NoError(t, err)
	assert.Equal(t, Vars{Info: "systemd-boot 262", Default: "a.conf"}, vars)

	features := map[string]string{"vars/" + bli.Features + "-" + bli.LoaderVendor: "\x06\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00"}
	_, o = machine(t, with(features, map[string]string{"vars/" + bli.EntryOneShot + "-" + bli.LoaderVendor: "\x07\x00\x00\x00a"}))
	vars, err = readVars(o.Vars, none)
	assert.ErrorContains(t, err, bli.EntryOneShot)
	assert.Equal(t, Vars{Features: 1 << 19, HasFeatures: true}, vars)

	_, o = machine(t, map[string]string{"vars/" + bli.Features + "-" + bli.LoaderVendor: "\x06\x00\x00\x00\x01"})
	vars, err = readVars(o.Vars, none)
	assert.ErrorContains(t, err, bli.Features)
	assert.False(t, vars.HasFeatures, "it says nothing")
}
