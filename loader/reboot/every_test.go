package reboot_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

func TestDropIn(t *testing.T) {
	units := t.TempDir()
	dir := filepath.Join(units, "systemd-reboot.service.d")
	file := filepath.Join(dir, "50-kexec-bls.conf")
	has := func() bool {
		t.Helper()
		has, err := reboot.HasDropIn(units)
		require.NoError(t, err)
		return has
	}
	require.False(t, has())
	require.NoError(t, reboot.RemoveDropIn(units), "none is no error")

	require.NoError(t, reboot.WriteDropIn(units))
	require.True(t, has())
	require.NoError(t, reboot.WriteDropIn(units), "twice is as once")
	require.NoError(t, reboot.RemoveDropIn(units))
	assert.NoDirExists(t, dir)

	require.NoError(t, reboot.WriteDropIn(units))
	other := filepath.Join(dir, "other.conf")
	require.NoError(t, os.WriteFile(other, nil, 0o644))
	require.NoError(t, reboot.RemoveDropIn(units))
	assert.NoFileExists(t, file)
	assert.FileExists(t, other)

	require.NoError(t, os.WriteFile(file, []byte("[Unit]\n"), 0o644))
	require.False(t, has())
	require.ErrorContains(t, reboot.RemoveDropIn(units), "its content is not that of kexec-bls")
	assert.FileExists(t, file)
}
