//go:build e2e

package main

import (
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
