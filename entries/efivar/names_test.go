package efivar_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

func TestNames(t *testing.T) {
	v := efivar.Vars{Dir: filepath.Join(t.TempDir(), "efivars")}
	assert.False(t, v.Available())
	_, err := v.Names()
	require.ErrorIs(t, err, fs.ErrNotExist)

	require.NoError(t, os.Mkdir(v.Dir, 0o755))
	assert.True(t, v.Available(), "without any variable too")
	names, err := v.Names()
	require.NoError(t, err)
	assert.Empty(t, names)

	set(t, v, "SecureBoot", bli.GlobalVendor, []byte{1})
	set(t, v, "Boot0001", bli.GlobalVendor, nil)
	set(t, v, "LoaderInfo", bli.LoaderVendor, nil)
	names, err = v.Names()
	require.NoError(t, err)
	assert.Equal(t, []string{"Boot0001-" + bli.GlobalVendor, "LoaderInfo-" + bli.LoaderVendor, "SecureBoot-" + bli.GlobalVendor}, names)
}

// TestNamesOfNoDirectory is an error other than that of a machine without EFI.
func TestNamesOfNoDirectory(t *testing.T) {
	v := efivar.Vars{Dir: filepath.Join(t.TempDir(), "file")}
	require.NoError(t, os.WriteFile(v.Dir, nil, 0o600))
	_, err := v.Names()
	require.Error(t, err)
	assert.NotErrorIs(t, err, fs.ErrNotExist)
}
