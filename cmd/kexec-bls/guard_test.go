package main

import (
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

	f.acts = nil
	a = f.run("disable")
	require.Equal(t, 0, a.code, a.stderr)
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
