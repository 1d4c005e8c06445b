//go:build e2e

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// running is the entry that the running kernel was started from.
func running(g *vm.Guest) string {
	return g.MustRun(`sed 's/.*\bentry=\([a-z]*\).*/\1/' /proc/cmdline`)
}

// TestE2EChoice: an inhibitor stops everything before it begins; a named entry
// boots, and leaves a one-shot for another one alone; a one-shot that chose the
// entry is used up; and --firmware goes through the firmware in spite of a
// loaded kernel.
func TestE2EChoice(t *testing.T) {
	g := setup{}.start(t)

	g.MustRun("bootctl set-oneshot other.conf")
	require.Equal(t, "other.conf", oneShotOf(g))
	inhibited(t, g)
	assert.Equal(t, "other.conf", oneShotOf(g), "as it was")

	g.Reboot("kexec-bls reboot two")
	require.True(t, kexeced(g))
	assert.Equal(t, "two", running(g))
	assert.Equal(t, "other.conf", oneShotOf(g), "another entry's one-shot waits")
	cleanBoot(t, g)

	g.Reboot("kexec-bls reboot")
	require.True(t, kexeced(g))
	assert.Equal(t, "other", running(g))
	assert.Empty(t, oneShotOf(g), "used up")
	cleanBoot(t, g)

	g.MustRun("kexec-bls load other")
	g.Reboot("kexec-bls reboot --firmware")
	assert.False(t, kexeced(g))
	assert.True(t, strings.HasPrefix(g.MustRun("cat /proc/cmdline"), `initrd=\debian\ucode.img `), "systemd-boot ran")
	assert.Equal(t, "two", running(g))
	cleanBoot(t, g)
}

// inhibited asserts that a reboot that an inhibitor forbids changes nothing.
func inhibited(t *testing.T, g *vm.Guest) {
	t.Helper()
	g.MustRun("systemd-run --unit=inhibitor systemd-inhibit --what=shutdown --mode=block --who=test --why=busy sleep infinity")
	g.MustRun("until systemd-inhibit --list --no-legend | grep -q busy; do sleep 0.2; done")
	refused := g.Run("kexec-bls reboot --check-inhibitors=yes")
	assert.Equal(t, 1, refused.Code)
	assert.Contains(t, refused.Stderr, "Operation inhibited by \"test\"")
	assert.Contains(t, refused.Stderr, "nothing was rebooted; unloaded again")
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"))
	assert.Empty(t, g.Run("ls /run/kexec-bls/loaded.json").Stdout, "no receipt")
	g.MustRun("systemctl stop inhibitor")
}

const loaderVendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// oneShotOf is the value of LoaderEntryOneShot, "" where there is none.
func oneShotOf(g *vm.Guest) string { return efiText(g, "LoaderEntryOneShot") }

// efiText reads a variable through cat, as tail(1) seeks and efivarfs cannot.
func efiText(g *vm.Guest, name string) string {
	return g.MustRun("f=/sys/firmware/efi/efivars/" + name + "-" + loaderVendor + `; [ ! -e $f ] || cat $f | tail -c +5 | tr -d '\0'`)
}
