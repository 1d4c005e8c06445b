package esp

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

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/entries/internal/blockdev"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// searchOf has these places on a machine without devices.
func searchOf(t *testing.T, hint string, places ...*place) *search {
	t.Helper()
	m := host.At(t.TempDir())
	return &search{Options: Options{Machine: m, Getenv: func(string) string { return "" }}, devices: blockdev.New(m), hint: hint, places: places}
}

// espAt is an ESP that is mounted at a directory; err is why it could not be opened.
func espAt(dir, uuid string, err error) *place {
	p := &place{dir: dir, real: dir, err: err, mount: &host.Mount{Device: "8:1", Root: "/", Point: dir, FSType: "vfat"}}
	p.Partition = blockdev.Partition{Slot: blockdev.Slot{Scheme: "gpt", Type: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", UUID: uuid}}
	return p
}

// TestFirstESP: the one of the hint, else the first; what hangs or is refused before an
// ESP was found ends the search, since it may be the right one.
func TestFirstESP(t *testing.T) {
	hangs, refused := fmt.Errorf("/efi: %w", errHangs), fmt.Errorf("/efi: %w", fs.ErrPermission)
	gone := fmt.Errorf("/efi: %w", fs.ErrNotExist)
	for name, c := range map[string]struct {
		hint   string
		places []*place
		want   string
		err    error
	}{
		"the first":                {"", []*place{espAt("/efi", "a", nil), espAt("/boot", "b", nil)}, "/efi", errNowhere},
		"the one of the hint":      {"b", []*place{espAt("/efi", "a", nil), espAt("/boot", "b", nil), espAt("/boot/efi", "c", nil)}, "/boot", errNowhere},
		"the first of the hint":    {"b", []*place{espAt("/efi", "b", nil), espAt("/boot", "b", nil)}, "/efi", errNowhere},
		"no UUID is no hint":       {"", []*place{espAt("/efi", "", nil), espAt("/boot", "", nil)}, "/efi", errNowhere},
		"absent is no reason":      {"", []*place{espAt("/efi", "a", gone), espAt("/boot", "b", nil)}, "/boot", errNowhere},
		"hangs before":             {"", []*place{espAt("/efi", "a", hangs), espAt("/boot", "b", nil)}, "", hangs},
		"refused before":           {"", []*place{espAt("/efi", "a", refused), espAt("/boot", "b", nil)}, "", refused},
		"hangs after":              {"", []*place{espAt("/boot", "b", nil), espAt("/efi", "a", hangs)}, "/boot", hangs},
		"refused after":            {"", []*place{espAt("/boot", "b", nil), espAt("/efi", "a", refused)}, "/boot", refused},
		"another error goes on":    {"", []*place{espAt("/efi", "a", syscall.EIO), espAt("/boot", "b", nil)}, "/boot", syscall.EIO},
		"nothing at any":           {"", []*place{espAt("/efi", "a", gone), espAt("/boot", "b", gone)}, "", errNowhere},
		"no places are looked at":  {"", nil, "", errNowhere},
		"refused, though the hint": {"a", []*place{espAt("/efi", "a", refused), espAt("/boot", "b", nil)}, "", refused},
	} {
		first, note, err := searchOf(t, c.hint, c.places...).firstESP()
		assert.Equal(t, c.err, err, name)
		assert.Empty(t, note, name)
		if c.want == "" {
			assert.Nil(t, first, name)
		} else if assert.NotNil(t, first, name) {
			assert.Equal(t, c.want, first.dir, name)
		}
	}
}

// TestFindESPStops: no ESP is taken in place of one that hangs or is refused.
func TestFindESPStops(t *testing.T) {
	for name, cause := range map[string]error{"hangs": errHangs, "refused": fs.ErrPermission} {
		err := fmt.Errorf("/efi: %w", cause)
		v, got := searchOf(t, "", espAt("/efi", "a", err), espAt("/boot", "b", nil)).findESP()
		assert.Equal(t, err, got, name)
		assert.Nil(t, v, name)
	}
	hangs := &place{dir: "/boot", err: errHangs}
	v, missed, err := searchOf(t, "", hangs).findBoot(nil, false)
	assert.Equal(t, errHangs, err)
	assert.NoError(t, missed)
	assert.Nil(t, v)
}

// TestAllowPlace: a mount that any user can make is refused, whatever its device is.
func TestAllowPlace(t *testing.T) {
	s := searchOf(t, "")
	for line, want := range map[string]string{
		"8:1 / /boot vfat":          "",
		"8:1 / /home/u/x vfat":      "/boot: it is mounted at /home/u/x, where any user may mount",
		"0:50 / /boot fuse.sshfs":   "/boot: it is mounted at /boot, where any user may mount",
		"8:1 / /run/media/u/x vfat": "/boot: it is mounted at /run/media/u/x, where any user may mount",
	} {
		err := s.allowPlace(&place{dir: "/boot", mount: &mountsAt(line)[0]})
		if want == "" {
			assert.NoError(t, err, line)
			continue
		}
		assert.EqualError(t, err, want)
		assert.Equal(t, giveHint, hint.Of(err))
	}
	assert.NoError(t, s.allowPlace(&place{dir: "/boot"}), "a plain directory")
}

// TestMountPoint: an empty usual directory of the kind, in the order of bootctl(1).
func TestMountPoint(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	defer func() { assert.NoError(t, root.Close()) }()
	for _, c := range []struct{ free, esp, xbootldr string }{
		{"/efi /boot /boot/efi", "/efi", "/boot"}, {"/boot /boot/efi", "/boot/efi", "/boot"}, {"/boot", "/boot", "/boot"}, {"/efi", "/efi", "/mnt"}, {"", "/mnt", "/mnt"},
	} {
		s := searchOf(t, "")
		for _, dir := range []string{"/efi", "/boot", "/boot/efi"} {
			p := &place{dir: dir, root: root, mount: &host.Mount{}}
			for _, free := range strings.Fields(c.free) {
				if dir == free {
					p.mount = nil
				}
			}
			s.places = append(s.places, p, &place{dir: dir + "/absent"})
		}
		assert.Equal(t, c.esp, s.mountPoint(ESP), c.free)
		assert.Equal(t, c.xbootldr, s.mountPoint(XBOOTLDR), c.free)
	}
	assert.EqualError(t, searchOf(t, "").placeOf("/efi").err, "/efi: not looked at")
}

// TestLookUp: a directory of the machine, where it really is, or why it cannot be
// opened.
func TestLookUp(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "boot/efi"), 0o700))
	require.NoError(t, os.Symlink("boot/efi", filepath.Join(dir, "efi")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	for name, want := range map[string][2]string{
		"/boot": {"/boot", ""}, "/efi": {"/boot/efi", ""}, "/gone": {"/gone", "/gone: no such file or directory"}, "/file": {"/file", "/file: not a directory"},
	} {
		p := lookUp(dir, name)
		assert.Equal(t, []string{name, want[0]}, []string{p.dir, p.real})
		if want[1] != "" {
			assert.EqualError(t, p.err, want[1])
			assert.Empty(t, hint.Of(p.err))
		}
		assert.Equal(t, want[1] == "", p.root != nil, name)
		p.close()
		p.close()
		assert.Nil(t, p.root)
	}
	fixtures.AsNobody(t, func() {
		p := lookUp(dir, "/boot")
		assert.EqualError(t, p.err, "/boot: permission denied")
		assert.ErrorIs(t, p.err, fs.ErrPermission)
		assert.Equal(t, "run as root", hint.Of(p.err))
	})
}

// TestHas: what nobody but root may see counts as there, and no name is none.
func TestHas(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "secret/entries"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "grub"), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(dir, "secret"), 0o700))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer func() { assert.NoError(t, root.Close()) }()
	p := &place{root: root}
	assert.True(t, p.has("gone", "grub"))
	assert.True(t, p.has("secret/entries"))
	assert.False(t, p.has("gone", "grub/gone", "secret/gone"))
	assert.False(t, p.has())
	assert.False(t, (&place{}).has("grub"))
	fixtures.AsNobody(t, func() { assert.True(t, p.has("secret/gone"), "perhaps") })
}

// TestIsMountRoot: only where something is mounted; there is nothing at a place that is
// absent.
func TestIsMountRoot(t *testing.T) {
	dir := t.TempDir()
	assert.False(t, isMountRoot(dir))
	assert.False(t, isMountRoot(filepath.Join(dir, "gone")))
}
