package reboot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestNativeRunsTheCommand has nothing but fakes in PATH: no test may reboot.
func TestNativeRunsTheCommand(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, name := range []string{"systemctl", "openrc-shutdown", "shutdown", "reboot"} {
		script := fmt.Sprintf("#!/bin/sh\necho %s $*\necho no >&2\nexit %d\n", name, map[string]int{"shutdown": 1}[name])
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700))
	}
	for pid1, c := range map[string]struct{ said, err string }{
		"openrc-init": {"openrc-shutdown --kexec now\n", ""},
		"dinit":       {"shutdown -k\n", "shutdown -k: no"},
		"runit":       {"", "the init system cannot reboot by kexec: no script of runit"},
		"s6-svscan":   {"", "cannot reboot by kexec"},
		"bash":        {"", "cannot reboot by kexec"},
	} {
		var said strings.Builder
		root := fstest.MapFS{"proc/1/comm": {Data: []byte(pid1 + "\n")}}
		err := nativeKexec(t.Context(), host.Machine{FS: root}, Options{Stdout: &said})
		assert.Equal(t, c.said, said.String(), pid1)
		if c.err == "" {
			assert.NoError(t, err, pid1)
		} else {
			assert.ErrorContains(t, err, c.err, pid1)
		}
		assert.Equal(t, c.err != "" && c.said == "", errors.Is(err, ErrNoKexec), pid1)
	}
}

// TestNativeReboot has nothing but fakes in PATH either.
func TestNativeReboot(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, name := range []string{"openrc-shutdown", "shutdown", "reboot"} {
		script := fmt.Sprintf("#!/bin/sh\necho %s $*\n", name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700))
	}
	for kind, want := range map[host.Kind]string{
		host.OpenRC: "openrc-shutdown --reboot now\n", host.Dinit: "shutdown -r\n", host.SysVinit: "shutdown -r now\n",
		host.Runit: "reboot\n", host.S6: "reboot\n", host.BusyBox: "reboot\n",
	} {
		var said strings.Builder
		require.NoError(t, nativeReboot(t.Context(), kind, Options{Stdout: &said}), kind)
		assert.Equal(t, want, said.String())
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "reboot")))
	assert.ErrorContains(t, nativeReboot(t.Context(), host.Runit, Options{}), "reboot: ", "a command without words of its own")
	assert.ErrorIs(t, nativeReboot(t.Context(), host.Other, Options{}), ErrNoReboot)
}
