package plan_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// source opens files below a directory that holds them.
func source(t *testing.T, files map[string]string) (plan.Source, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	where := func(p string) string { return filepath.Join(dir, p) }
	return plan.Source{Open: func(p string) (*os.File, error) { return os.Open(where(p)) }, Where: where}, dir
}

func planOf(t *testing.T, files map[string]string, text string) (*plan.Plan, error) {
	t.Helper()
	src, _ := source(t, files)
	e, _ := bls.ParseEntry("loader/entries/x.conf", []byte(text))
	p, err := plan.Make(e, src, plan.Firmware{}, plan.Options{})
	if p != nil {
		t.Cleanup(func() { _ = p.Close() })
	}
	return p, err
}

func kernel() string { return string(fixtures.BzImage{Version: "6.12.1 (test)"}.Bytes()) }

func TestMake(t *testing.T) {
	p, err := planOf(t, map[string]string{"v": kernel(), "a": "aaa", "empty": "", "b": "b"},
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
	p, err := planOf(t, map[string]string{"v": kernel(), "a": "aaa"}, "linux /v\ninitrd /a\n")
	require.NoError(t, err)
	image, err := p.Image(nil)
	require.NoError(t, err)
	defer image.Close()
	assert.Equal(t, "v", filepath.Base(image.Kernel.Name()))
	assert.Equal(t, "a", filepath.Base(image.Initrd.Name()))
}

func TestNoInitrd(t *testing.T) {
	p, err := planOf(t, map[string]string{"v": kernel(), "empty": ""}, "linux /v\ninitrd /empty\n")
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
		"efi /empty\n":               "an EFI program, which only firmware can start",
		"uki-url http://h/x.efi\n":   "nothing in it that kexec could boot",
		"title nothing to boot\n":    "nothing in it that kexec could boot",
		"linux /dir\n":               "not a regular file",
		"linux /v\ninitrd /a/../b\n": "no such file",
	} {
		_, err := planOf(t, map[string]string{"v": kernel(), "empty": "", "dir/x": ""}, text)
		require.ErrorContains(t, err, want, text)
	}
}

// A variable of GRUB that would reach the kernel is refused; a $ inside of a
// parameter is not one.
func TestGrubVariables(t *testing.T) {
	for line, want := range map[string]string{
		"$kernelopts $tuned_params":    "options: $kernelopts is a variable of GRUB, which systemd-boot would pass on as it is",
		"ro ${tuned_params}":           "options: ${tuned_params} is a variable of GRUB, which systemd-boot would pass on as it is",
		"root=x password=$6$salt$hash": "", "a=$ $ $1": "",
	} {
		p, err := planOf(t, map[string]string{"v": kernel()}, "linux /v\noptions "+line+"\n")
		require.NoError(t, err)
		_, err = p.Inspect("amd64")
		if want == "" {
			assert.NoError(t, err, line)
		} else {
			assert.EqualError(t, err, want)
		}
	}
}

// GRUB takes several files on one line, systemd-boot one.
func TestInitrdsOnOneLine(t *testing.T) {
	_, err := planOf(t, map[string]string{"v": kernel(), "a": "a", "b": "b"}, "linux /v\ninitrd /a /b\n")
	require.Error(t, err)
	assert.Equal(t, "an initrd line names one file; each of several needs a line of its own", hint.Of(err))
}

func TestInspectRefuses(t *testing.T) {
	whole := kernel()
	for name, v := range map[string]struct{ kernel, goarch, want string }{
		"cut short":    {whole[:len(whole)-1], "amd64", "the file has"},
		"junk":         {"\x00\x01junk", "amd64", "not a known kernel image"},
		"another arch": {whole, "arm64", "it is made for x64, this machine is aa64"},
		"i386":         {patch(whole, 0x236, 0x7e), "amd64", "it is made for ia32, this machine is x64"},
		"before 3.8":   {patch(whole, 0x206, 0x0b), "amd64", "boot protocol 2.11, at least 2.12 is needed"},
		"ELF":          {elf(62), "amd64", "an ELF file (vmlinux), on amd64 it takes bzImage only"},
		"ELF on arm64": {elf(183), "arm64", "an ELF file (vmlinux), on arm64 it takes Image only"},
	} {
		p, err := planOf(t, map[string]string{"v": v.kernel}, "linux /v\n")
		require.NoError(t, err, name)
		_, err = p.Inspect(v.goarch)
		require.ErrorContains(t, err, v.want, name)
		assert.ErrorContains(t, err, "/v: ", "%s: names the file", name)
	}
	p, err := planOf(t, map[string]string{"v": "\x00\x01junk"}, "linux /v\n")
	require.NoError(t, err)
	_, err = p.Inspect("s390x")
	require.NoError(t, err, "kernels there have no magic number")
}

func TestHash(t *testing.T) {
	src, dir := source(t, map[string]string{"v": kernel(), "a": "aaa"})
	e, _ := bls.ParseEntry("x.conf", []byte("linux /v\ninitrd /a\n"))
	p, err := plan.Make(e, src, plan.Firmware{}, plan.Options{})
	require.NoError(t, err)
	defer p.Close()
	assert.EqualValues(t, filepath.Join(dir, "a"), p.Stamps()[1].Path)
	sums, err := p.Hash()
	require.NoError(t, err)
	require.Len(t, sums, 2)
	assert.Equal(t, "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0", sums[1].SHA256)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("aaaa"), 0o644))
	_, err = p.Hash()
	require.ErrorContains(t, err, "/a: the file changed while it was loaded")
}

func TestFolders(t *testing.T) {
	files := map[string]string{
		"EFI/Linux/u.efi": image(".linux", "k"), "EFI/Linux/u.efi.extra.d/a.CRED": "a", "EFI/Linux/u.efi.extra.d/readme.txt": "",
	}
	src, _ := source(t, files) // where it says
	src.Names = partition(t, files).Names
	p := make1(t, src, "uki /EFI/Linux/u.efi\n", plan.Firmware{})
	var paths []string
	for _, f := range p.Folders() {
		paths = append(paths, string(f.Path))
		assert.Empty(t, f.Added(), f.Path)
	}
	own := src.Where("EFI/Linux/u.efi.extra.d")
	assert.ElementsMatch(t, []string{own, src.Where("loader/addons"), src.Where("loader/credentials"), src.Where("loader/extensions")}, paths)
	plain, err := planOf(t, map[string]string{"v": kernel()}, "linux /v\n")
	require.NoError(t, err)
	assert.Empty(t, plain.Folders(), "a plain kernel takes nothing")
}

// patch sets one byte.
func patch(text string, at int, b byte) string { return text[:at] + string([]byte{b}) + text[at+1:] }

// elf is a vmlinux for an e_machine, of one empty segment.
func elf(machine byte) string {
	b := make([]byte, 64+56)
	copy(b, "\x7fELF\x02\x01")
	b[18], b[32], b[54], b[56] = machine, 64, 56, 1
	return string(b)
}
