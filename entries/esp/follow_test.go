package esp_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// read is the content of a file of a file system; its error where that fails.
func read(t *testing.T, f *esp.FileSystem, name string) string {
	t.Helper()
	file, err := f.OpenRegular(name)
	if err != nil {
		return err.Error()
	}
	defer func() { assert.NoError(t, file.Close()) }()
	data, err := io.ReadAll(file)
	require.NoError(t, err)
	return string(data)
}

// bootOf is /boot of a machine whose only partition is its root, by disks and mount.
func bootOf(t *testing.T, fstype string) (*esp.Volume, string) {
	t.Helper()
	r := record{
		"disks": {"vda 254:0 udev", "  vda1 254:1 linux b " + fstype}, "mountinfo": {"30 1 254:1 / / rw - " + fstype + " /dev/vda1 rw"},
		"tree": {"boot/loader/entries/", "boot/vmlinuz = boot's", "vmlinuz = root's", "etc/x = outside", "boot/up -> ../etc/x", "boot/abs -> /etc/x"},
	}
	dir := r.build(t)
	volumes, err := esp.Find(esp.Options{Machine: host.At(dir), Getenv: func(string) string { return "" }})
	require.NoError(t, err)
	require.Len(t, volumes, 1)
	t.Cleanup(func() { assert.NoError(t, volumes[0].Close()) })
	return volumes[0], dir
}

// TestBootInTheRootFileSystem: GRUB's paths start at the root of the file system,
// not at /boot.
func TestBootInTheRootFileSystem(t *testing.T) {
	v, dir := bootOf(t, "ext4")
	f := v.FileSystem()
	defer func() { assert.NoError(t, f.Close()) }()
	assert.Same(t, v, f.Volume())
	assert.Equal(t, "boot", f.Prefix())
	for name, want := range map[string]string{
		"/boot/vmlinuz": "boot's", `\boot\vmlinuz`: "boot's", "/vmlinuz": "root's", "boot/../vmlinuz": "root's", "/boot/up": "outside",
		"/boot/abs": "path escapes from parent", "/../../x": "invalid argument", "/gone": absent, "/vmlinuz/x": "file does not exist",
		"/boot": "not a regular file", "/": "not a regular file",
	} {
		assert.Equal(t, want, read(t, f, name), name)
	}
	assert.Equal(t, dir+"/boot/vmlinuz", f.Where("/boot/vmlinuz"))
	assert.Equal(t, "/boot/boot/gone", f.Where("/boot/gone"), "as the volume has it, where there is none")
}

// TestBootOnBtrfs: GRUB's root is a subvolume that is not known here, so that a name
// is looked for at both places.
func TestBootOnBtrfs(t *testing.T) {
	v, _ := bootOf(t, "btrfs")
	f := v.FileSystem()
	defer func() { assert.NoError(t, f.Close()) }()
	assert.Empty(t, f.Prefix())
	for name, want := range map[string]string{"/boot/vmlinuz": "boot's", "/vmlinuz": "boot's", "/etc/x": "outside", "/gone": absent} {
		assert.Equal(t, want, read(t, f, name), name)
	}
}

// TestBootBelowGivenRoot is a system that does not run: nothing is known of what its
// /boot is on.
func TestBootBelowGivenRoot(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"boot/loader/entries/a.conf": "", "boot/grub2/grub.cfg": "", "boot/vmlinuz": "boot's", "other/x": "beside"} {
		write(t, dir, name, text)
	}
	volumes, err := esp.Find(esp.Options{Root: dir, Getenv: func(string) string { return "" }})
	require.NoError(t, err)
	require.Len(t, volumes, 1)
	f := volumes[0].FileSystem()
	assert.Empty(t, f.Prefix())
	for name, want := range map[string]string{"/vmlinuz": "boot's", "/boot/vmlinuz": "boot's", "/other/x": "beside"} {
		assert.Equal(t, want, read(t, f, name), name)
	}
	assert.NoError(t, f.Close())
	assert.NoError(t, volumes[0].Close())
}

// TestOpenForUpdate writes in place, as GRUB does with its environment block, and
// only to a regular file.
func TestOpenForUpdate(t *testing.T) {
	v := plainVolume(t, map[string]string{"grub2/grubenv": "old text", "d/x": ""})
	require.NoError(t, os.Symlink("grub2/grubenv", filepath.Join(v.Dir, "link")))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(v.Dir, "out")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(v.Dir, "fifo"), 0o644))
	f := v.FileSystem()
	defer func() { assert.NoError(t, f.Close()) }()
	for _, name := range []string{"/grub2/grubenv", "link"} {
		file, err := f.OpenForUpdate(name)
		require.NoError(t, err, name)
		_, err = file.WriteAt([]byte(name[:3]), 0)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		assert.Equal(t, name[:3]+" text", read(t, f, "grub2/grubenv"))
	}
	for name, want := range map[string]string{
		"d": "not a regular file", "fifo": "not a regular file", "gone": absent, "out": "path escapes from parent", "link/x": "file does not exist",
	} {
		_, err := f.OpenForUpdate(name)
		assert.EqualError(t, err, want, name)
	}
}

// TestFileSystemStat has the errors that GRUB's language takes for "no such file",
// and the others.
func TestFileSystemStat(t *testing.T) {
	v := plainVolume(t, map[string]string{"file": "x"})
	require.NoError(t, os.Symlink("circle", filepath.Join(v.Dir, "circle")))
	f := v.FileSystem()
	defer func() { assert.NoError(t, f.Close()) }()
	for _, name := range []string{"gone", "file/x", "circle", strings.Repeat("n", 300)} {
		_, err := f.Stat(name)
		assert.ErrorIs(t, err, fs.ErrNotExist, name)
		_, err = f.Open(name)
		assert.ErrorIs(t, err, fs.ErrNotExist, name)
	}
	for _, name := range []string{"/file", "../file", "", "a//b", "."} {
		_, err := f.Stat(name)
		assert.Equal(t, name == ".", err == nil, name)
		assert.Equal(t, name != ".", fs.ValidPath(name) == false, name)
	}
}

// TestOpenFile opens files that the user names: links are followed, and nothing is
// waited for.
func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(path("file"), []byte("text"), 0o600))
	require.NoError(t, os.Symlink("file", path("link")))
	require.NoError(t, os.Symlink("circle", path("circle")))
	require.NoError(t, os.Symlink("gone", path("dangling")))
	require.NoError(t, syscall.Mkfifo(path("fifo"), 0o600))
	for _, name := range []string{"file", "link"} {
		f, err := esp.OpenFile(path(name))
		require.NoError(t, err, name)
		assert.Equal(t, path(name), f.Name())
		data, err := io.ReadAll(f)
		require.NoError(t, err)
		assert.Equal(t, "text", string(data))
		require.NoError(t, f.Close())
	}
	opened := watch(t, path("fifo"))
	for name, want := range map[string]string{
		"": "is a directory", "fifo": "not a regular file", "gone": "no such file or directory", "dangling": "no such file or directory",
		"circle": "too many levels of symbolic links", "file/x": "not a directory",
	} {
		_, err := esp.OpenFile(path(name))
		assert.EqualError(t, err, "open "+path(name)+": "+want)
	}
	_, err := esp.OpenFile("/dev/null")
	assert.EqualError(t, err, "open /dev/null: not a regular file")
	assert.False(t, opened())
}

// TestLinksOfAVolume: a chain of links is followed to its end, and one without an end
// is not.
func TestLinksOfAVolume(t *testing.T) {
	v := plainVolume(t, map[string]string{"a/kernel": "k", "x": ""})
	link := func(target, name string) { require.NoError(t, os.Symlink(target, filepath.Join(v.Dir, name))) }
	link("second", "first")
	link("a/../a/third", "second")
	link("kernel", "a/third")
	link(filepath.Join(v.Dir, "x"), "absolute")
	link("one", "two")
	link("two", "one")
	link("../x", "a/up")
	for name, want := range map[string]string{
		"first": "k", "a/up": "EOF", "absolute": "a symbolic link that leads out of the partition", "one": "too many levels of symbolic links",
	} {
		f, err := v.Open(name)
		if err != nil {
			assert.EqualError(t, err, want, name)
			continue
		}
		data, err := io.ReadAll(f)
		require.NoError(t, err)
		assert.Equal(t, strings.TrimPrefix(want, "EOF"), string(data), name)
		require.NoError(t, f.Close())
	}
}

// TestNamesThatAreNoText: bytes that are not UTF-8 are compared as they are.
func TestNamesThatAreNoText(t *testing.T) {
	v := plainVolume(t, map[string]string{"A\xff": "upper", "d/.././x": ""})
	assert.Equal(t, "upper", content(t, v, "A\xff"))
	assert.Equal(t, absent, content(t, v, "a\xff"))
	assert.Error(t, v.Exists("/D/../../X"), "out of the partition")
}

// TestGivenTwice is one directory by two names.
func TestGivenTwice(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "efi"), 0o755))
	require.NoError(t, os.Symlink("efi", filepath.Join(dir, "boot")))
	volumes, err := esp.Find(esp.Options{ESPPath: filepath.Join(dir, "efi"), BootPath: filepath.Join(dir, "boot")})
	require.NoError(t, err)
	require.Len(t, volumes, 1)
	assert.Equal(t, esp.ESP, volumes[0].Kind)
	require.NoError(t, volumes[0].Close())
	_, err = esp.Find(esp.Options{ESPPath: filepath.Join(dir, "efi"), BootPath: filepath.Join(dir, "gone")})
	assert.EqualError(t, err, filepath.Join(dir, "gone")+": no such file or directory")
	t.Setenv("SYSTEMD_XBOOTLDR_PATH", "boot")
	_, err = esp.Find(esp.Options{ESPPath: dir})
	assert.EqualError(t, err, "SYSTEMD_XBOOTLDR_PATH=boot: not an absolute path")
}

// TestUserMounts: a partition that a user may have mounted somewhere is not taken
// from there.
func TestUserMounts(t *testing.T) {
	r := record{
		"disks":     {"vda 254:0 udev", "  vda1 254:1 esp aaaaaaaa-0000-4000-8000-000000000001 vfat", "  vda2 254:2 linux b ext4"},
		"mountinfo": {"30 1 254:2 / / rw - ext4 /dev/vda2 rw", "31 30 254:1 / /run/media/u/EFI rw - vfat /dev/vda1 rw", "32 30 254:1 / /srv/x rw - fuse.x /dev/vda1 rw"},
		"tree":      {"run/media/u/EFI/EFI/Linux/", "srv/x/EFI/Linux/"},
	}
	_, err := esp.Find(esp.Options{Machine: host.At(r.build(t)), PartUUID: "aaaaaaaa-0000-4000-8000-000000000001", Getenv: func(string) string { return "" }})
	require.ErrorIs(t, err, esp.ErrNotFound)
	assert.ErrorContains(t, err, "/dev/vda1 is not mounted")
}
