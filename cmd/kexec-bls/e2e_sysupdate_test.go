//go:build e2e

package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// secretService fails where the boot secret is not that of the first boot.
const secretService = `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'now=$$(sha256sum </run/systemd/stub/boot-secret); [ -e /var/lib/secret ] || echo "$$now" >/var/lib/secret; [ "$$now" = "$$(cat /var/lib/secret)" ]'
`

// secretSeeker prints where the boot secret is found, raw or encoded.
const secretSeeker = `import base64, glob, subprocess, sys
secret = open("/run/systemd/stub/boot-secret", "rb").read()
assert len(secret) >= 16
spellings = [secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"=")]
def seek(name, text):
    if any(s in text for s in spellings):
        print(name)
for command in "list", "list --json", "show -v", "show --json", "show -vv", "load -vv", "status -vv", "status --json", "check --report":
    p = subprocess.run(["kexec-bls", *command.split()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seek(command, p.stdout)
seek("journal", subprocess.run(["journalctl", "-o", "export", "--all"], stdout=subprocess.PIPE, check=True).stdout)
seek("kernel log", subprocess.run(["dmesg"], stdout=subprocess.PIPE, check=True).stdout)
for name in sys.argv[1:]:
    for path in glob.glob(name):
        seek(path, open(path, "rb").read())
`

// TestE2ESysupdate: an update of a unified kernel image by systemd-sysupdate is
// loaded, and its reboot is a kexec into it; the boot secret stays what it was, and
// is printed nowhere.
func TestE2ESysupdate(t *testing.T) {
	d := vm.FindDebian(t, vm.Sid)
	// Without a random seed systemd-stub derives no secret.
	s := setup{suite: vm.Sid, devices: []string{"virtio-rng-pci"}}
	stub, err := os.ReadFile(d.Stub)
	require.NoError(t, err)
	initrd, err := os.ReadFile(d.SystemdInitrd)
	require.NoError(t, err)
	image := func(version, entry string) []byte {
		return withSections(t, stub,
			fixtures.Text(".osrel", "ID=debian\nIMAGE_ID=box\nIMAGE_VERSION="+version+"\n"), fixtures.Text(".uname", d.Kernel.Version),
			fixtures.Text(".cmdline", s.options("entry="+entry)),
			fixtures.Section{Name: ".linux", Data: d.Kernel.Bytes(t)}, fixtures.Section{Name: ".initrd", Data: initrd})
	}
	next := image("2", "new")
	s.boot = map[string][]byte{
		"EFI/Linux/box_1.efi": image("1", "old"), "room": make([]byte, len(next)), "loader/random-seed": bytes.Repeat([]byte("seed"), 8),
		"loader/loader.conf": []byte("timeout 0\ndefault box_*\n"),
	}
	s.root = map[string][]byte{
		"usr/lib/os-release":                                 []byte("ID=debian\nIMAGE_ID=box\nIMAGE_VERSION=1\n"),
		"etc/sysupdate.d/50-box.transfer":                    []byte(transfer("esp", "efi")),
		"var/lib/images/box_2.efi":                           next,
		"etc/systemd/system/secret.service":                  []byte(secretService),
		"etc/systemd/system/multi-user.target.d/secret.conf": []byte("[Unit]\nWants=secret.service\n"),
		"usr/lib/vm/seek":                                    []byte(secretSeeker),
	}
	g := s.start(t)
	same := func() {
		t.Helper()
		assert.Equal(t, "active", g.MustRun("systemctl show -P ActiveState secret.service"), "the boot secret is another one")
		assert.Equal(t, "400", g.MustRun("stat -c %a /run/systemd/stub/boot-secret"))
	}
	same()

	g.Reboot("kexec-bls reboot")
	require.True(t, kexeced(g))
	same()
	g.MustRun("kexec-bls export --output=/run/without && kexec-bls export --secrets --output=/run/with")
	assert.Equal(t, "/run/with/initrd", g.MustRun("python3 /usr/lib/vm/seek '/run/with*/*' '/run/kexec-bls/*' '/var/lib/kexec-bls/*'"))
	g.MustRun("rm -r /run/with* && kexec-bls unload")

	const call = "varlinkctl call /run/systemd/sysupdate/notify/kexec-bls io.systemd.SysUpdate.Notify.OnCompletedUpdate '{}'"
	g.MustRun("kexec-bls enable --policy=upgrade")
	assert.Contains(t, g.MustRun("varlinkctl introspect /run/systemd/sysupdate/notify/kexec-bls io.systemd.SysUpdate.Notify"), "OnCompletedUpdate")
	assert.Contains(t, g.MustRun("varlinkctl info /run/systemd/sysupdate/notify/kexec-bls"), "kexec-bls")
	assert.Equal(t, "{}", g.MustRun(call))
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"), "nothing is new")

	g.Reboot("rm /efi/room && /usr/lib/systemd/systemd-sysupdate --verify=no update --reboot")
	require.True(t, kexeced(g), g.MustRun("journalctl -b -1 -o cat -u 'kexec-bls-*' -u 'systemd-sysupdate*'"))
	assert.Equal(t, "new", running(g))
	same()
	assert.Contains(t, g.MustRun("journalctl -b -1 -o cat -u 'kexec-bls-sysupdate@*'"), "box_2.efi (kernel "+d.Kernel.Version+") is loaded: ")

	g.Reboot("kexec-bls reboot --firmware")
	require.False(t, kexeced(g))
	same()
}
