//go:build e2e

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestE2EUnlock: a volume with no key but a passphrase opens by the TPM after a reboot
// --unlock, without anybody, and no key is left; not so after a power cut before the jump. Other starts and kexecs are in TestUnlockWithSystemd.
func TestE2EUnlock(t *testing.T) {
	d := vm.FindDebian(t, vm.Sid)
	s := setup{suite: vm.Sid, tpm: true}
	base, err := os.ReadFile(d.SystemdInitrd)
	require.NoError(t, err)
	const tab = "once /dev/vdb1 none tpm2-device=auto,headless\n"
	image := append(append(base, make([]byte, -len(base)&3)...), vm.Archive(t, cpio.StaticFile("etc/crypttab", tab, 0o600))...)
	s.boot = map[string][]byte{
		"EFI/Linux/lab.efi":  measuredUKI(t, d, s.options("entry=lab"), image),
		"loader/loader.conf": []byte("timeout 0\ndefault lab.efi\n"),
	}
	s.disks = []string{vm.Disk(t, vm.Partition{Type: "0fc63daf-8483-4772-8e79-3d69d8477de4"})}
	g := s.start(t)
	const (
		keys   = `cryptsetup luksDump --dump-json-metadata /dev/vdb1 | grep -cE '"type": *"(luks2|systemd-tpm2)"'`
		pcr    = "cat /sys/class/tpm/tpm0/pcr-sha256/23"
		open   = "ls /dev/mapper"
		record = "/var/lib/kexec-bls/unlock.json"
	)
	const key = "printf pass >/run/key; chmod 600 /run/key; "
	g.MustRun(key + "cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/vdb1 /run/key; udevadm settle")
	before := g.MustRun(keys)
	dry := g.Run("kexec-bls reboot --dry-run --unlock --unlock-key-file=/run/key lab.efi")
	assert.Contains(t, dry.Stderr, "the TPM will open once after this kexec")
	assert.Equal(t, before, g.MustRun(keys), "nothing was changed")

	g.Reboot("kexec-bls reboot --unlock --unlock-key-file=/run/key lab.efi")
	assert.True(t, kexeced(g))
	assert.Contains(t, g.MustRun(open), "once", "it opens")
	ended := func() {
		g.Run("for n in $(seq 60); do [ -e " + record + " ] || break; sleep 1; done")
		t.Log(g.MustRun("journalctl -b -o cat -u kexec-bls-unlock.service"))
		assert.Equal(t, before, g.MustRun(keys), "the key is removed")
		assert.Equal(t, strings.Repeat("0", 64), g.MustRun(pcr))
		assert.NotEqual(t, 0, g.Run("test -e "+record).Code)
		assert.NotEqual(t, 0, g.Run("systemctl is-enabled --quiet kexec-bls-unlock.service").Code)
	}
	ended()

	const slow = "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nTimeoutStopSec=900\\nExecStart=/bin/true\\nExecStop=/bin/sh -c \"echo all but the jump >/dev/console; sleep 800\"\\n"
	g.MustRun(key + "printf '" + slow + "' >/run/systemd/system/slow.service; systemctl start slow.service")
	g.CutAt("{ kexec-bls reboot --unlock --unlock-key-file=/run/key lab.efi >/dev/null 2>&1 & }", "all but the jump")
	assert.False(t, kexeced(g))
	assert.NotContains(t, g.MustRun(open), "once", "not after a power cut")
	ended()
}
