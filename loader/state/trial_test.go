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

func TestTrialIsKept(t *testing.T) {
	h := kept(t)
	none, err := h.Trial()
	require.NoError(t, err)
	assert.Zero(t, none)
	want := state.Trial{
		Schema: 1, BootID: "one", Entry: "a\xff.conf", Fallback: "b.conf", Started: noon, Limit: 180, Outcome: state.TrialPending,
		Changes:  []state.SettingChange{{Name: "LoaderEntryOneShot", Attributes: 7, Before: []byte{1, 0}}, {Name: "LoaderEntryDefault", During: []byte("b")}},
		Previous: &state.Trial{BootID: "zero", Outcome: state.TrialHung},
	}
	require.NoError(t, h.SaveTrial(want))
	got, err := h.Trial()
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Nil(t, got.Changes[0].During, "absent, and not empty")
	info, err := os.Stat(filepath.Join(h.Dir, "try.json"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, h.DropTrial())
	require.NoError(t, h.DropTrial())
	none, err = h.Trial()
	require.NoError(t, err)
	assert.Zero(t, none)
}

func TestTrialTook(t *testing.T) {
	for want, ended := range map[time.Duration]time.Time{0: {}, 40 * time.Second: noon.Add(40 * time.Second)} {
		assert.Equal(t, want, state.Trial{Started: noon, Ended: ended}.Took())
	}
	assert.Zero(t, state.Trial{Started: noon, Ended: noon.Add(-time.Hour)}.Took(), "a clock that was set")
}

func TestOutcomes(t *testing.T) {
	for _, o := range []state.Outcome{state.TrialPanicked, state.TrialHung, state.TrialUnhealthy} {
		assert.True(t, o.Failed(), o)
	}
	for _, o := range []state.Outcome{state.TrialPending, state.TrialSucceeded, state.TrialInterrupted, ""} {
		assert.False(t, o.Failed(), o)
	}
}
