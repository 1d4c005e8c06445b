//go:build e2e

package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// logindReboot is what desktops call; it knows nothing of kexec.
const logindReboot = "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager Reboot b false"

// TestE2EEvery: with enable, a reboot that knows nothing of kexec is one, and an
// ordinary one where firmware is needed or the guard does not decide.
func TestE2EEvery(t *testing.T) {
	d := vm.FindDebian(t, vm.Sid)
	program, err := os.ReadFile(d.Boot)
	require.NoError(t, err)
	g := setup{suite: vm.Sid, boot: map[string][]byte{
		"EFI/app.efi": program, "loader/entries/app.conf": []byte("title app\nefi /EFI/app.efi\n"),
	}}.start(t)
	g.MustRun("kexec-bls enable")

	g.Reboot(logindReboot)
	require.True(t, kexeced(g), "the reboot loads")

	g.Reboot("kexec-bls load other && systemctl stop kexec-bls-guard.service && " + logindReboot)
	require.False(t, kexeced(g), "nobody decides")

	g.Reboot("mkdir -p /efi/EFI/UpdateCapsule && touch /efi/EFI/UpdateCapsule/fw.cap && " + logindReboot)
	require.False(t, kexeced(g), "an update is waiting")

	g.Reboot("rm -r /efi/EFI/UpdateCapsule && kexec-bls load other && kexec-bls reboot --firmware")
	require.False(t, kexeced(g), "asked for")
	assert.Equal(t, "two", running(g))

	g.Reboot("bootctl set-oneshot app.conf && kexec-bls load other && " + logindReboot)
	require.False(t, kexeced(g), "the boot loader was to start an EFI program")
	assert.Empty(t, oneShotOf(g), "it did")

	g.Reboot("kexec-bls load && systemctl reboot --boot-loader-entry=other.conf")
	require.False(t, kexeced(g), "the boot loader was to boot an entry")
	assert.Equal(t, "other", running(g))

	g.CutAt("kexec-bls load other && { (sleep 1; systemctl reboot --firmware-setup) >/dev/null 2>&1 & }", "Boot Manager")
	require.False(t, kexeced(g), "the setup of the firmware was to be seen")
}

// TestE2EPolicies: a kernel that an upgrade or a boot has loaded is what a reboot
// starts; without one, and after disable, reboots go through the firmware.
func TestE2EPolicies(t *testing.T) {
	d := vm.FindDebian(t, vm.Sid)
	s := setup{suite: vm.Sid, root: installedHooks(t)}
	s.root["root/vmlinuz"], s.root["root/initrd"] = d.Kernel.Bytes(t), d.Initrd(t)
	s.root["etc/kernel/install.conf"] = []byte("layout=bls\nentry_name_format=box_%v\n")
	s.root["etc/kernel/cmdline"] = []byte(s.options("entry=installed") + "\n")
	g := s.start(t)
	// What makes initrds takes minutes in an emulated machine.
	g.MustRun("for plugin in 50-dracut 51-dracut-rescue; do ln -s /dev/null /etc/kernel/install.d/$plugin.install; done")
	g.MustRun("kexec-bls enable --policy=upgrade && echo 'default box_*' >/efi/loader/loader.conf")
	said := g.Run("kernel-install add 9.9.9-fake /root/vmlinuz /root/initrd 2>&1")
	require.Zero(t, said.Code, said.Stdout)
	assert.Contains(t, said.Stdout, "kexec-bls: box_9.9.9-fake.conf (kernel "+d.Kernel.Version+") is loaded: ")
	g.Reboot(logindReboot)
	require.True(t, kexeced(g))
	assert.Equal(t, "installed", running(g))

	g.Reboot(logindReboot)
	require.False(t, kexeced(g), "there was no upgrade")

	g.Reboot("kexec-bls enable --policy=boot && kexec-bls load other && " + logindReboot)
	require.True(t, kexeced(g))
	assert.Equal(t, "1", g.MustRun("cat /sys/kernel/kexec_loaded"), "every boot loads")
	g.Reboot(logindReboot)
	require.True(t, kexeced(g))
	assert.Equal(t, "installed", running(g))

	g.Reboot("kexec-bls disable && " + logindReboot)
	require.False(t, kexeced(g), "as it was")
}

// waysToReboot are those that know nothing of kexec-bls, each as its user runs it.
// What reboots by itself, systemd-sysupdate and unattended-upgrade, is shown that it
// has to; the first calls logind as desktops do, the second runs shutdown.
func waysToReboot() []string {
	return []string{
		"varlinkctl call /run/systemd/io.systemd.Shutdown io.systemd.Shutdown.Reboot '{}'",
		"kill -INT 1", // as the kernel does at Ctrl-Alt-Del
		"systemctl reboot",
		"shutdown -r now",
		"/usr/lib/systemd/systemd-sysupdate --verify=no reboot",
		"touch /run/reboot-required && unattended-upgrade",
		logindReboot,
	}
}

// transfer installs box_VERSION with a suffix, as sysupdate.d(5) has it: into the
// ESP, "esp", or into a directory of the root file system.
func transfer(relative, suffix string) string {
	target := "Path=/var/lib/installed"
	if relative != "" {
		target = "Path=/EFI/Linux\nPathRelativeTo=" + relative
	}
	return fmt.Sprintf("[Source]\nType=regular-file\nPath=/var/lib/images\nMatchPattern=box_@v.%[2]s\n[Target]\nType=regular-file\n%[1]s\nMatchPattern=box_@v.%[2]s\nInstancesMax=3\n", target, suffix)
}

// TestE2EWays: with enable, every way to reboot is a kexec where a kernel is loaded,
// and goes through the firmware where none is.
func TestE2EWays(t *testing.T) {
	s := setup{suite: vm.Sid, root: map[string][]byte{
		"usr/lib/os-release":               []byte("ID=debian\nIMAGE_ID=box\nIMAGE_VERSION=1\n"),
		"etc/sysupdate.d/50-box.transfer":  []byte(transfer("", "raw")),
		"var/lib/installed/box_2.raw":      []byte("newer"),
		"var/lib/images/box_2.raw":         []byte("newer"),
		"etc/apt/apt.conf.d/52reboot.conf": []byte("Unattended-Upgrade::Automatic-Reboot \"true\";\n"),
	}}
	g := s.start(t)
	g.MustRun("kexec-bls enable --policy=off")
	for _, way := range waysToReboot() {
		g.Reboot("kexec-bls load other && " + way)
		require.True(t, kexeced(g), way)
		assert.Equal(t, "other", running(g), way)
		t.Log("a kexec: ", way)
	}
	for _, way := range waysToReboot() {
		g.Reboot(way)
		require.False(t, kexeced(g), "%s: nothing was loaded", way)
		assert.Equal(t, "two", running(g), way)
		t.Log("through the firmware: ", way)
	}
}

// TestE2EAuto: no more than is needed.
func TestE2EAuto(t *testing.T) {
	g := setup{suite: vm.Sid}.start(t)
	assert.Contains(t, g.MustRun("kexec-bls reboot --auto"), "no reboot is needed: ")

	g.SoftReboot("touch /run/reboot-required && kexec-bls reboot --auto --allow-soft-reboot")
	assert.Equal(t, "1", g.MustRun("systemctl show -P SoftRebootsCount"))

	g.SoftReboot("rm /run/reboot-required && mkdir /run/nextroot && mount --bind / /run/nextroot && kexec-bls reboot --auto")
	assert.Equal(t, "2", g.MustRun("systemctl show -P SoftRebootsCount"))

	g.Reboot("echo 'default other*' >/efi/loader/loader.conf && kexec-bls reboot --auto")
	require.True(t, kexeced(g))
	assert.Equal(t, "other", running(g))
	assert.Contains(t, g.MustRun("kexec-bls reboot --auto"), "no reboot is needed: ")
}
