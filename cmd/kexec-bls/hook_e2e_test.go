//go:build e2e

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// installedHooks are our hooks as packages place them.
func installedHooks(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	put := func(from string, places ...string) {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		for _, path := range places {
			files[path] = text
		}
	}
	put("dist/kernel-install/95-kexec-bls.install", "usr/lib/kernel/install.d/95-kexec-bls.install")
	put("dist/debian/zzz-kexec-bls", "etc/kernel/postinst.d/zzz-kexec-bls", "etc/kernel/postrm.d/zzz-kexec-bls", "etc/initramfs/post-update.d/zzz-kexec-bls")
	return files
}

// TestE2EKernelInstall: kernel-install adds and removes a kernel, dpkg's hooks
// run after it; what the hook has loaded comes up by a plain systemctl kexec.
func TestE2EKernelInstall(t *testing.T) {
	d := vm.FindDebian(t, vm.Trixie)
	s := setup{root: installedHooks(t)}
	s.root["root/vmlinuz"], s.root["root/initrd"] = d.Kernel.Bytes(t), d.Initrd(t)
	s.root["etc/kernel/install.conf"] = []byte("layout=bls\n")
	s.root["etc/kernel/cmdline"] = []byte(s.options("entry=installed") + "\n")
	g := s.start(t)
	g.MustRun("rm /efi/loader/entries/other.conf && echo 'default *-9.9.9-fake.conf' >/efi/loader/loader.conf && test -x /usr/bin/kexec-bls")
	t.Log(g.MustRun("kernel-install --version | head -n 1"))
	installing := func(arguments string) string {
		t.Helper()
		got := g.Run("kernel-install " + arguments + " 2>&1")
		require.Zero(t, got.Code, got.Stdout)
		return got.Stdout
	}
	loaded := func() string { return g.MustRun("cat /sys/kernel/kexec_loaded") }

	assert.Empty(t, installing("remove 1.1.1-none"))
	said := installing("add 9.9.9-fake /root/vmlinuz /root/initrd")
	assert.Contains(t, said, "kexec-bls: reboot required: the next boot changes the kernel command line (")
	assert.Contains(t, said, "-9.9.9-fake.conf); run \"kexec-bls reboot\" to skip firmware\n")
	assert.Equal(t, "0", loaded())
	assert.Empty(t, installing("remove 9.9.9-fake"), "as it was")

	g.MustRun("echo 'hook.policy = \"load\"' >/etc/kexec-bls.toml")
	said = installing("add 9.9.9-fake /root/vmlinuz /root/initrd")
	assert.Contains(t, said, "is loaded: systemctl kexec starts it, from systemd 256 on systemctl reboot too; kexec-bls unload drops it\n")
	assert.Equal(t, 1, strings.Count(said, "kexec-bls: "), said)
	assert.Equal(t, "1", loaded())

	// Only ours: update-initramfs takes minutes in an emulated machine.
	runParts := "DPKG_MAINTSCRIPT_PACKAGE=linux-image-fake run-parts --exit-on-error --regex='^zzz-kexec-bls$' --arg=9.9.9-fake --arg=/boot/vmlinuz-9.9.9-fake "
	assert.Empty(t, g.MustRun(runParts+"/etc/kernel/postinst.d 2>&1"), "it is loaded and fresh")
	assert.NotZero(t, g.Run("test -e /run/reboot-required").Code, "nobody here would read it")
	g.MustRun("mkdir -p /usr/share/update-notifier && touch /usr/share/update-notifier/notify-reboot-required")
	g.MustRun(runParts + "/etc/kernel/postinst.d && " + runParts + "/etc/initramfs/post-update.d")
	assert.Equal(t, "*** System restart required ***\nlinux-image-fake", g.MustRun("cat /run/reboot-required /run/reboot-required.pkgs"))

	g.Reboot("systemctl kexec")

	assert.True(t, kexeced(g))
	// kernel-install of 257 puts the machine id there.
	assert.Equal(t, s.options("entry=installed")+" systemd.machine_id="+g.MustRun("cat /etc/machine-id"), g.MustRun("cat /proc/cmdline"))
	assert.NotZero(t, g.Run("test -e /run/reboot-required").Code)
	said = installing("remove 9.9.9-fake")
	assert.Contains(t, said, "two.conf (kernel "+d.Kernel.Version+") is loaded: ")
	assert.Equal(t, "1", loaded())
}
