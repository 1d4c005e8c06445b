package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const unitDir = "dist/systemd"

// installedUnits copies the units as make install does, with a program that is
// there, and returns their paths; a template has an instance.
func installedUnits(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "kexec-bls")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755))
	var units []string
	files, err := filepath.Glob(unitDir + "/kexec-bls-*")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 7)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		text = bytes.ReplaceAll(text, []byte("/usr/bin/kexec-bls"), []byte(program))
		path := filepath.Join(dir, filepath.Base(file))
		require.NoError(t, os.WriteFile(path, text, 0o644))
		units = append(units, strings.Replace(path, "@.", "@arch-linux.conf.", 1))
	}
	return units
}

// TestUnitsStartNothingUnasked holds that no unit is on by default, and that
// every one can be enabled or is started by one that can.
func TestUnitsStartNothingUnasked(t *testing.T) {
	preset, err := os.ReadFile(unitDir + "/80-kexec-bls.preset")
	require.NoError(t, err)
	assert.Contains(t, string(preset), "disable kexec-bls-*.service\n")
	assert.Contains(t, string(preset), "disable kexec-bls-*.path\n")
	assert.Contains(t, string(preset), "disable kexec-bls-*.timer\n")
	assert.Contains(t, string(preset), "disable kexec-bls-*.socket\n")
	for line := range strings.Lines(string(preset)) {
		assert.Regexp(t, `^(disable |#|$)`, strings.TrimSpace(line))
	}
	for _, unit := range installedUnits(t) {
		text, err := os.ReadFile(strings.Replace(unit, "@arch-linux.conf.", "@.", 1))
		require.NoError(t, err)
		switch filepath.Base(unit) {
		case "kexec-bls-kexec.service", "kexec-bls-gpu.service":
			assert.Contains(t, string(text), "WantedBy=kexec.target\n")
			assert.NotContains(t, string(text), "RequiresMountsFor=", "would pull in what a shutdown unmounts")
			assert.NotContains(t, string(text), "StateDirectory=", "the same")
			assert.Contains(t, string(text), "DefaultDependencies=no\n")
		case "kexec-bls-metrics.timer":
			assert.Contains(t, string(text), "WantedBy=timers.target\n")
		case "kexec-bls-sysupdate.socket":
			assert.Contains(t, string(text), "WantedBy=sockets.target\n")
		case "kexec-bls-reload.service", "kexec-bls-metrics.service", "kexec-bls-sysupdate@arch-linux.conf.service":
			assert.NotContains(t, string(text), "[Install]")
		default:
			assert.Contains(t, string(text), "WantedBy=multi-user.target\n", unit)
		}
	}
}

// TestGuardStopsInTime: the guard looks for updates on boot partitions, so that it
// stops before they are unmounted.
func TestGuardStopsInTime(t *testing.T) {
	text, err := os.ReadFile(unitDir + "/kexec-bls-guard.service")
	require.NoError(t, err)
	assert.Contains(t, string(text), "\nRequiresMountsFor=/efi /boot /boot/efi /var/lib/kexec-bls\n")
	assert.Contains(t, string(text), "\nBefore=unattended-upgrades.service\n", "stops after it, when it has installed")
	assert.Contains(t, string(text), "\nRemainAfterExit=yes\nExecStop=/usr/bin/kexec-bls hook guard\n")
	assert.Contains(t, string(text), "\nTimeoutStopSec=")
	assert.NotContains(t, string(text), "DefaultDependencies=no", "nothing would stop it in a shutdown")
}

// TestUnitsEnd holds that no boot and no shutdown waits for a dead device
// without end, as Type=oneshot does by default.
func TestUnitsEnd(t *testing.T) {
	for _, name := range []string{"load", "load@", "kexec", "gpu", "boot", "guard", "metrics"} {
		text, err := os.ReadFile(unitDir + "/kexec-bls-" + name + ".service")
		require.NoError(t, err)
		assert.Contains(t, string(text), "\nTimeoutStartSec=", name)
	}
}

// TestReloadIsNeverTooOften: a unit that hits its start limit takes the path
// unit that started it down.
func TestReloadIsNeverTooOften(t *testing.T) {
	for _, name := range []string{"reload", "metrics"} {
		text, err := os.ReadFile(unitDir + "/kexec-bls-" + name + ".service")
		require.NoError(t, err)
		unit, _, _ := strings.Cut(string(text), "[Service]")
		assert.Contains(t, unit, "\nStartLimitIntervalSec=0\n")
	}
}

// TestUnitsCallWhatThereIs holds the units to commands that exist.
func TestUnitsCallWhatThereIs(t *testing.T) {
	for _, unit := range installedUnits(t) {
		text, err := os.ReadFile(strings.Replace(unit, "@arch-linux.conf.", "@.", 1))
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			_, command, ok := strings.Cut(strings.TrimSpace(line), "/kexec-bls ")
			if !ok || !strings.HasPrefix(line, "Exec") {
				continue
			}
			command, name, _ := strings.Cut(command, " -- ")
			assert.False(t, name == "" && strings.Contains(command, "%i"), "an instance name may begin with a dash: %s", line)
			f, _ := newFake(t, nil)
			got := f.run(append(strings.Fields(command), "--help")...)
			assert.Equal(t, exitDone, got.code, command)
			want := strings.Fields(command)
			for len(want) > 0 && strings.HasPrefix(want[len(want)-1], "--") {
				flag, _, _ := strings.Cut(want[len(want)-1], "=")
				assert.Contains(t, got.stdout, flag)
				want = want[:len(want)-1]
			}
			assert.Contains(t, got.stdout, "kexec-bls "+strings.Join(want, " "), "not the help of another command")
		}
	}
}

func TestLoadByUnit(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("load", "--escaped", `oth\x65r`, "--esp-path="+esp).code)
	assert.Equal(t, "other", f.cmdline)
	got := f.run("load", "--if-none", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code)
	assert.Equal(t, "other", f.cmdline, "what is loaded stays")
	assert.Equal(t, []string{"load"}, f.acts)
	require.Equal(t, exitDone, f.run("unload").code)
	require.Equal(t, exitDone, f.run("load", "--if-none", "--esp-path="+esp).code)
	assert.Equal(t, "root=/dev/vda2 rw quiet", f.cmdline)
}
