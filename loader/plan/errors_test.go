package plan_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// TestHintsOfMissingFiles: what makes a file again depends on which it is; of one that is
// there and wrong, the cause says enough.
func TestHintsOfMissingFiles(t *testing.T) {
	const again, other = "regenerate it (mkinitcpio -P, update-initramfs -u, dracut -f), or fix the entry", "reinstall the package of the kernel, or fix the entry"
	src := partition(t, map[string]string{"v": kernel(), "u.efi": image(".linux", kernel()), "dir/x": "", "a": "a"})
	for entry, want := range map[string]string{
		"linux /gone\n":                 other,
		"uki /gone\n":                   other,
		"efi /gone\n":                   other,
		"linux /v\ndevicetree /gone\n":  other,
		"linux /v\ninitrd /gone\n":      again,
		"linux /v\ninitrd /a /gone\n":   "an initrd line names one file; each of several needs a line of its own",
		"linux /v\ninitrd /dir\n":       "",
		"linux /v\ninitrd /dir /dir\n":  "an initrd line names one file; each of several needs a line of its own",
		"linux /u.efi\ninitrd /gone\n":  again,
		"linux /v\noptions initrd=/z\n": again,
	} {
		_, err := plan.Make(type1(t, entry), src, plan.Firmware{}, plan.Options{})
		require.Error(t, err, entry)
		assert.Equal(t, want, hint.Of(err), entry)
	}
	refused := src
	refused.Open = func(string) (*os.File, error) { return nil, os.ErrPermission }
	_, err := plan.Make(type1(t, "linux /v\n"), refused, plan.Firmware{}, plan.Options{})
	require.EqualError(t, err, "linux: /boot/v: permission denied")
	assert.Empty(t, hint.Of(err), "it is there")
	src.Names = nil // files that a user names
	for _, initrds := range [][]string{nil, {"/gone"}} {
		_, err := plan.OfFiles(src, []string{"/gone", "/v"}[len(initrds)], initrds, plan.Options{})
		require.ErrorIs(t, err, os.ErrNotExist)
		assert.Empty(t, hint.Of(err))
	}
}

// TestInitrdsOf4GiB: the boot protocols carry the size in 32 bits.
func TestInitrdsOf4GiB(t *testing.T) {
	src, dir := source(t, map[string]string{"v": kernel()})
	for name, size := range map[string]int64{"a": 1 << 31, "b": 1 << 31, "c": 1<<31 - 1} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Truncate(path, size))
		require.NoError(t, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0))) // an old file is not read yet
	}
	_, err := plan.Make(type1(t, "linux /v\ninitrd /a\ninitrd /b\n"), src, plan.Firmware{}, plan.Options{})
	require.EqualError(t, err, "initrd: "+filepath.Join(dir, "b")+": initrd images are larger than 4 GiB together")
	p := make1(t, src, "linux /v\ninitrd /a\ninitrd /c\n", plan.Firmware{})
	assert.EqualValues(t, 1<<32-1, p.Segment(0))
}

// TestNothingStaysOpen: an error closes what was open, and Close what a plan has.
func TestNothingStaysOpen(t *testing.T) {
	src := partition(t, map[string]string{
		"v": kernel(), "a": "a", "gz": compress(t, armImage(), "gzip")[:5000], "prog.efi": image(".text", "x"),
		"u.efi": image(".linux", kernel(), ".osrel", osrel), "bad.efi": image(".linux", "-", ".osrel", osrel, ".linux", "k"), "u.efi.extra.d/a.cred": "a",
	})
	var opened []*os.File
	open := src.Open
	src.Open = func(p string) (*os.File, error) {
		f, err := open(p)
		if err == nil {
			opened = append(opened, f)
		}
		return f, err
	}
	fw := plan.Firmware{BootSecret: func(uki.OSRelease) (*os.File, error) { return src.Open("a") }}
	for entry, fails := range map[string]bool{
		"linux /v\ninitrd /a\ninitrd /gone\n": true, "linux /v\ndevicetree /gone\n": true, "linux /gz\n": true, "efi /prog.efi\n": true, "uki /prog.efi\n": true,
		"uki /u.efi\nextra /gone.cred\n": true, "uki /bad.efi\n": true, "linux /v\ninitrd /a\n": false, "uki /u.efi\n": false,
	} {
		opened = nil
		p, err := plan.Make(type1(t, entry), src, fw, plan.Options{})
		require.Equal(t, fails, err != nil, "%s: %v", entry, err)
		require.NotEmpty(t, opened, entry)
		if !fails {
			require.NoError(t, p.Close(), entry)
			require.NoError(t, p.Close(), "%s: once more", entry)
		}
		for _, f := range opened {
			assert.ErrorIs(t, f.Close(), os.ErrClosed, "%s: %s", entry, f.Name())
		}
	}
}

// TestImageClose closes the files that were made for the kernel, and no other.
func TestImageClose(t *testing.T) {
	src := partition(t, map[string]string{"v": kernel(), "a": "aaa", "b": "b"})
	p := make1(t, src, "linux /v\ninitrd /a\ninitrd /b\n", plan.Firmware{})
	var last [2]int64
	m, err := p.Image(func(done, total int64) {
		assert.GreaterOrEqual(t, done, last[0])
		last = [2]int64{done, total}
	})
	require.NoError(t, err)
	assert.Equal(t, "aaa\x00b", content(t, m.Initrd, 100))
	assert.Equal(t, last[1], last[0], "all of it was reported")
	require.NoError(t, m.Close())
	require.NoError(t, m.Close(), "once more")
	_, err = m.Initrd.Stat()
	require.ErrorIs(t, err, os.ErrClosed)
	assert.Equal(t, kernel(), content(t, m.Kernel, int64(len(kernel()))), "it is the plan's")

	padded := make1(t, partition(t, map[string]string{"u.efi": image(".linux", "k", ".initrd", "abc", ".ucode", "u")}), "uki /u.efi\n", plan.Firmware{})
	m, err = padded.Image(nil)
	require.NoError(t, err)
	defer m.Close()
	assert.Equal(t, "u\x00\x00\x00abc\x00", content(t, m.Initrd, 100), "as systemd-stub pads it")
	assert.Equal(t, "k", content(t, m.Kernel, 100), "the section alone")
}

// TestTwoBootconfigs: the kernel would read one of them, and no image is made.
func TestTwoBootconfigs(t *testing.T) {
	const config = "a=1\n" + "\x04\x00\x00\x00" + "\xd9\x00\x00\x00" + "#BOOTCONFIG\n" // length and sum of the bytes
	p := make1(t, partition(t, map[string]string{"v": kernel(), "a": config, "b": config}), "linux /v\ninitrd /a\ninitrd /b\n", plan.Firmware{})
	m, err := p.Image(nil)
	require.ErrorIs(t, err, initrd.ErrTwoConfigs)
	assert.Nil(t, m)
}

// TestInspectSays: the file, and what it is instead.
func TestInspectSays(t *testing.T) {
	loongarch := fixtures.PE{Machine: 0x6264, Sections: []fixtures.Section{fixtures.Text(".text", "x")}}
	src := partition(t, map[string]string{
		"prog.efi": image(".text", "x"), "zboot": compress(t, zboot("gzip", compress(t, armImage(), "gzip")), "gzip"), "twice": compress(t, compress(t, armImage(), "gzip"), "gzip"), "elf": elf(62), "arm": armImage(), "v": kernel(),
		"loongarch": string(loongarch.Bytes()),
	})
	cannot := uki.ErrCannotKexec.Error() + ": "
	long := func(n int) string { return "options " + strings.Repeat("x", n) + "\n" }
	for _, tt := range []struct{ entry, goarch, want string }{
		{"linux /prog.efi\n", "amd64", "/boot/prog.efi: " + cannot + "an EFI program; a unified kernel image is loaded by the name of its entry"},
		{"linux /twice\n", "arm64", "/boot/twice (unpacked: compressed, gzip): " + cannot + "it is wrapped more than once, as compressed"},
		{"linux /zboot\n", "arm64", "/boot/zboot (unpacked: compressed, gzip): " + cannot + "it is wrapped more than once, as zboot"},
		{"linux /elf\n", "amd64", "/boot/elf: " + cannot + "an ELF file (vmlinux), on amd64 it takes bzImage only"},
		{"linux /loongarch\n", "loong64", ""},
		{"linux /loongarch\n" + long(4095), "loong64", ""},
		{"linux /loongarch\n" + long(4096), "loong64", "command line refused: 4096 characters, the kernel takes at most 4095"},
		{"linux /arm\n" + long(2047), "arm64", ""},
		{"linux /arm\n" + long(2048), "arm64", "command line refused: 2048 characters, the kernel takes at most 2047"},
		{"linux /v\n" + long(2016), "amd64", ""},
		{"linux /v\n" + long(2017), "amd64", "command line refused: 2017 characters, the kernel takes at most 2016"},
	} {
		_, err := make1(t, src, tt.entry, plan.Firmware{}).Inspect(tt.goarch)
		if tt.want == "" {
			assert.NoError(t, err, "%.30q", tt.entry)
			continue
		}
		assert.EqualError(t, err, tt.want)
		assert.Equal(t, strings.Contains(tt.want, "refused"), errors.Is(err, cmdline.ErrRefused))
	}
}

// TestInspectFirstReason: of several reasons why a kernel would not come up the first
// counts, and a kernel that cannot be loaded at all before them.
func TestInspectFirstReason(t *testing.T) {
	fw := plan.Firmware{Compatible: "vendor,a", Verify: func(io.ReaderAt, int64) error { return errors.New("by nobody") }}
	src := partition(t, map[string]string{"v": kernel(), "b.dtb": tree("vendor,b"), "junk": "\x00\x01junk"})
	const entry = "linux /v\ndevicetree /b.dtb\noptions $kernelopts\n"
	p := make1(t, src, entry, fw)
	_, err := p.Inspect("amd64")
	require.EqualError(t, err, "/boot/v: with Secure Boot the firmware does not start it: by nobody")
	_, err = p.Inspect("arm64")
	require.ErrorIs(t, err, uki.ErrCannotKexec)
	fw.Verify = nil
	_, err = make1(t, src, entry, fw).Inspect("amd64")
	require.EqualError(t, err, plan.ErrDeviceTree.Error()+`: /boot/b.dtb is for "vendor,b", the machine runs with one for "vendor,a"; boot the entry through the firmware`)
	for _, goarch := range []string{"s390x", "ppc64le"} {
		_, err = make1(t, src, "linux /junk\noptions $a\n", plan.Firmware{}).Inspect(goarch)
		require.EqualError(t, err, "options: $a is a variable of GRUB, which systemd-boot would pass on as it is", goarch)
		_, err = make1(t, src, "linux /junk\n", plan.Firmware{}).Inspect(goarch)
		require.NoError(t, err, goarch)
	}
	_, err = make1(t, src, "linux /junk\n", plan.Firmware{}).Inspect("riscv64")
	require.ErrorIs(t, err, uki.ErrNotKernel)
}

// TestStubInitrdSays: the name, who would have loaded it, and why it is not.
func TestStubInitrdSays(t *testing.T) {
	src := partition(t, map[string]string{
		"v": kernel(), "a": "a", "b": "b", "own.efi": image(".linux", "k", ".initrd", "i"), "none.efi": image(".linux", "k", ".osrel", osrel),
		"kernel.efi": kernel(), "thin.efi": image(".linux", "/kernel.efi", ".linuxh", sha(kernel()), ".initrd", "/a", ".initrdh", sha("a")),
		"bare.efi": image(".linux", "/kernel.efi", ".linuxh", sha(kernel())),
	})
	const line, start = "options quiet initrd=\\b\n", "initrd=b on the command line is not loaded: "
	for entry, want := range map[string]string{
		"linux /v\ninitrd /a\n": "the kernel takes the initrd lines of the entry alone",
		"uki /own.efi\n":        "the kernel takes the initrd that systemd-stub passes",
		"uki /thin.efi\n":       "the kernel takes the initrd that lanzaboote passes",
	} {
		p := make1(t, src, entry+line, plan.Firmware{})
		assert.Equal(t, []string{start + want}, p.Warnings, entry)
		p = make1(t, src, entry, plan.Firmware{})
		require.NoError(t, p.CheckEdit("x initrd=b initrd=c"))
		assert.Equal(t, []string{start + "only an EFI stub would, and kexec starts none"}, p.Warnings, "%s: edited", entry)
	}
	_, err := plan.Make(type1(t, "uki /none.efi\n"+line), src, plan.Firmware{}, plan.Options{})
	require.EqualError(t, err, "/boot/none.efi: .linux: initrd= on the command line: b: the image has no initrd of its own, and systemd-stub does not load this one")
	_, err = plan.Make(type1(t, "uki /bare.efi\n"+line), src, plan.Firmware{}, plan.Options{})
	require.EqualError(t, err, "/boot/kernel.efi: initrd= on the command line: b: the image has no initrd of its own, and lanzaboote does not load this one")
	_, err = plan.Make(type1(t, "linux /v\n"+line), src, plan.Firmware{Grub: true}, plan.Options{})
	require.EqualError(t, err, "/boot/v: initrd= on the command line: b: GRUB does not read it, and whether the kernel can is not known")
	assert.Equal(t, "use an initrd line", hint.Of(err))
	require.EqualError(t, make1(t, src, "linux /v\n", plan.Firmware{}).CheckEdit("initrd=b"), "initrd= on the command line: b: only an EFI stub would load it, and kexec starts none")
}
