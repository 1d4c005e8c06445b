package host_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func TestPrivileges(t *testing.T) {
	const status, uidMap = "proc/self/status", "proc/self/uid_map"
	for name, c := range map[string]struct {
		m             host.Machine
		boot, userNS  host.Tristate
		seccompFilter bool
	}{
		"root":                 {machine(status, "CapEff:\t000001ffffffffff\nSeccomp:\t0\n", uidMap, "         0          0 4294967295\n"), host.Yes, host.No, false},
		"user":                 {machine(status, "CapEff:\t0000000000000000\n"), host.No, host.Unknown, false},
		"all but CAP_SYS_BOOT": {machine(status, "CapEff:\t000001ffffbfffff\nSeccomp:\t2\n"), host.No, host.Unknown, true},
		"container":            {machine(uidMap, "0 100000 65536\n"), host.Unknown, host.Yes, false},
		"junk":                 {machine(status, "CapEff: x\nSeccomp: 22\n", uidMap, "\n"), host.Unknown, host.Unknown, false},
	} {
		assert.Equal(t, c.boot, c.m.SysBoot(), name)
		assert.Equal(t, c.userNS, c.m.UserNamespace(), name)
		assert.Equal(t, c.seccompFilter, c.m.Seccomp(), name)
	}
	assert.Equal(t, host.No, root("proc/self/ns/pid", "-> pid:[4026531836]").PIDNamespace())
	assert.Equal(t, host.Yes, root("proc/self/ns/pid", "-> pid:[4026532247]").PIDNamespace())
}

func TestLockdownAndModules(t *testing.T) {
	const lockdown = "sys/kernel/security/lockdown"
	for text, want := range map[string]string{
		"none [integrity] confidentiality\n": "integrity", "[none] integrity": "none", "": "", "[": "", "none": "", "[x": "",
	} {
		assert.Equal(t, want, machine(lockdown, text).Lockdown(), text)
	}
	assert.Equal(t, []string{"capability", "lockdown", "ima"}, machine("sys/kernel/security/lsm", "capability,lockdown,ima").LSMs())
}

func TestTrustedKeys(t *testing.T) {
	const debian = "031a21e8 I------     1 perm 1f030000     0     0 asymmetri Debian Secure Boot CA: 6CCECE7E4c6c0d1f6149f3dd27dfcc5cbb419ea1: X509.rsa bb419ea1 []\n"
	const keyring = "0dd8e9d2 I------     2 perm 1f0f0000     0     0 keyring   .builtin_trusted_keys: 2\n"
	for name, c := range map[string]struct {
		text string
		want []host.Key
	}{
		"each once":       {debian + keyring + debian + "cut\n2 I 1 perm 1 0 0 asymmetri\n", []host.Key{{Name: "Debian Secure Boot CA", ID: "6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1"}}},
		"none":            {keyring, nil},
		"without id":      {strings.Replace(debian, ": 6CCECE7E4c6c0d1f6149f3dd27dfcc5cbb419ea1", "", 1), []host.Key{{Name: "Debian Secure Boot CA"}}},
		"colon in a name": {strings.Replace(debian, "Debian ", "Debian: ", 1), []host.Key{{Name: "Debian: Secure Boot CA", ID: "6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1"}}},
		"past 256 KiB":    {strings.Repeat(keyring, 4000) + debian, []host.Key{{Name: "Debian Secure Boot CA", ID: "6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1"}}},
	} {
		keys, known := machine("proc/keys", c.text).TrustedKeys()
		assert.True(t, known, name)
		assert.Equal(t, c.want, keys, name)
	}
	_, known := machine("proc/keys", strings.Repeat(keyring, 80000)).TrustedKeys()
	assert.False(t, known, "too large to be known")
}

func FuzzSecurity(f *testing.F) {
	f.Add("CapEff: 1ffffffffff\n", "none [integrity]", "1 I 1 perm 1 0 0 asymmetri A: b: X509")
	f.Add("CapEff:", "[", "\n\n")
	f.Fuzz(func(t *testing.T, status, lockdown, keys string) {
		m := machine("proc/self/status", status, "proc/self/uid_map", status, "proc/meminfo", status, "sys/kernel/security/lockdown", lockdown, "proc/keys", keys)
		assert.GreaterOrEqual(t, m.MemAvailable(), int64(0))
		if mode := m.Lockdown(); mode != "" {
			assert.Contains(t, lockdown, "["+mode+"]")
		}
		list, known := m.TrustedKeys()
		assert.Equal(t, keys != "", known)
		for _, key := range list {
			assert.Empty(t, strings.Trim(key.ID, "0123456789abcdef"))
		}
	})
}
