//go:build e2e

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// A fleet is one guest under several names, with Ansible on the host, that
// reaches it by ssh on loopback.
type fleet struct {
	*vm.Guest
	t         *testing.T
	port      int
	dir       string // of the key and the inventory
	playbooks string
}

// sshUnits let the host in: a static address in QEMU's network, and sshd
// without PAM, which costs an emulated guest seconds.
const (
	netUnit = `[Unit]
Description=Network of the test
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'i=$(ls /sys/class/net | grep -v ^lo | head -n 1); ip address add 10.0.2.15/24 dev $i; ip link set $i up'
`
	sshUnit = `[Unit]
Description=sshd of the test
After=test-net.service
Requires=test-net.service
[Service]
RuntimeDirectory=sshd
ExecStartPre=/bin/sh -c 'exec /bin/ssh-keygen -A'
ExecStart=/usr/sbin/sshd -D -e -o UsePAM=no -o StrictModes=no -o UseDNS=no
`
)

func startFleet(t *testing.T) *fleet {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "key")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	public, err := os.ReadFile(filepath.Join(dir, "key.pub"))
	require.NoError(t, err)
	playbooks, err := filepath.Abs("dist/ansible")
	require.NoError(t, err)

	s := setup{forward: map[int]int{port: 22}, root: map[string][]byte{
		"etc/systemd/system/test-net.service":               []byte(netUnit),
		"etc/systemd/system/test-ssh.service":               []byte(sshUnit),
		"etc/systemd/system/multi-user.target.d/fleet.conf": []byte("[Unit]\nWants=test-ssh.service\n"),
		"root/.ssh/authorized_keys":                         public,
	}}
	f := &fleet{Guest: s.start(t), t: t, port: port, dir: dir, playbooks: playbooks}
	f.inventory("first", "second", "third")
	return f
}

func (f *fleet) inventory(names ...string) {
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%s ansible_host=127.0.0.1 ansible_port=%d ansible_user=root ansible_python_interpreter=/usr/bin/python3 "+
			"ansible_ssh_private_key_file=%s/key\n", name, f.port, f.dir)
	}
	require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, "inventory"), []byte(text.String()), 0o600))
}

// play runs a playbook and returns what it printed, with its failure.
func (f *fleet) play(args ...string) (string, error) {
	f.t.Helper()
	program, library := ansible(f.t)
	cmd := exec.Command(program, append([]string{"-i", filepath.Join(f.dir, "inventory"), "-e", "kexec_bls_reboot=always"}, args...)...)
	cmd.Dir = f.playbooks
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1", "ANSIBLE_NOCOWS=1", "ANSIBLE_PIPELINING=1", "ANSIBLE_HOME="+f.dir,
		"ANSIBLE_HOST_KEY_CHECKING=false", "ANSIBLE_SSH_ARGS=-o UserKnownHostsFile=/dev/null", "ANSIBLE_TIMEOUT=120", "PYTHONPATH="+library)
	out, err := cmd.CombinedOutput()
	f.t.Logf("ansible-playbook %s\n%s", strings.Join(args, " "), out)
	return string(out), err
}

// ansible is the program, and where its modules are: Debian's own, or a newer
// one of Debian's that fixtures/setup.sh has unpacked, for old ones do not know
// the Python of new systems.
func ansible(t *testing.T) (program, library string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "kexec-bls", "ansible")
	if program = filepath.Join(dir, "usr/bin/ansible-playbook"); fileExists(program) {
		return program, filepath.Join(dir, "usr/lib/python3/dist-packages")
	}
	program, err = exec.LookPath("ansible-playbook")
	require.NoError(t, err, "ansible-core is missing: run fixtures/setup.sh e2e")
	return program, os.Getenv("PYTHONPATH")
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestE2EAnsible rolls a reboot out: by kexec, through the firmware where a
// blocker is, and not at all where that is not to be.
func TestE2EAnsible(t *testing.T) {
	f := startFleet(t)
	only := filepath.Join(f.dir, "all.yml")
	require.NoError(t, os.WriteFile(only, []byte("- hosts: first\n  gather_facts: false\n  roles:\n    - role: "+f.playbooks+
		"/roles/kexec_bls\n      kexec_bls_steps: [install, configure, reboot]\n"), 0o600))
	config := "[hook]\npolicy = \"notify\"\n"

	t.Run("install, configure, kexec", func(t *testing.T) {
		f.t = t
		before := f.BootID
		out, err := f.play(only, "-e", "kexec_bls_binary="+programFile(t), "-e", fmt.Sprintf(`{"kexec_bls_config": %q}`, config))
		require.NoError(t, err)
		f.WaitBoot()
		assert.NotEqual(t, before, f.BootID)
		assert.True(t, kexeced(f.Guest))
		assert.Regexp(t, `first: two\.conf, by kexec, down for \d+ s`, out)
		assert.Equal(t, strings.TrimSpace(config), f.MustRun("cat /etc/kexec-bls.toml"))
		assert.Equal(t, "enabled", f.MustRun("systemctl is-enabled kexec-bls-boot.service"))
		assert.Contains(t, f.MustRun("journalctl -o cat -t kexec-bls KEXEC_BLS_ACT=reboot KEXEC_BLS_WAY=kexec KEXEC_BLS_RESULT=done"), "two.conf")
	})
	t.Run("nothing to do", func(t *testing.T) {
		f.t = t
		before := f.BootID
		f.inventory("first")
		out, err := f.play("rolling.yml", "-e", "kexec_bls_reboot=required")
		require.NoError(t, err)
		assert.Contains(t, out, "two.conf, by none")
		assert.Equal(t, before, f.MustRun("cat /proc/sys/kernel/random/boot_id"))
	})
	t.Run("a blocker, through the firmware", func(t *testing.T) {
		f.t = t
		f.MustRun("sysctl -w kernel.kexec_load_disabled=1")
		out, err := f.play("rolling.yml")
		require.NoError(t, err)
		f.WaitBoot()
		assert.False(t, kexeced(f.Guest))
		assert.Regexp(t, `first: two\.conf, by firmware \(kexec-disabled\), down for \d+ s`, out)
	})
	t.Run("a blocker ends the roll-out", func(t *testing.T) {
		f.t = t
		before := f.BootID
		f.inventory("first", "second", "third")
		f.MustRun("sysctl -w kernel.kexec_load_disabled=1")
		out, err := f.play("rolling.yml", "-e", "kexec_bls_on_blocker=fail")
		require.Error(t, err)
		assert.Contains(t, out, "kexec-disabled prevents a kexec")
		assert.Regexp(t, `first\s+:.*failed=1`, out)
		assert.NotRegexp(t, `(?m)^(second|third)\s+:`, out, "they were not reached")
		assert.Equal(t, before, f.MustRun("cat /proc/sys/kernel/random/boot_id"))
	})
}

// programFile is our program, built, on the host.
func programFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "kexec-bls")
	require.NoError(t, os.WriteFile(path, vm.Build(t, "."), 0o755))
	return path
}
