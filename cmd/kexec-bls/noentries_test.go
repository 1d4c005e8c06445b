package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// TestWithoutEntries is a Debian with GRUB, which knows its kernels by grub.cfg
// alone: the message has the line to type.
func TestWithoutEntries(t *testing.T) {
	const line = "to load the newest: kexec-bls load --linux=/boot/vmlinuz-6.1.0-48-amd64 --initrd=/boot/initrd.img-6.1.0-48-amd64 --reuse-cmdline\n"
	f, dir := newFake(t, map[string]string{
		"grub/grub.cfg": "menuentry 'Debian GNU/Linux' --id debian {\n linux /vmlinuz-6.1.0-48-amd64 root=/dev/vda1 ro quiet\n initrd /initrd.img-6.1.0-48-amd64\n}\n",
	})
	write(t, f.dir, map[string]string{
		"boot/vmlinuz-6.1.0-9-amd64": "", "boot/vmlinuz-6.1.0-48-amd64": "", "boot/initrd.img-6.1.0-48-amd64": "",
	})
	got := f.run("list", "--esp-path="+dir)
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, line)
	assert.Contains(t, got.stdout, "Debian GNU/Linux")
	for _, args := range [][]string{{"show"}, {"check"}, {"load"}, {"reboot"}, {"reboot", "-n"}} {
		got := f.run(append(args, "--esp-path="+dir)...)
		assert.Equal(t, exitNoEntry, got.code, "%q", args)
		assert.Contains(t, got.stderr, `GRUB boots "Debian GNU/Linux" next, which is no boot loader entry; the kernels in /boot have no boot loader entries; `+line, "%q", args)
	}
	f.openSystem = func(context.Context, entries.Options) (*entries.System, error) {
		return nil, fmt.Errorf("%w: nothing at /efi", esp.ErrNotFound)
	}
	for _, args := range [][]string{{"list"}, {"show"}, {"load"}, {"reboot"}} {
		got := f.run(args...)
		assert.Equal(t, exitNoEntry, got.code, "%q", args)
		assert.Contains(t, got.stderr, "no boot partition found: nothing at /efi; the kernels in /boot have no boot loader entries; "+line, "%q", args)
	}
	assert.Contains(t, f.run().stdout, "next     unknown: no boot partition found: nothing at /efi; the kernels in /boot have no boot loader entries; "+line)
	assert.NotContains(t, f.run("list", "--root=/nosuch").stderr, "/boot/vmlinuz")
	assert.Empty(t, f.acts)
}

// TestNothingToBoot: the reason is given once, and what to type is ours.
func TestNothingToBoot(t *testing.T) {
	f, dir := newFake(t, nil)
	got := f.run("list", "--esp-path="+dir)
	assert.Equal(t, 1, strings.Count(got.stdout+got.stderr, "no entries"), got.stderr)
	assert.Contains(t, got.stdout, "next boot: none\n")
	write(t, dir, map[string]string{"loader/entries/bad.conf": "linux /gone\n"})
	assert.Contains(t, f.run("list", "--esp-path="+dir).stdout, "next boot: no entry, none of 1 entries can be booted\n")
	f.openSystem = func(context.Context, entries.Options) (*entries.System, error) {
		return nil, hint.Errorf(string(hint.GivePath), "%w: nothing at /efi", esp.ErrNotFound)
	}
	assert.Equal(t, "no boot partition found: nothing at /efi; use --esp-path=DIR or --boot-path=DIR\n", f.run("reboot-required").stdout)
}

// TestPathAsEntry: who types a file where an ENTRY belongs wants to load it.
func TestPathAsEntry(t *testing.T) {
	f, dir := newFake(t, archFiles())
	for _, verb := range []string{"load", "show", "reboot"} {
		assert.Equal(t, "kexec-bls: no entry matches '/boot/vmlinuz'; to load a file: kexec-bls load --linux=/boot/vmlinuz\n",
			f.run(verb, "/boot/vmlinuz", "--esp-path="+dir).stderr)
	}
}
