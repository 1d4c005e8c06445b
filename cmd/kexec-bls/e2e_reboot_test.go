//go:build e2e

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestE2EReboot is the main job: an entry with two initrds, which systemctl
// refuses, comes up after a clean shutdown.
func TestE2EReboot(t *testing.T) {
	proveReboot(t, setup{}, "/usr/sbin/kexec is not available: No such file or directory\n")
}

// TestE2ERebootSid is the same with the newest systemd.
func TestE2ERebootSid(t *testing.T) {
	proveReboot(t, setup{suite: vm.Sid}, "Boot entry specifies multiple initrds, which is not supported currently.\n")
}

func proveReboot(t *testing.T, s setup, refusal string) {
	t.Helper()
	g := s.start(t)
	assert.Equal(t, `initrd=\debian\ucode.img initrd=\debian\initrd.img `+s.options("entry=two"),
		g.MustRun("cat /proc/cmdline"), "as systemd-boot gave it")
	refused := g.Run("systemctl kexec")
	assert.NotZero(t, refused.Code)
	assert.Equal(t, refusal, refused.Stderr)
	require.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"))
	disk := g.MustRun("findmnt -no SOURCE,PARTUUID /")
	assert.Contains(t, disk, rootUUID)
	first := g.BootID

	g.Reboot("kexec-bls reboot")

	require.True(t, kexeced(g))
	assert.NotEqual(t, first, g.BootID)
	assert.Equal(t, s.options("entry=two"), g.MustRun("cat /proc/cmdline"))
	assert.Equal(t, disk, g.MustRun("findmnt -no SOURCE,PARTUUID /"))
	assert.Equal(t, "not microcode", g.MustRun("cat /run/initrd/kernel/x86/microcode/GenuineIntel.bin"))
	assert.Equal(t, "main", g.MustRun("cat /run/initrd/who/main"))
	cleanBoot(t, g)
}
