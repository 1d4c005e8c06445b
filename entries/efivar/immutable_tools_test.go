//go:build tools

package efivar_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

func TestConsumeHandlesImmutableFlag(t *testing.T) {
	v := efivar.Vars{Dir: flagDir(t)}
	set(t, v, oneShot, bli.LoaderVendor, utf16le("old.conf\x00"))
	setFlag(t, oneShotFile(v), true)
	require.Error(t, os.Remove(oneShotFile(v)), "the flag does not protect: the test shows nothing")

	saved, err := v.Consume(oneShot)
	require.NoError(t, err)
	assert.NoFileExists(t, oneShotFile(v))

	set(t, v, oneShot, bli.LoaderVendor, utf16le("kexec reboot\x00"))
	setFlag(t, oneShotFile(v), true)
	t.Cleanup(func() { setFlag(t, oneShotFile(v), false) })
	require.NoError(t, v.Restore(saved))
	assert.True(t, hasFlag(t, oneShotFile(v)))
	got, err := v.Loader(oneShot)
	require.NoError(t, err)
	assert.Equal(t, "old.conf", got)
}

func TestConsumeFailureKeepsVariableAndFlag(t *testing.T) {
	v := efivar.Vars{Dir: flagDir(t)}
	set(t, v, oneShot, bli.LoaderVendor, utf16le("old.conf\x00"))
	setFlag(t, oneShotFile(v), true)
	setFlag(t, v.Dir, true) // no file can be unlinked below it
	t.Cleanup(func() {
		setFlag(t, v.Dir, false)
		setFlag(t, oneShotFile(v), false)
	})

	saved, err := v.Consume(oneShot)
	require.ErrorIs(t, err, unix.EPERM)
	assert.ErrorContains(t, err, "EFI variable LoaderEntryOneShot: not deleted: ")
	assert.ErrorContains(t, err, ": run as root")
	assert.Zero(t, saved)
	assert.True(t, hasFlag(t, oneShotFile(v)))
	got, err := v.Loader(oneShot)
	require.NoError(t, err)
	assert.Equal(t, "old.conf", got)
}

// flagDir is a directory whose files can be immutable. It needs root and a file
// system with inode flags.
func flagDir(t *testing.T) string {
	t.Helper()
	for _, base := range []string{"", "/var/tmp", "/run"} {
		dir, err := os.MkdirTemp(base, "efivar")
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
		f, err := os.Open(dir)
		require.NoError(t, err)
		_, err = unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		require.NoError(t, f.Close())
		if err == nil {
			return dir
		}
	}
	require.Fail(t, "no directory whose file system has inode flags")
	return ""
}

func hasFlag(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // read only
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	require.NoError(t, err)
	return flags&0x10 != 0
}

func setFlag(t *testing.T, path string, on bool) {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return
	}
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // read only
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	require.NoError(t, err)
	if flags &^= 0x10; on {
		flags |= 0x10
	}
	require.NoError(t, unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags)))
}
