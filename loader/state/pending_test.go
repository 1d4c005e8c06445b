package state_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// TestPendingLeavesTheCaller its receipt: what is not known yet is still not known.
func TestPendingLeavesTheCaller(t *testing.T) {
	dir := t.TempDir()
	r := state.Receipt{Files: []stamp.File{{Path: "/v"}, {Path: "/i", SHA256: strings.Repeat("a", 64)}}}
	require.NoError(t, r.WritePending(dir))
	assert.Empty(t, r.Files[0].SHA256)
	require.NoError(t, r.Commit(dir))
	got, err := state.ReadReceipt(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{stamp.NoSum, strings.Repeat("a", 64)}, []string{got.Files[0].SHA256, got.Files[1].SHA256})
}

// TestPendingIsOverwritten: nothing of a longer one that was left remains.
func TestPendingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "loaded.json.pending"), []byte(strings.Repeat("x", 1<<16)), 0o600))
	require.NoError(t, state.Receipt{Entry: "a"}.WritePending(dir))
	info, err := os.Stat(filepath.Join(dir, "loaded.json.pending"))
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(1<<10))
}

// TestCommitMakesNoFile: without a pending receipt, or room kept for it, there is
// no receipt.
func TestCommitMakesNoFile(t *testing.T) {
	dir := t.TempDir()
	require.ErrorIs(t, state.Receipt{Entry: "a"}.Commit(dir), os.ErrNotExist)
	assert.Empty(t, names(t, dir))
}

// TestInterrupted: any file of that name is a load under way, also one that leads
// nowhere.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	assert.False(t, state.Interrupted(dir))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "loaded.json.pending")))
	assert.True(t, state.Interrupted(dir))
	require.NoError(t, state.Abort(dir))
	assert.False(t, state.Interrupted(dir))
	require.NoError(t, state.Abort(dir), "there is none")
}

// TestRemoveReceiptGoesOn: one file that stays keeps no other.
func TestRemoveReceiptGoesOn(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "loaded.json", "x"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "loaded.json.pending"), nil, 0o600))
	require.ErrorContains(t, state.RemoveReceipt(dir), "loaded.json: ")
	assert.Equal(t, []string{"loaded.json"}, names(t, dir))
}
