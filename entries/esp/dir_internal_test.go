package esp

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// dirent is a record of getdents(2), padded as the kernel does to a multiple of 8.
func dirent(kind byte, name string) []byte {
	length := (direntName + len(name) + 1 + 7) &^ 7
	b := make([]byte, length)
	binary.NativeEndian.PutUint16(b[direntLength:], uint16(length))
	b[direntType] = kind
	copy(b[direntName:], name)
	return b
}

// listing is a directory with a file, a FIFO, a link and a directory.
func listing(t *testing.T) (*Dir, string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	require.NoError(t, os.Symlink("file", filepath.Join(dir, "link")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	f, err := os.Open(dir)
	require.NoError(t, err)
	d := &Dir{f: f, where: "/efi/x"}
	t.Cleanup(func() { _ = d.Close() })
	return d, dir
}

// TestDirents: a file system that lists names without types is asked for each; the
// others are believed.
func TestDirents(t *testing.T) {
	d, _ := listing(t)
	for name, c := range map[string]struct {
		records [][]byte
		want    []string
	}{
		"regular":               {[][]byte{dirent(unix.DT_REG, "file"), dirent(unix.DT_REG, "gone")}, []string{"file", "gone"}},
		"other types":           {[][]byte{dirent(unix.DT_LNK, "file"), dirent(unix.DT_FIFO, "file"), dirent(unix.DT_DIR, "file"), dirent(unix.DT_CHR, "file"), dirent(unix.DT_BLK, "file")}, nil},
		"no types":              {[][]byte{dirent(unix.DT_UNKNOWN, "file"), dirent(unix.DT_UNKNOWN, "fifo"), dirent(unix.DT_UNKNOWN, "link"), dirent(unix.DT_UNKNOWN, "sub"), dirent(unix.DT_UNKNOWN, "gone")}, []string{"file"}},
		"the longest name":      {[][]byte{dirent(unix.DT_REG, strings.Repeat("n", 255))}, []string{strings.Repeat("n", 255)}},
		"a length too short":    {[][]byte{{direntType: unix.DT_REG, direntName: 'a', 31: 0}, dirent(unix.DT_REG, "file")}, nil},
		"a length past the end": {[][]byte{dirent(unix.DT_REG, "file"), dirent(unix.DT_REG, "cut off")[:24]}, []string{"file"}},
		"nothing":               {nil, nil},
	} {
		var records []byte
		for _, r := range c.records {
			records = append(records, r...)
		}
		assert.Equal(t, c.want, d.appendRegular(nil, records), name)
		assert.Equal(t, append([]string{"before"}, c.want...), d.appendRegular([]string{"before"}, records), name)
	}
}

// TestDirentsCut: records that end anywhere give the names that are whole.
func TestDirentsCut(t *testing.T) {
	d, _ := listing(t)
	records := append(dirent(unix.DT_REG, "a"), dirent(unix.DT_REG, "long-name.conf")...)
	first := len(dirent(unix.DT_REG, "a"))
	for n := range len(records) + 1 {
		var want []string
		if n >= first {
			want = append(want, "a")
		}
		if n == len(records) {
			want = append(want, "long-name.conf")
		}
		assert.Equal(t, want, d.appendRegular(nil, records[:n]), n)
	}
}

// TestDirThatBreaksOff names the directory as the user sees it.
func TestDirThatBreaksOff(t *testing.T) {
	d, _ := listing(t)
	names, err := d.Names()
	require.NoError(t, err)
	assert.Equal(t, []string{"file"}, names)
	names, err = d.Names()
	require.NoError(t, err)
	assert.Empty(t, names, "a second call")
	require.NoError(t, d.Close())
	names, err = d.Names()
	assert.EqualError(t, err, "/efi/x: bad file descriptor")
	assert.Empty(t, names)
	_, err = d.Read("file", nil, 10)
	assert.Equal(t, unix.EBADF, err)
	assert.False(t, d.isRegular("file"))
}

// TestReadAll: a read that fills its room is not the last; a limit is a number of bytes
// that are allowed.
func TestReadAll(t *testing.T) {
	_, dir := listing(t)
	for _, size := range []int{0, 1, 15, 16, 17, 31, 32, 33, 100} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte(strings.Repeat("x", size)), 0o644))
		for _, limit := range []int{size - 1, size, size + 1} {
			fd, err := unix.Open(filepath.Join(dir, "file"), unix.O_RDONLY, 0)
			require.NoError(t, err)
			got, err := readAll(fd, make([]byte, 0, 16), limit)
			assert.Equal(t, limit < size, errors.Is(err, host.ErrTooLarge), "%d of %d", size, limit)
			if limit >= size {
				assert.Len(t, got, size)
			} else {
				assert.Empty(t, got)
			}
			require.NoError(t, unix.Close(fd))
		}
	}
	fd, err := unix.Open(dir, unix.O_RDONLY, 0)
	require.NoError(t, err)
	got, err := readAll(fd, make([]byte, 3, 16), 10)
	assert.Equal(t, unix.EISDIR, err)
	assert.Empty(t, got)
	require.NoError(t, unix.Close(fd))
}

// TestUninterrupted repeats what a signal cut off, and nothing else.
func TestUninterrupted(t *testing.T) {
	for _, end := range []error{nil, unix.EAGAIN, unix.EIO} {
		calls := 0
		n, err := uninterrupted(func() (int, error) {
			if calls++; calls < 4 {
				return -1, unix.EINTR
			}
			return 7, end
		})
		assert.Equal(t, end, err)
		assert.Equal(t, []int{7, 4}, []int{n, calls})
	}
}

// TestVolumeCloses everything that it keeps open, once.
func TestVolumeCloses(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	v := &Volume{Root: root, FSType: "vfat"}
	v.mount, err = os.Open(dir)
	require.NoError(t, err)
	require.NoError(t, v.reaches("."))
	mount, self := v.mount, v.self
	require.NoError(t, v.Close())
	require.NoError(t, v.Close(), "a second time")
	assert.Nil(t, v.Root)
	for _, f := range []*os.File{mount, self} {
		assert.ErrorIs(t, f.Close(), os.ErrClosed)
	}
	_, err = root.Stat(".")
	assert.ErrorIs(t, err, os.ErrClosed)

	v.mount, v.self = mount, self
	err = v.Close()
	assert.ErrorIs(t, err, os.ErrClosed)
	assert.Equal(t, 2, strings.Count(err.Error(), "file already closed"), "of each one")
}

// TestReaches is no answer where the volume is closed, or a name leads out of it.
func TestReaches(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "in/EFI"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "beside"), nil, 0o644))
	require.NoError(t, os.Symlink("EFI", filepath.Join(dir, "in/link")))
	require.NoError(t, os.Symlink("../beside", filepath.Join(dir, "in/out")))
	for fstype, want := range map[string]map[string]bool{
		"vfat": {"EFI": true, ".": true, "gone": false, "EFI/../EFI": true, "../beside": false, "link": true},
		"ext4": {"EFI": true, ".": true, "gone": false, "link": true, "out": false, "../beside": false, "/": false},
	} {
		root, err := os.OpenRoot(filepath.Join(dir, "in"))
		require.NoError(t, err)
		v := &Volume{Root: root, FSType: fstype}
		for name, found := range want {
			err := v.reaches(name)
			assert.Equal(t, found, err == nil, "%s on %s", name, fstype)
			assert.Equal(t, name == "gone", isMissing(err), "%s on %s: what leads out is not missing", name, fstype)
		}
		require.NoError(t, v.Close())
		v.Root = root
		err = v.reaches("EFI")
		require.Error(t, err, "closed")
		assert.False(t, isMissing(err))
	}
}

// TestSearchesDirectoriesOnce: a directory is listed for its names once, also where that
// fails.
func TestSearchesDirectoriesOnce(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "EFI/Linux"), 0o755))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	v := &Volume{Kind: ESP, Root: root}
	defer func() { assert.NoError(t, v.Close()) }()
	for name, want := range map[string]string{"efi/linux": "EFI/Linux", "EFI/linux": "EFI/Linux", "./efi//LINUX/.": "EFI/Linux", "efi/../efi": "EFI", "": ".", "..": "", "efi/../..": "", "efi/gone": ""} {
		found, ok := v.fold(name)
		assert.Equal(t, want != "", ok, name)
		assert.Equal(t, want, found, name)
	}
	assert.Empty(t, v.list("none").exact)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "EFI/Later"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "none"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "none/x"), nil, 0o644))
	assert.Equal(t, map[string]string{"linux": "Linux"}, v.list("EFI").folded)
	assert.Empty(t, v.list("none").exact)
	_, err = root.Stat("EFI/Later")
	assert.NotErrorIs(t, err, fs.ErrNotExist)
}
