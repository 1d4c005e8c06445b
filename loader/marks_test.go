package loader_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

const firmwareMark, askedMark = "run/kexec-bls/reboot-by-firmware", "run/kexec-bls/kexec-asked"

// marked are the marks for the guard that a reboot has left.
func (f *fake) marked() string {
	marks := ""
	for _, mark := range []string{firmwareMark, askedMark} {
		if _, err := os.Lstat(f.path(mark)); err == nil {
			marks += mark[len("run/kexec-bls/"):] + " "
		}
	}
	return marks
}

// TestMarksOfAReboot: the last request counts, and one that was refused leaves none.
func TestMarksOfAReboot(t *testing.T) {
	f := newFake(t)
	f.load("arch")
	f.expect(kexecArch, "reboot", "cancel")
	require.NoError(t, f.RebootLoaded(t.Context(), rebooting(reboot.Options{})))
	assert.Equal(t, "kexec-asked ", f.marked())
	require.NoError(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})))
	assert.Equal(t, "reboot-by-firmware ", f.marked())
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	assert.Equal(t, "kexec-asked ", f.marked())
	_, err := f.Cancel(t.Context(), loader.RebootOptions{})
	require.NoError(t, err)
	assert.Empty(t, f.marked())

	f.done["reboot"], f.done[kexecArch] = errors.New("inhibited"), errors.New("inhibited")
	require.Error(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})))
	assert.Empty(t, f.marked())
	require.Error(t, f.reboot("arch", reboot.Options{}))
	assert.Empty(t, f.marked())
}

// TestMarksAreForSystemd: nobody else reads them.
func TestMarksAreForSystemd(t *testing.T) {
	f := newFake(t)
	f.runInit(host.OpenRC, "openrc-init")
	f.expect("native kexec", "native reboot")
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	assert.Empty(t, f.marked())
	require.NoError(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})))
	assert.Empty(t, f.marked())
}

// TestMessageOfAReboot is the user's where there is one.
func TestMessageOfAReboot(t *testing.T) {
	f := newFake(t)
	f.expect("systemctl upgrade tonight", "reboot")
	require.NoError(t, f.reboot("arch", reboot.Options{Message: "upgrade tonight"}))
	var said []string
	f.Init.Reboot = func(_ context.Context, o reboot.Options) error {
		said = append(said, o.Message)
		return nil
	}
	require.NoError(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{Message: "upgrade tonight"})))
	require.NoError(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})))
	assert.Equal(t, []string{"upgrade tonight", "reboot through the firmware"}, said)
}

// TestGuardAnswersFirmware: what only the firmware can answer is a reason, whatever
// is to be ignored.
func TestGuardAnswersFirmware(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"setup":    {"efivars/OsIndications-" + bli.GlobalVendor: variable(1, 0, 0, 0, 0, 0, 0, 0)},
		"capsule":  {"efivars/OsIndications-" + bli.GlobalVendor: variable(4, 0, 0, 0, 0, 0, 0, 0)},
		"BootNext": {"efivars/BootNext-" + bli.GlobalVendor: variable(3, 0)},
	} {
		f := newFake(t)
		f.write(files)
		f.load("arch")
		f.endsBy = "reboot"
		f.expect("ending")
		reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{Ignore: []loader.FindingID{loader.AllFindings}})
		require.NoError(t, err, name)
		assert.Len(t, reasons, 1, name)
		assert.False(t, f.there, name)
	}
}

// TestGuardLeavesOtherRecords: the end of an earlier boot is not the one that is
// under way.
func TestGuardLeavesOtherRecords(t *testing.T) {
	f := newFake(t)
	h := state.History{Dir: f.StateDir}
	earlier := state.ShutdownRecord{Schema: 1, BootID: "earlier", Kind: "reboot", Requested: time.Unix(1, 0).UTC()}
	f.load("arch")
	require.NoError(t, h.SaveShutdown(earlier))
	f.endsBy = "reboot"
	f.expect("ending")
	_, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
	require.NoError(t, err)
	assert.FileExists(t, f.path(consentFile))
	got, err := h.Shutdown()
	require.NoError(t, err)
	assert.Equal(t, earlier, got)
}

// TestGuardTakesConsentBack: that of an earlier shutdown, which did not happen,
// counts for no other.
func TestGuardTakesConsentBack(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{consentFile: ""})
	f.endsBy = "poweroff"
	f.expect("ending")
	_, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
	require.NoError(t, err)
	assert.NoFileExists(t, f.path(consentFile))
}

// TestRequestedBefore: whoever asked for the reboot knows better when that was than
// the unit that is stopped by it, as long as it is the same reboot.
func TestRequestedBefore(t *testing.T) {
	for name, c := range map[string]struct {
		ago  time.Duration
		boot string
		kept bool
	}{
		"a moment ago":         {time.Second, bootID, true},
		"nearly too long ago":  {9 * time.Minute, bootID, true},
		"another reboot":       {11 * time.Minute, bootID, false},
		"the clock was set":    {-time.Minute, bootID, false},
		"another boot's":       {time.Second, "another", false},
		"of another boot, ago": {11 * time.Minute, "another", false},
	} {
		f := newFake(t)
		h := state.History{Dir: f.StateDir}
		requested := time.Now().UTC().Add(-c.ago)
		require.NoError(t, h.SaveShutdown(state.ShutdownRecord{Schema: 1, BootID: c.boot, Kind: "kexec", Requested: requested}))
		f.endsBy = "reboot"
		f.expect("ending")
		require.NoError(t, f.ShuttingDown(t.Context(), loader.LoadOptions{}))
		got, err := h.Shutdown()
		require.NoError(t, err)
		assert.Equal(t, c.kept, got.Requested.Equal(requested), name)
		got.Requested = time.Time{}
		assert.Equal(t, state.ShutdownRecord{Schema: 1, BootID: bootID, Kind: "reboot"}, got, name)
	}
}

// TestOneShotThatCannotBeRead is no reason to leave what efibc wrote.
func TestOneShotThatCannotBeRead(t *testing.T) {
	for name, kept := range map[string]*state.KeptVariable{
		"none was kept":   nil,
		"half a letter":   {Name: bli.EntryOneShot, Attributes: 7, Data: []byte{1}},
		"another's value": {Name: bli.EntryDefault, Attributes: 7, Data: bli.Encode("other.conf")},
	} {
		f := newFake(t)
		f.expect("reached")
		b, err := json.Marshal(state.ShutdownRecord{Schema: 1, BootID: "one", Kind: "kexec", OneShot: kept})
		require.NoError(t, err)
		f.write(map[string]string{"var/lib/kexec-bls/end.json": string(b)})
		f.setVar(bli.EntryOneShot, efibcJunk)
		r := f.Booted(t.Context())
		assert.Empty(t, r.Warnings, name)
		assert.Equal(t, `cleared "kexec reboot" from LoaderEntryOneShot, which the kernel (efibc) writes at a kexec`, r.Restored, name)
		assert.Empty(t, f.variable(bli.EntryOneShot), name)
		assert.Empty(t, f.variable(bli.EntryDefault), name)
	}
}
