package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEnableVerbs(t *testing.T) {
	f, _ := newFake(t, archFiles())
	a := f.run("enable", "--policy=off")
	require.Equal(t, 0, a.code, a.stderr)
	assert.Equal(t, []string{"enable kexec-bls-guard.service true", "start kexec-bls-guard.service", "daemon-reload"}, f.acts)
	assert.Contains(t, f.run("status").stdout, "each is a kexec while a kernel is loaded")
	assert.Contains(t, f.run("status", "--json").stdout, `"everyReboot": true`)
	assert.Contains(t, f.run("status", "--json").stdout, `"policy": "off"`)

	a = f.run("enable")
	require.Equal(t, 0, a.code, a.stderr)
	assert.Equal(t, "kexec-bls: reboots: each is a kexec, and loads the next entry as it begins\n", a.stderr, "auto")

	f.acts = nil
	a = f.run("disable")
	require.Equal(t, 0, a.code, a.stderr)
	assert.Equal(t, "kexec-bls: reboots: each goes through firmware, unless a kexec is asked for\n", a.stderr)
	require.NotEmpty(t, f.acts)
	assert.Equal(t, "daemon-reload", f.acts[0], "before the guard goes")
	assert.NotContains(t, f.run("status").stdout, "each is a kexec")

	f.acts = nil
	assert.Equal(t, 2, f.run("enable", "--policy=never").code)
	assert.Empty(t, f.acts)
}

// TestHookGuard: a broken configuration does not keep the guard from unloading.
func TestHookGuard(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, 0, f.run("load", "--esp-path="+esp).code)
	write(t, f.dir, map[string]string{"broken.toml": "[", "run/systemd/reboot-to-firmware-setup": ""})
	f.endsBy = "reboot"
	a := f.run("hook", "guard", "--config="+f.dir+"/broken.toml")
	require.Equal(t, 0, a.code, a.stderr)
	assert.Contains(t, a.stderr, "this reboot goes through firmware: /run/systemd/reboot-to-firmware-setup exists")
	assert.False(t, f.isThere)
}

// TestGuardLoadsAtReboot: with the default policy a reboot that knows nothing of
// kexec loads what boots next.
func TestGuardLoadsAtReboot(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, 0, f.run("enable").code)
	f.endsBy = "reboot"
	a := f.run("hook", "guard", "--esp-path="+esp)
	require.Equal(t, 0, a.code, a.stderr)
	assert.True(t, f.isThere)
	assert.FileExists(t, f.dir+"/run/kexec-bls/reboot-by-kexec")

	require.Equal(t, 0, f.run("unload").code)
	write(t, f.dir, map[string]string{"broken.toml": "["})
	a = f.run("hook", "guard", "--esp-path="+esp, "--config="+f.dir+"/broken.toml")
	require.Equal(t, 0, a.code, a.stderr)
	assert.Contains(t, a.stderr, "this reboot goes through firmware: ")
	assert.False(t, f.isThere, "what the configuration would add is not known")
}

// TestGuardIgnoresByConfiguration: check.ignore is respected by the guard.
func TestGuardIgnoresByConfiguration(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, f.dir, map[string]string{
		"efivars/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67": "\x07\x00\x00\x00\x01",
		"etc/kexec-bls.toml": "[check]\nignore = [\"hibernation\"]\n",
	})
	require.Equal(t, 0, f.run("load", "--esp-path="+esp).code)
	f.endsBy = "reboot"
	require.Equal(t, 0, f.run("hook", "guard", "--esp-path="+esp).code)
	assert.True(t, f.isThere)
}

// TestUpgradePolicy: with it the hooks load, whatever the configuration has.
func TestUpgradePolicy(t *testing.T) {
	for _, policy := range []string{"off", "upgrade"} {
		f, esp := newFake(t, archFiles())
		require.Equal(t, 0, f.run("enable", "--policy="+policy).code)
		require.NoError(t, os.MkdirAll(f.dir+"/proc/1", 0o755))
		require.NoError(t, os.Symlink("/", f.dir+"/proc/1/root"))
		a := f.run("hook", "pacman", "--within", "--esp-path="+esp)
		require.Equal(t, 0, a.code, a.stderr)
		assert.Equal(t, policy == "upgrade", f.isThere, a.stderr)
	}
}
