//go:build e2e

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestE2EEvery: with enable, a reboot that knows nothing of kexec is one, and an
// ordinary one where firmware is needed or the guard does not decide.
func TestE2EEvery(t *testing.T) {
	g := setup{suite: vm.Sid}.start(t)
	g.MustRun("kexec-bls enable")
	const logind = "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager Reboot b false"

	g.Reboot(logind)
	require.True(t, kexeced(g), "the reboot loads")

	g.Reboot("kexec-bls load other && systemctl stop kexec-bls-guard.service && " + logind)
	require.False(t, kexeced(g), "nobody decides")

	g.Reboot("mkdir -p /efi/EFI/UpdateCapsule && touch /efi/EFI/UpdateCapsule/fw.cap && " + logind)
	require.False(t, kexeced(g), "an update is waiting")

	g.MustRun("rm -r /efi/EFI/UpdateCapsule; kexec-bls enable --policy=off")
	g.Reboot("kexec-bls load other && " + logind)
	require.True(t, kexeced(g))
	assert.Equal(t, "other", running(g))

	g.Reboot("shutdown -r now")
	require.False(t, kexeced(g), "nothing was loaded")

	g.Reboot("kexec-bls load && systemctl reboot --boot-loader-entry=other.conf")
	require.False(t, kexeced(g), "the boot loader was to boot an entry")
	assert.Equal(t, "other", running(g))
}
