package loader_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader"
)

// source opens files below a directory that holds them.
func source(t *testing.T, files map[string]string) (loader.Source, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	where := func(p string) string { return filepath.Join(dir, p) }
	return loader.Source{Open: func(p string) (*os.File, error) { return os.Open(where(p)) }, Where: where}, dir
}

func plan(t *testing.T, files map[string]string, text string) (*loader.Plan, error) {
	t.Helper()
	src, _ := source(t, files)
	e, _ := bls.ParseEntry("loader/entries/x.conf", []byte(text))
	p, err := loader.Make(e, src, loader.Firmware{})
	if p != nil {
		t.Cleanup(func() { _ = p.Close() })
	}
	return p, err
}

func kernel() string { return string(fixtures.BzImage{Version: "6.12.1 (test)"}.Bytes()) }

func TestMake(t *testing.T) {
	p, err := plan(t, map[string]string{"v": kernel(), "a": "aaa", "empty": "", "b": "b"},
		"linux /v\ninitrd /a\ninitrd /empty\ninitrd /b\ninitrd /a\noptions x  y\noptions z\n")
	require.NoError(t, err)
	assert.Len(t, p.Initrd, 3, "in order, the same one twice, the empty one not")
	assert.Len(t, p.Warnings, 1)
	assert.Equal(t, "x  y z", p.Cmdline)
	k, err := p.Inspect("amd64")
	require.NoError(t, err)
	assert.Equal(t, "6.12.1 (test)", k.Version)
	image, err := p.Image(nil)
	require.NoError(t, err)
	defer image.Close()
	b := make([]byte, 16)
	n, _ := image.Initrd.ReadAt(b, 0)
	assert.Equal(t, "aaa\x00b\x00\x00\x00aaa", string(b[:n]))
	_, err = image.Initrd.WriteAt([]byte("x"), 0)
	require.Error(t, err, "sealed")
}

// TestOwnDescriptors holds that nothing is copied that need not be.
func TestOwnDescriptors(t *testing.T) {
	p, err := plan(t, map[string]string{"v": kernel(), "a": "aaa"}, "linux /v\ninitrd /a\n")
	require.NoError(t, err)
	image, err := p.Image(nil)
	require.NoError(t, err)
	defer image.Close()
	assert.Equal(t, "v", filepath.Base(image.Kernel.Name()))
	assert.Equal(t, "a", filepath.Base(image.Initrd.Name()))
}

func TestNoInitrd(t *testing.T) {
	p, err := plan(t, map[string]string{"v": kernel(), "empty": ""}, "linux /v\ninitrd /empty\n")
	require.NoError(t, err)
	image, err := p.Image(nil)
	require.NoError(t, err)
	assert.Nil(t, image.Initrd)
	require.NoError(t, image.Close())
}

func TestMakeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"linux /gone\n":              "linux: ",
		"linux /empty\n":             "the file is empty",
		"linux /v\ninitrd /gone\n":   "initrd: ",
		"linux /v\ninitrd /dir\n":    "not a regular file",
		"efi /v\n":                   "",
		"uki-url http://h/x.efi\n":   "",
		"title nothing to boot\n":    "",
		"linux /dir\n":               "not a regular file",
		"linux /v\ninitrd /a/../b\n": "no such file",
	} {
		_, err := plan(t, map[string]string{"v": kernel(), "empty": "", "dir/x": ""}, text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestInspectRefuses(t *testing.T) {
	whole := kernel()
	for name, v := range map[string]struct{ kernel, goarch, want string }{
		"cut short":    {whole[:len(whole)-1], "amd64", "the file has"},
		"junk":         {"\x00\x01junk", "amd64", "not a known kernel image"},
		"another arch": {whole, "arm64", "it is made for x64, this machine is aa64"},
	} {
		p, err := plan(t, map[string]string{"v": v.kernel}, "linux /v\n")
		require.NoError(t, err, name)
		_, err = p.Inspect(v.goarch)
		require.ErrorContains(t, err, v.want, name)
		assert.ErrorContains(t, err, "/v: ", "%s: names the file", name)
	}
	p, err := plan(t, map[string]string{"v": "\x00\x01junk"}, "linux /v\n")
	require.NoError(t, err)
	_, err = p.Inspect("s390x")
	require.NoError(t, err, "kernels there have no magic number")
}

func TestReceipt(t *testing.T) {
	dir := t.TempDir()
	_, err := loader.ReadReceipt(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, loader.RemoveReceipt(dir), "nothing to forget")
	r := loader.Receipt{Schema: 1, BootID: "b", Entry: "a.conf", Cmdline: "x", Time: time.Now().UTC(), Files: []loader.FileStamp{{Path: "/v"}}}
	require.NoError(t, r.Announce(dir))
	pending, err := os.Stat(filepath.Join(dir, "loaded.json.pending"))
	require.NoError(t, err)
	_, err = loader.ReadReceipt(dir)
	require.ErrorIs(t, err, loader.ErrInterrupted)
	r.Files[0].SHA256 = strings.Repeat("a", 64)
	require.NoError(t, r.Confirm(dir))
	got, err := loader.ReadReceipt(dir)
	require.NoError(t, err)
	assert.Equal(t, r, got)
	info, err := os.Stat(filepath.Join(dir, "loaded.json"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode())
	assert.Equal(t, pending.Size(), info.Size(), "the room was there before the load")
	assert.Equal(t, []string{"loaded.json"}, names(t, dir), "no leftovers")

	require.NoError(t, r.Announce(dir))
	require.NoError(t, loader.RemoveReceipt(dir))
	assert.Empty(t, names(t, dir), "removes both")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "loaded.json"), []byte("{"), 0o600))
	_, err = loader.ReadReceipt(dir)
	require.Error(t, err)
}

// TestRefusedLoadAfterAnInterruptedOne: the receipt from before the interrupted
// one must not be believed again.
func TestRefusedLoadAfterAnInterruptedOne(t *testing.T) {
	dir := t.TempDir()
	first, second := loader.Receipt{Entry: "first"}, loader.Receipt{Entry: "second"}
	require.NoError(t, first.Announce(dir))
	require.NoError(t, first.Confirm(dir))
	require.NoError(t, second.Announce(dir))
	require.NoError(t, loader.Withdraw(dir))
	r, err := loader.ReadReceipt(dir)
	require.NoError(t, err)
	assert.Equal(t, "first", r.Entry, "a refusal alone changes nothing")

	require.NoError(t, second.Announce(dir)) // killed
	require.NoError(t, second.Announce(dir))
	require.NoError(t, loader.Withdraw(dir)) // refused
	_, err = loader.ReadReceipt(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Error(t, first.Confirm(dir), "what was not announced is not confirmed")
}

// TestReceiptNeedsRoom: /run is full before the load, not after it.
func TestReceiptNeedsRoom(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, loader.Receipt{Entry: "first"}.Announce(dir))
	require.NoError(t, loader.Receipt{Entry: "first"}.Confirm(dir))
	require.NoError(t, os.Symlink("/dev/full", filepath.Join(dir, "loaded.json.pending")))
	err := loader.Receipt{Entry: "second"}.Announce(dir)
	require.ErrorIs(t, err, unix.ENOSPC)
	assert.False(t, loader.Interrupted(dir))
}

func names(t *testing.T, dir string) []string {
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestStamps(t *testing.T) {
	src, dir := source(t, map[string]string{"v": kernel(), "a": "aaa"})
	e, _ := bls.ParseEntry("x.conf", []byte("linux /v\ninitrd /a\n"))
	p, err := loader.Make(e, src, loader.Firmware{})
	require.NoError(t, err)
	assert.Empty(t, p.Stamps()[1].SHA256)
	stamps, err := p.Hash()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("aaaa"), 0o644))
	_, err = p.Hash()
	require.ErrorContains(t, err, "/a: the file changed while it was loaded")
	require.NoError(t, os.Truncate(filepath.Join(dir, "a"), 0))
	_, err = p.Hash()
	require.ErrorContains(t, err, "changed while")
	require.NoError(t, p.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("aaa"), 0o644))
	require.Len(t, stamps, 2)
	s, path := stamps[1], filepath.Join(dir, "a")
	assert.Equal(t, "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0", s.SHA256)
	assert.Empty(t, s.Changed(os.Open, true))

	require.NoError(t, os.Chtimes(path, time.Now(), time.Unix(1, 0)))
	assert.Empty(t, s.Changed(os.Open, false), "touched, but the same")
	require.NoError(t, os.WriteFile(path, []byte("bbb"), 0o644))
	assert.Equal(t, "has other content", s.Changed(os.Open, false))
	require.NoError(t, os.Chtimes(path, time.Now(), s.MTime))
	assert.Empty(t, s.Changed(os.Open, false), "size and time are the same, and nobody asked to verify")
	assert.Equal(t, "has other content", s.Changed(os.Open, true))
	require.NoError(t, os.WriteFile(path, []byte("bbbb"), 0o644))
	assert.Equal(t, "has 4 bytes, had 3", s.Changed(os.Open, false))
	require.NoError(t, os.Remove(path))
	assert.Equal(t, "is gone", s.Changed(os.Open, false))
}
