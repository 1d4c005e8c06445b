//go:build e2e

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestE2ETemplate: with an instance of the template enabled, systemctl alone
// jumps into its entry.
func TestE2ETemplate(t *testing.T) {
	g := setup{}.start(t)

	g.MustRun("systemctl enable --now kexec-bls-load@other.service")
	g.Reboot("systemctl kexec")
	require.True(t, kexeced(g))
	assert.Equal(t, "other", running(g))
	cleanBoot(t, g)
	assert.Equal(t, "success", g.MustRun("systemctl show -P Result kexec-bls-load@other.service"))
	assert.Contains(t, g.MustRun("kexec-bls status"), "other.conf", "loaded at boot")

	g.MustRun("systemctl disable kexec-bls-load@other.service")
	g.MustRun("systemctl enable --now kexec-bls-load@two.service")
	g.Reboot("systemctl reboot")
	require.True(t, kexeced(g))
	assert.Equal(t, "two", running(g))
	cleanBoot(t, g)
}

// TestE2EXbootldr: a boot partition that is mounted on access, and is not
// mounted when the reboot is asked for.
func TestE2EXbootldr(t *testing.T) {
	s := setup{xbootldr: true}
	g := s.start(t)
	g.MustRun("ls /boot/loader/entries/two.conf")
	unmounted(g)

	g.Reboot("kexec-bls reboot other")
	require.True(t, kexeced(g))
	assert.Equal(t, s.options("entry=other"), g.MustRun("cat /proc/cmdline"))
	cleanBoot(t, g)

	g.MustRun("kexec-bls load other && systemctl enable --now kexec-bls-reload.path")
	unmounted(g)
	g.MustRun("until ! systemctl is-active kexec-bls-reload.path; do sleep 1; done")
	g.MustRun("ls /boot; until systemctl is-active kexec-bls-reload.path; do sleep 1; done")
	g.MustRun("echo options late=1 >>/boot/loader/entries/other.conf")
	g.MustRun("until grep late=1 /run/kexec-bls/loaded.json; do sleep 1; done; systemctl is-active kexec-bls-reload.path")
	g.Reboot("systemctl kexec")
	require.True(t, kexeced(g))
	assert.Contains(t, g.MustRun("cat /proc/cmdline"), "entry=other late=1")
}

// unmounted waits until automount has let go of /boot. To ask for the path
// would count as its use.
func unmounted(g *vm.Guest) {
	g.MustRun("while grep ' /boot vfat ' /proc/mounts; do sleep 1; done; grep ' /boot autofs ' /proc/mounts")
}

// TestE2ECounted: the firmware booted an entry with a boot counter, which
// systemd blesses once; a kexec into another one blesses nothing.
func TestE2ECounted(t *testing.T) {
	s := setup{}
	d := vm.FindDebian(t, vm.Trixie)
	entry := "title counted\nversion 9\nlinux /debian/linux\ninitrd /debian/initrd.img\noptions " + s.options("entry=counted") + "\n"
	s.boot = map[string][]byte{"loader/entries/two-counted+3.conf": []byte(entry), "loader/loader.conf": []byte("timeout 0\ndefault two-counted*\n")}
	require.NotEmpty(t, d.Boot)
	g := s.start(t)
	require.Equal(t, "counted", running(g))
	g.MustRun("until [ -e /efi/loader/entries/two-counted.conf ]; do sleep 1; done")

	g.MustRun("mv /efi/loader/entries/two-counted.conf /efi/loader/entries/two-counted+2-1.conf")
	g.Reboot("kexec-bls reboot other")
	require.True(t, kexeced(g))
	assert.Equal(t, s.options("entry=other")+" systemd.mask=systemd-bless-boot.service", g.MustRun("cat /proc/cmdline"))
	assert.Equal(t, "two-counted+2-1.conf", g.MustRun("cd /efi/loader/entries; ls two-counted*"), "not blessed")
	cleanBoot(t, g)
}

// TestE2ETenInARow: what ten kexecs leave behind is what one does.
func TestE2ETenInARow(t *testing.T) {
	s := setup{}
	g := s.start(t)
	for range 10 {
		g.Reboot("kexec-bls reboot")
		require.True(t, kexeced(g))
		require.Equal(t, s.options("entry=two"), g.MustRun("cat /proc/cmdline"))
		cleanBoot(t, g)
		assert.Empty(t, g.Run("ls /run/kexec-bls/loaded.json").Stdout, "no receipt of the last boot")
		status := g.Run("kexec-bls status")
		assert.Equal(t, 12, status.Code, status.Stdout)
	}
	g.Reboot("kexec-bls reboot --firmware")
	assert.False(t, kexeced(g))
	assert.Equal(t, "two", running(g))
	cleanBoot(t, g)
}
