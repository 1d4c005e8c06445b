package state_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

func TestReceipt(t *testing.T) {
	dir := t.TempDir()
	_, err := state.ReadReceipt(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, state.RemoveReceipt(dir), "nothing to forget")
	r := state.Receipt{Schema: 2, BootID: "b", Entry: "a.conf", Cmdline: "x", Time: time.Now().UTC(), Files: []stamp.File{{Path: "/v"}}}
	require.NoError(t, r.WritePending(dir))
	pending, err := os.Stat(filepath.Join(dir, "loaded.json.pending"))
	require.NoError(t, err)
	_, err = state.ReadReceipt(dir)
	require.ErrorIs(t, err, state.ErrInterrupted)
	r.Files[0].SHA256 = strings.Repeat("a", 64)
	require.NoError(t, r.Commit(dir))
	got, err := state.ReadReceipt(dir)
	require.NoError(t, err)
	assert.Equal(t, r, got)
	info, err := os.Stat(filepath.Join(dir, "loaded.json"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode())
	assert.Equal(t, pending.Size(), info.Size(), "the room was there before the load")
	assert.Equal(t, []string{"loaded.json"}, names(t, dir), "no leftovers")

	require.NoError(t, r.WritePending(dir))
	require.NoError(t, state.RemoveReceipt(dir))
	assert.Empty(t, names(t, dir), "removes both")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "loaded.json"), []byte("{"), 0o600))
	_, err = state.ReadReceipt(dir)
	require.Error(t, err)
}

// TestRefusedLoadAfterAnInterruptedOne: the receipt from before the interrupted
// one must not be believed again.
func TestRefusedLoadAfterAnInterruptedOne(t *testing.T) {
	dir := t.TempDir()
	first, second := state.Receipt{Entry: "first"}, state.Receipt{Entry: "second"}
	require.NoError(t, first.WritePending(dir))
	require.NoError(t, first.Commit(dir))
	require.NoError(t, second.WritePending(dir))
	require.NoError(t, state.Abort(dir))
	r, err := state.ReadReceipt(dir)
	require.NoError(t, err)
	assert.EqualValues(t, "first", r.Entry, "a refusal alone changes nothing")

	require.NoError(t, second.WritePending(dir)) // killed
	require.NoError(t, second.WritePending(dir))
	require.NoError(t, state.Abort(dir)) // refused
	_, err = state.ReadReceipt(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Error(t, first.Commit(dir), "what is not pending cannot be committed")
}

// TestReceiptNeedsRoom: /run is full before the load, not after it.
func TestReceiptNeedsRoom(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, state.Receipt{Entry: "first"}.WritePending(dir))
	require.NoError(t, state.Receipt{Entry: "first"}.Commit(dir))
	require.NoError(t, os.Symlink("/dev/full", filepath.Join(dir, "loaded.json.pending")))
	err := state.Receipt{Entry: "second"}.WritePending(dir)
	require.ErrorIs(t, err, unix.ENOSPC)
	assert.False(t, state.Interrupted(dir))
}

func names(t *testing.T, dir string) []string {
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
