package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kexec-bls/kexec-bls/entries"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// stat is a line of proc_pid_stat(5).
func stat(pid, name, parent, start string) string {
	return pid + " (" + name + ") S " + parent + strings.Repeat(" 0", 17) + " " + start + " 0 0\n"
}

// TestHookSaysItOnce: dpkg calls the hooks for each kernel and each initrd, one
// message is enough; the next dpkg says it again.
func TestHookSaysItOnce(t *testing.T) {
	h := newHooked(t, "notify")
	under := func(dpkg, start string) {
		write(t, filepath.Join(h.dir, "proc"), map[string]string{
			"self/stat": stat("900", "kexec-bls", "899", "7"), "899/stat": stat("899", "sh", dpkg, "6"),
			dpkg + "/stat": stat(dpkg, "dpkg", "40", start), "40/stat": stat("40", "apt-get", "30", start), "30/stat": stat("30", "a (b) c", "1", "1"),
			"1/stat": stat("1", "systemd", "0", "0"),
		})
	}
	under("50", "5")
	assert.Equal(t, arrow, h.hook(t, "debian", "6.12.1"))
	for range 4 {
		assert.Empty(t, h.hook(t, "kernel-install", "add", "6.12.1"))
	}
	under("51", "5")
	assert.Empty(t, h.hook(t, "debian", "6.12.1"), "apt-get runs dpkg more than once")
	h.openSystem = func(context.Context, entries.Options) (*entries.System, error) { return nil, esp.ErrNotFound }
	assert.Contains(t, h.hook(t, "debian", "6.12.1"), "cannot determine", "other news")
	assert.Empty(t, h.hook(t, "debian", "6.12.1"))
	under("52", "9")
	assert.Contains(t, h.hook(t, "debian", "6.12.1"), "cannot determine", "another apt-get")

	h = newHooked(t, "notify")
	assert.Equal(t, arrow, h.hook(t, "pacman"))
	assert.Equal(t, arrow, h.hook(t, "pacman"), "a user who runs it sees it each time")
}

func TestRebootRequiredFile(t *testing.T) {
	files := func(h hooked) (string, string) {
		dir := filepath.Dir(h.machine.RunDir)
		text, _ := os.ReadFile(dir + "/reboot-required")
		pkgs, _ := os.ReadFile(dir + "/reboot-required.pkgs")
		return string(text), string(pkgs)
	}
	ubuntu := func(policy string) hooked {
		h := newHooked(t, policy)
		write(t, h.dir, map[string]string{"usr/share/update-notifier/notify-reboot-required": ""})
		return h
	}
	h := ubuntu("notify")
	for _, name := range []string{"linux-image-6.12.1", "linux-image-6.12.1", "initramfs-tools"} {
		h.getenv = func(v string) string { return map[string]string{"DPKG_MAINTSCRIPT_PACKAGE": name}[v] }
		h.hook(t, "debian", "6.12.1")
	}
	text, pkgs := files(h)
	assert.Equal(t, "*** System restart required ***\n", text)
	assert.Equal(t, "linux-image-6.12.1\ninitramfs-tools\n", pkgs)

	for name, h := range map[string]hooked{"no reader": newHooked(t, "notify"), "off": ubuntu("off")} {
		h.hook(t, "debian", "6.12.1")
		text, pkgs = files(h)
		assert.Empty(t, text+pkgs, name)
	}
	h = ubuntu("notify")
	h.hook(t, "pacman")
	h.run6121(t)
	h.hook(t, "debian", "6.12.1")
	text, pkgs = files(h)
	assert.Empty(t, text+pkgs, "nothing new, or no dpkg")
}

// TestHookOfAnImageBuild: kernel-install that fills another system's boot
// partition is no news for this one.
func TestHookOfAnImageBuild(t *testing.T) {
	h := newHooked(t, "notify")
	for root, says := range map[string]bool{"": true, "/boot": true, h.esp: true, h.esp + "/": true, t.TempDir(): false, "/nowhere": false} {
		h.getenv = func(v string) string { return map[string]string{"KERNEL_INSTALL_BOOT_ROOT": root}[v] }
		assert.Equal(t, says, h.hook(t, "kernel-install", "add", "6.12.1") != "", root)
	}
}
