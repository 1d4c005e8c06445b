package state_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/state"
)

// TestSecondsOfABoot: a duration is only what two times of one clock can show.
func TestSecondsOfABoot(t *testing.T) {
	for name, c := range map[string]struct {
		requested, reached time.Time
		want               float64
	}{
		"both are known":        {noon, noon.Add(1500 * time.Millisecond), 1.5},
		"none is known":         {time.Time{}, time.Time{}, 0},
		"no request":            {time.Time{}, noon, 0},
		"not up yet":            {noon, time.Time{}, 0},
		"at the same time":      {noon, noon, 0},
		"the clock went back":   {noon, noon.Add(-time.Second), 0},
		"just under an hour":    {noon, noon.Add(time.Hour - time.Millisecond), 3599.999},
		"the clock was set":     {noon, noon.Add(time.Hour), 0},
		"in different zones":    {noon, noon.Add(2 * time.Second).In(time.FixedZone("", 3600)), 2},
		"as long as Go can say": {time.Unix(1, 0), time.Unix(1<<40, 0), 0},
	} {
		assert.InDelta(t, c.want, state.Boot{Requested: c.requested, Reached: c.reached}.Seconds(), 1e-9, name)
	}
}

// TestEndThatIsFollowed: from a minute before to an hour after the request, both
// excluded, the start of a kernel belongs to it.
func TestEndThatIsFollowed(t *testing.T) {
	for gap, follows := range map[time.Duration]bool{
		-time.Minute: false, -time.Minute + time.Millisecond: true, 0: true,
		time.Hour - time.Millisecond: true, time.Hour: false, 1000 * time.Hour: false,
	} {
		h, now := kept(t), second()
		now.Started = after(gap)
		require.NoError(t, h.SaveShutdown(end()))
		b, err := h.Boot(now)
		require.NoError(t, err)
		assert.Equal(t, follows, b.Requested.Equal(noon), gap)
	}
}

// TestEndOfNoBoot: a record that names no boot is none of this one.
func TestEndOfNoBoot(t *testing.T) {
	h, e := kept(t), end()
	e.BootID = ""
	require.NoError(t, h.SaveShutdown(e))
	now := second()
	b, err := h.Boot(now)
	require.NoError(t, err)
	assert.Zero(t, b.Requested)
	now.Kexeced, now.Firmware = false, true
	b, err = h.Boot(now)
	require.NoError(t, err)
	assert.Nil(t, b.Missed)
}

// TestReleaseOfTheRunningKernel decides nothing where uname has none.
func TestReleaseOfTheRunningKernel(t *testing.T) {
	h, now := kept(t), second()
	now.Release = ""
	require.NoError(t, h.SaveNext(loadedBefore()))
	b, err := h.Boot(now)
	require.NoError(t, err)
	want := loadedBefore()
	assert.Equal(t, state.Boot{Schema: 1, BootID: "two", Kexeced: true, Image: &want}, b)
}

// TestRecordOfAnUnnamedBoot: a system without a boot id is not taken for another
// one without.
func TestRecordOfAnUnnamedBoot(t *testing.T) {
	h := kept(t)
	require.NoError(t, h.SaveBoot(state.Boot{Schema: 1, Kexeced: true, Requested: noon, Reached: noon}))
	b, err := h.Boot(state.RunningSystem{Started: never})
	require.NoError(t, err)
	assert.Equal(t, state.Boot{Schema: 1}, b)
}

// TestBootIsReadFromItsRecord, whatever else is there by now.
func TestBootIsReadFromItsRecord(t *testing.T) {
	h := kept(t)
	image := loadedBefore()
	want := state.Boot{
		Schema: 1, BootID: "two", Kexeced: true, Image: &image, Requested: noon, Reached: noon.Add(time.Second),
		Firmware: &state.RebootDuration{Requested: noon, Seconds: 60}, Kexec: &state.RebootDuration{Requested: noon, Seconds: 1},
		Missed: &state.MissedKexec{Requested: noon, Image: &image},
	}
	require.NoError(t, h.SaveBoot(want))
	other := loadedBefore()
	other.Entry = "other.conf"
	require.NoError(t, h.SaveNext(other))
	require.NoError(t, h.SaveShutdown(state.ShutdownRecord{BootID: "zero", Kind: "reboot", Requested: noon.Add(-time.Hour)}))
	b, err := h.Boot(second())
	require.NoError(t, err)
	assert.Equal(t, want, b)
}

// TestMissedStays until a kexec came up; the image of another boot is not that of
// the kexec that was missed.
func TestMissedStays(t *testing.T) {
	h := kept(t)
	missed := &state.MissedKexec{Requested: noon.Add(-time.Hour)}
	require.NoError(t, h.SaveBoot(state.Boot{Schema: 1, BootID: "zero", Missed: missed}))
	through := second()
	through.Kexeced, through.Firmware = false, true
	b, err := h.Boot(through)
	require.NoError(t, err)
	assert.Equal(t, missed, b.Missed)

	b, err = h.Boot(second())
	require.NoError(t, err)
	assert.Nil(t, b.Missed, "a kexec came up")

	require.NoError(t, h.SaveShutdown(end()))
	earlier := loadedBefore()
	earlier.BootID = "zero"
	require.NoError(t, h.SaveNext(earlier))
	b, err = h.Boot(through)
	require.NoError(t, err)
	assert.Equal(t, &state.MissedKexec{Requested: noon}, b.Missed, "the last one, of which no image is known")
}

// TestNotMissed: what was to go through the firmware did, and what ends now is not
// over yet.
func TestNotMissed(t *testing.T) {
	for name, change := range map[string]func(*state.ShutdownRecord){
		"an ordinary reboot": func(e *state.ShutdownRecord) { e.Kind = "reboot" },
		"this boot ends":     func(e *state.ShutdownRecord) { e.BootID = "two" },
	} {
		h, e, now := kept(t), end(), second()
		now.Kexeced, now.Firmware = false, true
		change(&e)
		require.NoError(t, h.SaveShutdown(e))
		b, err := h.Boot(now)
		require.NoError(t, err, name)
		assert.Nil(t, b.Missed, name)
	}
}

// TestTrialOfAnotherBoot does not hide a kexec that was missed.
func TestTrialOfAnotherBoot(t *testing.T) {
	h, now := kept(t), second()
	now.Kexeced, now.Firmware = false, true
	require.NoError(t, h.SaveShutdown(end()))
	require.NoError(t, h.SaveTrial(state.Trial{Schema: 1, BootID: "zero"}))
	b, err := h.Boot(now)
	require.NoError(t, err)
	assert.Equal(t, &state.MissedKexec{Requested: noon}, b.Missed)
}

// TestArriveWithoutATime records nothing as reached, and a kexec that came up is
// one even where its start is not known.
func TestArriveWithoutATime(t *testing.T) {
	h := kept(t)
	b, err := h.Arrive(second(), time.Time{})
	require.NoError(t, err)
	assert.Equal(t, state.Boot{Schema: 1, BootID: "two", Kexeced: true}, b)

	b, err = h.Arrive(second(), noon)
	require.NoError(t, err)
	want := state.Boot{Schema: 1, BootID: "two", Kexeced: true, Reached: noon, Kexec: &state.RebootDuration{}}
	assert.Equal(t, want, b)
	b, err = h.Boot(second())
	require.NoError(t, err)
	assert.Equal(t, want, b, "it is on record")
}

// TestArriveThatCannotBeWritten still says what is known.
func TestArriveThatCannotBeWritten(t *testing.T) {
	h := kept(t)
	require.NoError(t, h.SaveShutdown(end()))
	require.NoError(t, os.MkdirAll(filepath.Join(h.Dir, "boot.json", "x"), 0o700))
	b, err := h.Arrive(second(), noon.Add(4*time.Second))
	require.ErrorContains(t, err, "boot.json")
	assert.InDelta(t, 4, b.Seconds(), 1e-9)
	assert.Equal(t, &state.RebootDuration{Requested: noon, Seconds: 4}, b.Kexec)
}

// TestSettleBesideDamage: what cannot be read is said, and what can be is recorded.
func TestSettleBesideDamage(t *testing.T) {
	h := kept(t)
	require.NoError(t, h.SaveNext(loadedBefore()))
	require.NoError(t, os.WriteFile(filepath.Join(h.Dir, "end.json"), []byte("{"), 0o600))
	b, err := h.Settle(second())
	require.EqualError(t, err, filepath.Join(h.Dir, "end.json")+": unexpected EOF")
	image := loadedBefore()
	want := state.Boot{Schema: 1, BootID: "two", Kexeced: true, Image: &image}
	assert.Equal(t, want, b)
	b, err = h.Boot(second())
	require.NoError(t, err)
	assert.Equal(t, want, b)
	assert.NoFileExists(t, filepath.Join(h.Dir, "next.json"), "it has been used up")
}
