package esp_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// content reads a file of a volume; its error where that fails.
func content(t *testing.T, v *esp.Volume, name string) string {
	t.Helper()
	f, err := v.Open(name)
	if err != nil {
		assert.Equal(t, err, v.Exists(name), name)
		return err.Error()
	}
	defer func() { assert.NoError(t, f.Close()) }()
	require.NoError(t, v.Exists(name), name)
	data := make([]byte, 100)
	n, err := f.Read(data)
	require.NoError(t, err)
	return string(data[:n])
}

const absent = "no such file or directory"

func TestOpenWithoutCase(t *testing.T) {
	files := map[string]string{"EFI/Arch/vmlinuz": "k", "EFI/ARCH/other": "o", "both": "lower", "Both": "upper", "LOADER/Entries/A.conf": "e"}
	v := plainVolume(t, files)
	for name, want := range map[string]string{
		"/efi/arch/VMLINUZ": absent, // below ARCH, the first that fits
		"/EFI/Arch/VmLinuz": "k", `\efi\ARCH\OTHER`: "o", "/both": "lower", "/Both": "upper", "/BOTH": "upper",
		"/efi/../BOTH": "upper", "/../BOTH": "path escapes from parent", "/efi/none": absent,
	} {
		assert.Equal(t, want, content(t, v, name), name)
	}
	names, err := v.Names("loader/entries")
	require.NoError(t, err)
	assert.Equal(t, []string{"A.conf"}, names)

	v.Kind = esp.XBOOTLDR // on ext4 case counts
	assert.Equal(t, absent, content(t, v, "/EFI/Arch/VMLINUZ"))
	v.FSType = "vfat"
	assert.Equal(t, "k", content(t, v, "/EFI/Arch/VMLINUZ"))
	assert.ErrorIs(t, v.Exists("/"+string(make([]byte, 5000))), syscall.ENAMETOOLONG)
}

func TestOpenBelowSubdir(t *testing.T) {
	v := plainVolume(t, map[string]string{"vmlinuz": "k"})
	v.Kind, v.Plain = esp.XBOOTLDR, false
	for _, tt := range []struct {
		fstype, subdir, path string
		plain                bool
		want                 string
	}{
		{"ext4", "/", "/vmlinuz", false, "k"},
		{"ext4", "/", "/boot/vmlinuz", false, absent},
		{"ext4", "/boot", "/boot/vmlinuz", true, "k"},
		{"ext4", "/srv/boot", "/srv/boot/vmlinuz", false, "k"},
		{"ext4", "/srv/boot", "/boot/vmlinuz", false, absent},
		{"btrfs", "/@/.snapshots/1/snapshot/boot", "/@/.snapshots/1/snapshot/boot/vmlinuz", true, "k"},
		{"btrfs", "/@boot", "/@boot/vmlinuz", false, "k"},
		{"btrfs", "/root/boot", "/boot/vmlinuz", false, "k"},
		{"btrfs", "/root/boot", "/root/vmlinuz", false, absent},
		{"", "", "/boot/vmlinuz", true, "k"},
	} {
		v.FSType, v.Subdir, v.Plain = tt.fstype, tt.subdir, tt.plain
		assert.Equal(t, tt.want, content(t, v, tt.path), tt)
	}
}

func TestFileSystem(t *testing.T) {
	v := plainVolume(t, map[string]string{"loader.1/entries/a.conf": "a", "other/b": "b"})
	link := func(target, name string) { require.NoError(t, os.Symlink(target, filepath.Join(v.Dir, name))) }
	link("loader.1", "loader")
	link("../../other/b", "loader.1/entries/b.conf")
	link("/etc/passwd", "absolute")
	link("../../../../etc/passwd", "up")
	link("circle", "circle")
	require.NoError(t, syscall.Mkfifo(filepath.Join(v.Dir, "fifo"), 0o644))
	fsys := v.FileSystem()
	defer func() { assert.NoError(t, fsys.Close()) }()
	list, err := fs.ReadDir(fsys, "loader/entries")
	require.NoError(t, err)
	assert.Len(t, list, 2)
	for name, want := range map[string]string{"loader/entries/a.conf": "a", "loader/entries/b.conf": "b"} {
		data, err := fs.ReadFile(fsys, name)
		require.NoError(t, err)
		assert.Equal(t, want, string(data))
	}
	for _, name := range []string{"absolute", "up", "circle", "fifo", "../x", "nosuch"} {
		_, err := fsys.Open(name)
		assert.Error(t, err, name)
	}
	info, err := fs.Stat(fsys, "loader")
	require.NoError(t, err)
	assert.True(t, info.IsDir())
}

// TestOpensNothingSpecial watches what is opened: an open of some devices acts.
func TestOpensNothingSpecial(t *testing.T) {
	v := plainVolume(t, map[string]string{"regular": "r"})
	require.NoError(t, syscall.Mkfifo(filepath.Join(v.Dir, "fifo"), 0o644))
	require.NoError(t, os.Symlink("fifo", filepath.Join(v.Dir, "link")))
	d, err := v.OpenDir("/")
	require.NoError(t, err)
	defer func() { assert.NoError(t, d.Close()) }()
	followed := v.FileSystem()
	opened := watch(t, filepath.Join(v.Dir, "fifo"))
	for _, name := range []string{"fifo", "link"} {
		_, err := v.Open(name)
		assert.EqualError(t, err, "not a regular file")
		_, err = followed.Open(name)
		assert.Error(t, err)
		_, err = v.OpenDir(name)
		assert.Error(t, err)
	}
	names, err := d.Names()
	require.NoError(t, err)
	assert.Equal(t, []string{"regular"}, names)
	assert.False(t, opened())
	for _, name := range []string{"fifo", "link"} { // as if they had taken the place of a file
		_, err = d.Read(name, nil, 10)
		assert.Error(t, err)
	}
	opened = watch(t, filepath.Join(v.Dir, "regular"))
	assert.Equal(t, "r", content(t, v, "regular"))
	assert.True(t, opened(), "the watch works")
}

// watch returns a function that reports whether a file was opened since.
func watch(t *testing.T, name string) func() bool {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, unix.Close(fd)) })
	_, err = unix.InotifyAddWatch(fd, name, unix.IN_OPEN)
	require.NoError(t, err)
	return func() bool {
		buf := make([]byte, 16*unsafe.Sizeof(unix.InotifyEvent{}))
		n, _ := unix.Read(fd, buf)
		return n > 0
	}
}
