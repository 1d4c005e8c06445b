//go:build vm

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// An efiLoader is systemd-boot and systemd-stub of one version.
type efiLoader struct {
	version    int
	boot, stub []byte
}

// findLoader takes the programs from ~/.cache/kexec-bls/efi, where those of
// another release of the distribution may be put, or else the installed ones.
func findLoader(t *testing.T) efiLoader {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	for _, dir := range []string{filepath.Join(cache, "kexec-bls", "efi"), "/usr/lib/systemd/boot/efi"} {
		stub, err := os.ReadFile(filepath.Join(dir, "linuxx64.efi.stub"))
		if err != nil {
			continue
		}
		boot, err := os.ReadFile(filepath.Join(dir, "systemd-bootx64.efi"))
		require.NoError(t, err)
		m, err := uki.Open(bytes.NewReader(stub), int64(len(stub)))
		require.NoError(t, err)
		digits := regexp.MustCompile(`\d+`).FindString(m.LoaderInfo())
		version, err := strconv.Atoi(digits)
		require.NoError(t, err, m.LoaderInfo())
		return efiLoader{version, boot, stub}
	}
	require.FailNow(t, "systemd-stub is missing: run fixtures/setup.sh")
	return efiLoader{}
}

// ukiKernel prefers the newer kernel, which shows the initrd that it was given.
func ukiKernel(t *testing.T) vm.Kernel {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(cache, "kexec-bls", "kernel", vm.SecondKernel)); err == nil {
		return vm.FindKernel(t, vm.SecondKernel)
	}
	return vm.FindKernel(t, vm.DefaultKernel)
}

const microcode = "kernel/x86/microcode/GenuineIntel.bin"

// ukiInitrd is what a guest needs to be talked to, with our binary.
func ukiInitrd(t *testing.T, kernel vm.Kernel) []byte {
	image := append(vm.AgentFiles(t), kernel.ModuleFiles(t, append(vm.DiskModules(), "efivarfs")...)...)
	image = append(image, vm.FileRecords(map[string][]byte{"bin/kexec-bls": vm.Build(t, ".")})...)
	return vm.Zstd(t, layer(t, "main", image...))
}

// ukiESP is a disk with one of everything that a stub picks up.
func ukiESP(t *testing.T, l efiLoader, kernel vm.Kernel, entries map[string][]byte) string {
	ucode := func(who string) []byte {
		return vm.Archive(t, cpio.StaticFile(microcode, "not microcode, "+who, 0o644))
	}
	addon := func(sections ...fixtures.Section) []byte { return fixtures.PE{Sections: sections}.Bytes() }
	sections := []fixtures.Section{
		fixtures.Text(".osrel", "ID=test\nNAME=Test\nVERSION_ID=1\n"), fixtures.Text(".uname", kernel.Version),
		fixtures.Text(".cmdline", vm.Cmdline+" retain_initrd  own=1\n"),
		{Name: ".linux", Data: kernel.Bytes(t)},
		{Name: ".initrd", Data: ukiInitrd(t, kernel)},
		{Name: ".ucode", Data: ucode("the image's")},
		fixtures.Text(".profile", "ID=main\nTITLE=Main"),
	}
	if l.version >= 257 { // which know profiles, and leave more room in their headers
		sections = append(sections, fixtures.Text(".profile", "ID=other"), fixtures.Text(".cmdline", vm.Cmdline+" retain_initrd other=1"))
	}
	image := withSections(t, l.stub, sections...)
	files := map[string][]byte{
		"EFI/BOOT/BOOTX64.EFI": l.boot, "loader/loader.conf": []byte("timeout 0\n"),
		"EFI/Linux/test.efi":                         image,
		"EFI/Linux/test.efi.extra.d/b.cred":          []byte("a credential"),
		"EFI/Linux/test.efi.extra.d/A.cred":          []byte("another"),
		"EFI/Linux/test.efi.extra.d/e.sysext.raw":    bytes.Repeat([]byte("sysext"), 999),
		"EFI/Linux/test.efi.extra.d/c.confext.raw":   []byte("confext"),
		"EFI/Linux/test.efi.extra.d/l.addon.efi":     addon(fixtures.Text(".cmdline", "local=1 "), fixtures.Section{Name: ".initrd", Data: layer(t, "local")}),
		"EFI/Linux/test.efi.extra.d/other.addon.efi": addon(fixtures.Text(".cmdline", "other=1"), fixtures.Text(".uname", "another release")),
		"EFI/Linux/test.efi.extra.d/u.addon.efi":     addon(fixtures.Text(".uname", kernel.Version[:3]), fixtures.Section{Name: ".ucode", Data: ucode("an addon's")}),
		"loader/addons/g.addon.efi":                  addon(fixtures.Text(".cmdline", "\tglobal=1"), fixtures.Section{Name: ".initrd", Data: layer(t, "global")}),
		"loader/credentials/g.cred":                  []byte("for all"),
		"loader/extensions/g.raw":                    []byte("for all"),
		"loader/extensions/g.confext.raw":            []byte("for all"),
	}
	for name, data := range entries {
		files[name] = data
	}
	return vm.Disk(t, vm.Partition{Files: files})
}

// seen is what a kernel was given.
type seen struct {
	cmdline, extra, microcode, who string
	initrd                         string // sum of the whole blob, where the kernel shows it (6.5 and later)
}

// firmwareConsole are the words that systemd-stub 262 makes of the firmware's
// consoles.
var firmwareConsole = regexp.MustCompile(`( console=(uart|tty0)\S*)+$`)

func look(g *vm.Guest) seen {
	return seen{
		cmdline:   firmwareConsole.ReplaceAllString(g.MustRun("cat /proc/cmdline"), ""),
		extra:     g.MustRun("cd / && find .extra | sort | while read f; do stat -c '%n %a %F' $f; [ -d $f ] || sha256sum < $f; done"),
		microcode: g.Run("cat /" + microcode).Stdout, // stubs before 256 lose it
		who:       g.MustRun("ls /who && cat /who/last"),
		initrd:    g.MustRun("[ ! -e /sys/firmware/initrd ] || sha256sum /sys/firmware/initrd"),
	}
}

// sameAsFirmware boots a disk by firmware, systemd-boot and systemd-stub, then
// kexecs into the same entry, and returns what both kernels were given.
func sameAsFirmware(t *testing.T, disk string) (booted, kexeced seen) {
	g := vm.Start(t, vm.Config{Memory: 1024, UEFI: true, FromDisk: true, Disks: []string{disk}})
	booted = look(g)
	assert.NotEqual(t, "208", g.MustRun("cat /proc/sys/kernel/bootloader_type"))
	g.Mount("/dev/vda1", "/efi")
	g.Reboot("kexec-bls reboot --force")
	assert.Equal(t, "208", g.MustRun("cat /proc/sys/kernel/bootloader_type"), "a kexec did it")
	return booted, look(g)
}

// TestVMUKI boots a unified kernel image with microcode, credentials, extensions
// and addons both ways.
//
// Stubs older than 257 pick up fewer kinds of files, order the rest otherwise,
// take confexts for sysexts, and know no addons before 254; then only what both
// do is compared: the credentials and the extensions of the image.
func TestVMUKI(t *testing.T) {
	l := findLoader(t)
	booted, kexeced := sameAsFirmware(t, ukiESP(t, l, ukiKernel(t), nil))
	if l.version < 257 {
		t.Logf("systemd-stub %d: comparing what it has in common with 262", l.version)
		for part := range strings.SplitSeq(booted.extra, "\n") {
			if !strings.HasPrefix(part, ".extra/sysext/c.confext.raw") { // all .raw files were sysexts once
				assert.Contains(t, kexeced.extra, part)
			}
		}
		assert.True(t, strings.HasPrefix(kexeced.cmdline, strings.TrimSpace(booted.cmdline)), "%q, %q", booted.cmdline, kexeced.cmdline)
		return
	}
	if l.version < 262 {
		booted.initrd, kexeced.initrd = "", "" // the files are the same, the archives need not be
	}
	assert.Equal(t, booted, kexeced)
	assert.Equal(t, vm.Cmdline+" retain_initrd  own=1 global=1 local=1", kexeced.cmdline)
	assert.Equal(t, "not microcode, the image's", kexeced.microcode, "early microcode is read from the first, files are those of the last")
	assert.Equal(t, "global\nlast\nlocal\nmain\nlocal", kexeced.who)
	for _, file := range []string{"credentials/A.cred 400 regular", "global_credentials/g.cred", "sysext/e.sysext.raw 444", "global_sysext/g.raw", "confext/c.confext.raw", "global_confext", "os-release", "profile"} {
		assert.Contains(t, kexeced.extra, ".extra/"+file)
	}
}

// TestVMUKIByEntry does the same with a Type #1 entry that names the image, has
// options of its own and files for it to take along.
func TestVMUKIByEntry(t *testing.T) {
	l := findLoader(t)
	require.GreaterOrEqual(t, l.version, 262, "an older systemd-boot does not know the keys; fixtures/setup.sh fetches 262")
	booted, kexeced := sameAsFirmware(t, ukiESP(t, l, ukiKernel(t), map[string][]byte{
		"loader/loader.conf": []byte("timeout 0\ndefault entry.conf\n"),
		"loader/entries/entry.conf": []byte("title Entry\nuki /EFI/Linux/test.efi\noptions " + vm.Cmdline + "\noptions retain_initrd entry=1\n" +
			"extra /e/z.cred\nextra /e/y.confext.raw\nextra /e/a.cred\ninitrd /e/not.img\n"),
		"e/z.cred": []byte("z"), "e/y.confext.raw": []byte("y"), "e/a.cred": []byte("aaaaa"), "e/not.img": layer(t, "not"),
	}))
	assert.Equal(t, booted, kexeced)
	assert.Equal(t, vm.Cmdline+" retain_initrd entry=1 global=1 local=1", kexeced.cmdline)
	assert.Contains(t, kexeced.extra, ".extra/credentials/z.cred")
}

// TestVMUKIByKeyLinux: the stub runs for a linux key as well, and joins what
// systemd-boot has read of the initrd lines.
func TestVMUKIByKeyLinux(t *testing.T) {
	l := findLoader(t)
	require.GreaterOrEqual(t, l.version, 258, "an older systemd-stub has no initrd but its own; fixtures/setup.sh fetches 262")
	booted, kexeced := sameAsFirmware(t, ukiESP(t, l, ukiKernel(t), map[string][]byte{
		"loader/loader.conf":        []byte("timeout 0\ndefault entry.conf\n"),
		"loader/entries/entry.conf": []byte("linux /EFI/Linux/test.efi\ninitrd /a.img\ninitrd /b.img\noptions " + vm.Cmdline + " retain_initrd linux=1\n"),
		"a.img":                     append(layer(t, "a"), 0), "b.img": layer(t, "b"),
	}))
	booted.cmdline = strings.TrimPrefix(booted.cmdline, `initrd=\a.img initrd=\b.img `)
	assert.Equal(t, booted, kexeced)
	assert.Equal(t, "a\nb\nglobal\nlast\nlocal\nmain\nlocal", kexeced.who)
}
