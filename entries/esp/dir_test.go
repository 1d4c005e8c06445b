package esp_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// plainVolume is a directory taken as an ESP, with these files.
func plainVolume(t *testing.T, files map[string]string) *esp.Volume {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	volumes, err := esp.Find(esp.Options{ESPPath: dir, BootPath: dir})
	require.NoError(t, err)
	require.Len(t, volumes, 1)
	t.Cleanup(func() { assert.NoError(t, volumes[0].Close()) })
	return volumes[0]
}

func TestDirNames(t *testing.T) {
	files := map[string]string{"d/sub/x": ""}
	var want []string
	for i := range 3000 { // more than one getdents(2) returns
		name := fmt.Sprintf("%04d-%s", i, strings.Repeat("x", i%100))
		files["d/"+name], want = "", append(want, name)
	}
	v := plainVolume(t, files)
	require.NoError(t, syscall.Mkfifo(filepath.Join(v.Dir, "d/fifo"), 0o644))
	require.NoError(t, os.Symlink(want[0], filepath.Join(v.Dir, "d/link")))
	require.NoError(t, os.Symlink("d", filepath.Join(v.Dir, "way")))

	got, err := v.Names("/d")
	require.NoError(t, err)
	assert.Equal(t, want, got, "regular files only, in byte order")
	got, err = v.Names("nosuch")
	require.NoError(t, err)
	assert.Empty(t, got)
	_, err = v.Names("way")
	assert.ErrorContains(t, err, "symbolic link")
	_, err = v.OpenDir("nosuch")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestDirRead(t *testing.T) {
	long := strings.Repeat("0123456789", 2000)
	v := plainVolume(t, map[string]string{"d/short": "text", "d/empty": "", "d/long": long, "d/page": long[:4096], "d/sub/x": ""})
	require.NoError(t, syscall.Mkfifo(filepath.Join(v.Dir, "d/fifo"), 0o644))
	require.NoError(t, os.Symlink("short", filepath.Join(v.Dir, "d/link")))
	d, err := v.OpenDir("d")
	require.NoError(t, err)
	defer func() { assert.NoError(t, d.Close()) }()

	var buf []byte
	for name, want := range map[string]string{"short": "text", "empty": "", "long": long, "page": long[:4096]} {
		buf, err = d.Read(name, buf, 20_000)
		require.NoError(t, err, name)
		assert.Equal(t, want, string(buf), name)
	}
	for name, want := range map[string]string{"nosuch": "no such file", "link": "too many levels of symbolic links", "sub": "is a directory", "fifo": "not a regular file"} {
		got, err := d.Read(name, buf, 20_000)
		assert.ErrorContains(t, err, want, name)
		assert.Empty(t, got, name)
	}
	_, err = d.Read("long", buf, 19_999)
	assert.EqualError(t, err, "file too large: more than 19999 bytes")
}

// TestExistsStaysInside holds that links and ".." lead nowhere else.
func TestExistsStaysInside(t *testing.T) {
	v := plainVolume(t, map[string]string{"a/kernel": "k", "b/x": ""})
	link := func(target, name string) { require.NoError(t, os.Symlink(target, filepath.Join(v.Dir, name))) }
	link("/etc", "out")
	link("../../../../etc", "up")
	link("a/kernel", "inside")
	link("loop", "loop")
	for name, want := range map[string]bool{
		"/a/kernel": true, `\a\kernel`: true, "a//kernel": true, "/b/../a/kernel": true, "/inside": true, "/": true,
		"/a/nosuch": false, "/out/passwd": false, "/up/passwd": false, "/../../../../etc/passwd": false, "/loop": false, "/a/kernel/x": false,
	} {
		assert.Equal(t, want, v.Exists(name) == nil, name)
	}
	assert.NoError(t, v.Exists("/boot/a/kernel"), "as GRUB writes it")
}
