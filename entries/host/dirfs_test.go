package host_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// tree makes files below a new directory; "-> target" makes a link.
func tree(t *testing.T, files ...string) (host.Machine, string) {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if text := files[i+1]; len(text) > 3 && text[:3] == "-> " {
			require.NoError(t, os.Symlink(text[3:], path))
		} else {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
	}
	return host.At(dir), dir
}

// TestDirFS: the directory of a machine is a file system as package fs wants it.
func TestDirFS(t *testing.T) {
	m, _ := tree(t, "etc/a", "text", "etc/sub/b", "", "proc/empty", "")
	require.NoError(t, fstest.TestFS(m.FS, "etc/a", "etc/sub/b", "proc/empty"))
}

// TestDirFSErrors names the operation and the path as they were asked for, not the
// directory that the machine is in.
func TestDirFSErrors(t *testing.T) {
	m, _ := tree(t, "file", "x")
	link, ok := m.FS.(fs.ReadLinkFS)
	require.True(t, ok)
	for op, call := range map[string]func(string) error{
		"open":     func(name string) error { _, err := m.FS.Open(name); return err },
		"stat":     func(name string) error { _, err := fs.Stat(m.FS, name); return err },
		"lstat":    func(name string) error { _, err := link.Lstat(name); return err },
		"readlink": func(name string) error { _, err := link.ReadLink(name); return err },
	} {
		for _, name := range []string{"", "/file", "../file", "file/", "./file", "a//b"} {
			assert.Equal(t, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}, call(name), op)
		}
		assert.ErrorIs(t, call("none"), fs.ErrNotExist, op)
		assert.ErrorIs(t, call("file/x"), syscall.ENOTDIR, op)
	}
	_, err := m.FS.Open("none")
	assert.EqualError(t, err, "open none: no such file or directory")
}

// TestDirFSLinks: links are followed as those of a root directory are, and shown
// where they are asked for.
func TestDirFSLinks(t *testing.T) {
	m, dir := tree(t, "a/file", "text", "link", "-> a/file", "dangling", "-> none", "circle", "-> circle", "dir", "-> a")
	link := m.FS.(fs.ReadLinkFS)
	info, err := link.Lstat("link")
	require.NoError(t, err)
	assert.Equal(t, fs.ModeSymlink, info.Mode().Type())
	info, err = fs.Stat(m.FS, "link")
	require.NoError(t, err)
	assert.True(t, info.Mode().IsRegular())
	target, err := link.ReadLink("dangling")
	assert.NoError(t, err)
	assert.Equal(t, "none", target)
	assert.Equal(t, "text", m.Text("link")+m.Text("dangling")+m.Text("circle"))
	assert.Equal(t, []string{"file"}, m.Names("dir"))
	assert.Empty(t, m.Link("dir/file"))
	f, err := m.FS.Open("link")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "link"), f.(*os.File).Name())
	require.NoError(t, f.Close())
}

// TestRegistersOfTheFirstProcessor: that device alone is opened though it is one with
// characters.
func TestRegistersOfTheFirstProcessor(t *testing.T) {
	m, _ := tree(t, "dev/cpu/0/msr", "-> "+os.DevNull, "dev/cpu/1/msr", "-> "+os.DevNull, "dev/cpu/0/cpuid", "-> "+os.DevNull)
	f, err := m.FS.Open("dev/cpu/0/msr")
	require.NoError(t, err)
	n, err := f.Read(make([]byte, 8))
	assert.Equal(t, io.EOF, err)
	assert.Zero(t, n)
	require.NoError(t, f.Close())
	for _, name := range []string{"dev/cpu/1/msr", "dev/cpu/0/cpuid"} {
		_, err = m.FS.Open(name)
		assert.EqualError(t, err, "open "+name+": not a regular file")
	}
	_, err = m.ReadFile("dev/cpu/0/msr", 8)
	assert.ErrorContains(t, err, "not a regular file")
}

// TestRefused: what only root may read is an error where there are errors, else
// nothing is known; that it exists is seen all the same.
func TestRefused(t *testing.T) {
	m, dir := tree(t, "proc/keys", "x", "sys/firmware/dmi/tables/DMI", oemTable("secret"), "proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda2 rw\n")
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	for _, name := range []string{"proc/keys", "sys/firmware/dmi/tables/DMI", "proc/self/mountinfo"} {
		require.NoError(t, os.Chmod(filepath.Join(dir, name), 0))
	}
	fixtures.AsNobody(t, func() {
		_, err := m.FS.Open("proc/keys")
		assert.EqualError(t, err, "open proc/keys: permission denied")
		assert.True(t, m.Exists("proc/keys"))
		assert.Empty(t, m.Text("proc/keys"))
		assert.Nil(t, m.ReadAt("proc/keys", 0, 1))
		_, known := m.TrustedKeys()
		assert.False(t, known)
		oem, err := m.OEMStrings()
		assert.ErrorIs(t, err, fs.ErrPermission)
		assert.Empty(t, oem)
		mounts, err := m.Mounts()
		assert.ErrorIs(t, err, fs.ErrPermission)
		assert.Empty(t, mounts)
	})
}
