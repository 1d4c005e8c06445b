//go:build e2e

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestE2EUKI: the default is a unified kernel image with microcode of its own
// and an addon beside it.
func TestE2EUKI(t *testing.T) {
	s := setup{}
	d := vm.FindDebian(t, vm.Trixie)
	stub, err := os.ReadFile(d.Stub)
	require.NoError(t, err)
	ucode := vm.Archive(t, cpio.StaticFile("kernel/x86/microcode/GenuineIntel.bin", "the image's", 0o644))
	image := withSections(t, stub,
		fixtures.Text(".osrel", "ID=test\nNAME=Test\nVERSION_ID=1\n"), fixtures.Text(".uname", d.Kernel.Version),
		fixtures.Text(".cmdline", s.options("entry=uki")),
		fixtures.Section{Name: ".linux", Data: d.Kernel.Bytes(t)},
		fixtures.Section{Name: ".initrd", Data: d.Initrd(t)},
		fixtures.Section{Name: ".ucode", Data: ucode})
	s.boot = map[string][]byte{
		"EFI/Linux/uki.efi":                     image,
		"EFI/Linux/uki.efi.extra.d/a.addon.efi": fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".cmdline", "addon=1")}}.Bytes(),
		"loader/loader.conf":                    []byte("timeout 0\ndefault uki.efi\n"),
	}
	g := s.start(t)
	assert.Equal(t, s.options("entry=uki addon=1"), firmwareConsoleGone(g))

	g.Reboot("kexec-bls reboot")

	require.True(t, kexeced(g))
	assert.Equal(t, s.options("entry=uki addon=1"), g.MustRun("cat /proc/cmdline"))
	assert.Equal(t, "the image's", g.MustRun("cat /run/initrd/kernel/x86/microcode/GenuineIntel.bin"))
	assert.Contains(t, g.MustRun("ls /run/initrd/.extra"), "os-release")
	cleanBoot(t, g)
}

// firmwareConsoleGone is the command line without the words that systemd-stub
// 262 makes of the firmware's consoles.
func firmwareConsoleGone(g *vm.Guest) string {
	return g.MustRun(`sed -E 's/( console=(uart|tty0)[^ ]*)+$//' /proc/cmdline`)
}
