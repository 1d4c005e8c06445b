package efivar_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

const oneShot = "LoaderEntryOneShot"

func oneShotFile(v efivar.Vars) string {
	return filepath.Join(v.Dir, oneShot+"-"+bli.LoaderVendor)
}

func TestConsumeAndRestore(t *testing.T) {
	v := efivar.Vars{Dir: t.TempDir()}
	set(t, v, oneShot, bli.LoaderVendor, utf16le("old.conf\x00"))
	before, err := os.ReadFile(oneShotFile(v))
	require.NoError(t, err)

	saved, err := v.Consume(oneShot)
	require.NoError(t, err)
	assert.NoFileExists(t, oneShotFile(v))
	assert.Equal(t, uint32(7), saved.Attributes)

	// Kept over a boot, as the receipt keeps it.
	kept, err := json.Marshal(saved)
	require.NoError(t, err)
	var again efivar.Saved
	require.NoError(t, json.Unmarshal(kept, &again))
	require.NoError(t, v.Restore(again))
	after, err := os.ReadFile(oneShotFile(v))
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

func TestRestoreOverJunk(t *testing.T) {
	v := efivar.Vars{Dir: t.TempDir()}
	set(t, v, oneShot, bli.LoaderVendor, utf16le("longer-than-the-junk.conf\x00"))
	saved, err := v.Consume(oneShot)
	require.NoError(t, err)
	set(t, v, oneShot, bli.LoaderVendor, utf16le(bli.KexecJunk+"\x00"))
	require.NoError(t, v.Restore(saved))
	got, err := v.Loader(oneShot)
	require.NoError(t, err)
	assert.Equal(t, "longer-than-the-junk.conf", got)
}

func TestRestoreFailures(t *testing.T) {
	v := efivar.Vars{Dir: t.TempDir()}
	s := efivar.Saved{Name: "../escape", Variable: efivar.Variable{Attributes: 7}}
	assert.EqualError(t, v.Restore(s), `"../escape" is no name of an EFI variable`)

	require.NoError(t, os.Symlink(filepath.Join(v.Dir, "target"), oneShotFile(v)))
	s.Name = oneShot
	assert.ErrorContains(t, v.Restore(s), "EFI variable LoaderEntryOneShot: not written: ")
	assert.NoFileExists(t, filepath.Join(v.Dir, "target"))

	gone := efivar.Vars{Dir: filepath.Join(v.Dir, "absent")}
	assert.ErrorIs(t, gone.Restore(s), os.ErrNotExist)
}

// TestConsumeRefuses: what is not the variable of a boot loader is neither read nor
// deleted.
func TestConsumeRefuses(t *testing.T) {
	v := efivar.Vars{Dir: t.TempDir()}
	target := filepath.Join(v.Dir, "target")
	require.NoError(t, os.WriteFile(target, []byte("\x07\x00\x00\x00a\x00"), 0o600))
	require.NoError(t, os.Symlink(target, oneShotFile(v)))
	for _, name := range []string{oneShot, "../target", ""} {
		saved, err := v.Consume(name)
		require.Error(t, err, name)
		assert.Zero(t, saved)
	}
	assert.FileExists(t, target)
	_, err := os.Lstat(oneShotFile(v))
	assert.NoError(t, err)
}
