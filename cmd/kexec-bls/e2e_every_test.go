//go:build e2e

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestE2EEvery: with enable, a reboot that knows nothing of kexec is one while a
// kernel is loaded, and an ordinary one otherwise or where firmware is needed.
func TestE2EEvery(t *testing.T) {
	g := setup{suite: vm.Sid}.start(t)
	g.MustRun("kexec-bls enable --policy=off")
	const logind = "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager Reboot b false"

	g.MustRun("kexec-bls load other")
	g.Reboot(logind)
	require.True(t, kexeced(g))
	assert.Equal(t, "other", running(g))

	g.Reboot(logind)
	require.False(t, kexeced(g), "nothing was loaded")

	g.MustRun("kexec-bls load other && mkdir -p /efi/EFI/UpdateCapsule && touch /efi/EFI/UpdateCapsule/fw.cap")
	g.Reboot(logind)
	require.False(t, kexeced(g), "an update is waiting")
}
