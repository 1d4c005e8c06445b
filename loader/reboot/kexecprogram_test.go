package reboot_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// kexecProgram is a program, and a root directory that is to be given it.
func kexecProgram(t *testing.T) (program, root, to string) {
	dir := t.TempDir()
	program, root = filepath.Join(dir, "kexec-bls"), filepath.Join(dir, "initramfs")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700))
	return program, root, filepath.Join(root, "usr/bin/kexec")
}

func TestInstallKexec(t *testing.T) {
	program, root, to := kexecProgram(t)
	require.NoError(t, reboot.InstallKexec(program, root))
	text, err := os.ReadFile(to)
	require.NoError(t, err)
	assert.Equal(t, "#!/bin/sh\n", string(text))
	info, err := os.Stat(to)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o755), info.Mode(), "whatever that of the program is")
	assert.Equal(t, []string{"kexec"}, list(t, filepath.Dir(to)), "nothing half done beside it")

	require.NoError(t, reboot.RemoveKexec(program, root))
	assert.Empty(t, list(t, filepath.Dir(to)))
	require.NoError(t, reboot.RemoveKexec(program, root), "there is none")
}

// TestForeignKexecIsKept: a distribution's own kexec is neither replaced nor
// removed, whatever kind of file it is.
func TestForeignKexecIsKept(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"program":   func(p string) error { return os.WriteFile(p, []byte("\x7fELF, and larger than ours"), 0o755) },
		"link":      func(p string) error { return os.Symlink("../sbin/kexec", p) },
		"directory": func(p string) error { return os.Mkdir(p, 0o755) },
	} {
		program, root, to := kexecProgram(t)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, put(to))
		before, err := os.Lstat(to)
		require.NoError(t, err)
		require.NoError(t, reboot.InstallKexec(program, root), name)
		require.NoError(t, reboot.RemoveKexec(program, root), name)
		after, err := os.Lstat(to)
		require.NoError(t, err, name)
		assert.True(t, os.SameFile(before, after), name)
		assert.Equal(t, before.Size(), after.Size(), name)
	}
}

// TestInstallKexecFails leaves nothing that a shutdown would take for a program.
func TestInstallKexecFails(t *testing.T) {
	program, root, to := kexecProgram(t)
	require.ErrorIs(t, reboot.InstallKexec(program+".absent", root), fs.ErrNotExist)
	require.ErrorIs(t, reboot.RemoveKexec(program+".absent", root), fs.ErrNotExist)
	require.ErrorContains(t, reboot.InstallKexec(filepath.Dir(program), root), to, "a directory cannot be copied")
	assert.Empty(t, list(t, filepath.Dir(to)))

	require.NoError(t, os.RemoveAll(root))
	require.NoError(t, os.WriteFile(root, nil, 0o600))
	require.Error(t, reboot.InstallKexec(program, root))
	require.NoError(t, reboot.RemoveKexec(program, root), "there is none")
}

func list(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
