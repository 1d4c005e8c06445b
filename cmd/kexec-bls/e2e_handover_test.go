//go:build e2e

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestE2EHandOver: without a TPM a volume with no key but a passphrase opens after a
// reboot --unlock, without anybody; nothing of the key is left in the next system, and
// the kexec after that does not open it.
func TestE2EHandOver(t *testing.T) {
	d := vm.FindDebian(t, vm.Sid)
	s := setup{suite: vm.Sid}
	base, err := os.ReadFile(d.SystemdInitrd)
	require.NoError(t, err)
	const entry = "linux /debian/linux\ninitrd /debian/systemd.img\ninitrd /debian/tab.img\noptions "
	s.boot = map[string][]byte{
		"debian/systemd.img":       base,
		"debian/tab.img":           vm.Archive(t, cpio.StaticFile("etc/crypttab", "once /dev/vdb1 none headless\n", 0o600)),
		"loader/entries/lock.conf": []byte(entry + s.options("entry=lock") + "\n"),
	}
	s.disks = []string{vm.Disk(t, vm.Partition{Type: "0fc63daf-8483-4772-8e79-3d69d8477de4"})}
	g := s.start(t)
	const content = "sha256sum </dev/vdb1"
	g.MustRun("printf horse >/run/key; printf wrong >/run/wrong; chmod 600 /run/key /run/wrong; cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/vdb1 /run/key; udevadm settle")
	before := g.MustRun(content)
	refused := g.Run("kexec-bls reboot --unlock --unlock-key-file=/run/wrong lock")
	assert.NotZero(t, refused.Code)
	assert.Contains(t, refused.Stderr, "once: cryptsetup: No key available with this passphrase.; nothing was changed")
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"))

	g.Reboot("kexec-bls reboot --unlock --unlock-key-file=/run/key lock")
	require.True(t, kexeced(g))
	assert.Contains(t, g.MustRun("ls /dev/mapper"), "once", "it opens")
	assert.Equal(t, before, g.MustRun(content), "nothing is written to the volume")
	assert.Empty(t, g.Run("ls -d /etc/cryptsetup-keys.d /run/cryptsetup-keys.d /sys/firmware/initrd /run/credentials/@system/cryptsetup* 2>/dev/null").Stdout)
	const kept = "grep -rla hors[e] /run /var/lib/kexec-bls; journalctl -o cat | grep -a hors[e]; dmesg | grep hors[e]" // it does not find itself
	assert.Empty(t, g.Run("{ "+kept+"; } 2>/dev/null").Stdout)
	assert.NotEmpty(t, g.Run("journalctl -b -1 -o cat | grep kexec-bls").Stdout, "it remembers the boot that had the key")

	g.Reboot("kexec-bls reboot lock")
	require.True(t, kexeced(g))
	assert.NotContains(t, g.MustRun("ls /dev/mapper"), "once", "once")

	g.Reboot(`(sleep 20; echo horse) | script -qec "kexec-bls reboot --unlock lock" /run/typed`)
	require.True(t, kexeced(g))
	assert.Contains(t, g.MustRun("ls /dev/mapper"), "once", "by a passphrase that was typed")
}
