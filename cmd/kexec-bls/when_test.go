package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

func scheduled(t *testing.T, f *fake, mode string) {
	write(t, f.dir, map[string]string{"run/systemd/shutdown/scheduled": "USEC=1796000000000000\nMODE=" + mode + "\n"})
}

func TestWhenShowIsAQuery(t *testing.T) {
	t.Setenv("TZ", "UTC")
	f, esp := newFake(t, archFiles())
	got := f.run("reboot", "--when=show", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "no reboot is scheduled")
	assert.JSONEq(t, `{"schema":2,"scheduled":null}`, f.run("reboot", "--when=show", "--json=short").stdout)
	scheduled(t, f, "kexec")
	got = f.run("reboot", "--when=show", "--esp-path="+esp)
	assert.Contains(t, got.stdout, "kexec scheduled for ")
	assert.Contains(t, got.stdout, "to cancel: kexec-bls reboot --when=cancel")
	assert.JSONEq(t, `{"schema":2,"scheduled":{"at":"2026-11-30T00:53:20Z","mode":"kexec"}}`, f.run("reboot", "--when=show", "--json=short").stdout)
	assert.Equal(t, exitUsage, f.run("reboot", "arch", "--when=show").code)
	assert.Empty(t, f.acts, "nothing is loaded")
}

func TestEmptyValuesAreUsageErrors(t *testing.T) {
	f, esp := newFake(t, archFiles())
	for _, args := range [][]string{{"--when="}, {"--check-inhibitors="}, {""}, {"--check-inhibitors=maybe"}} {
		got := f.run(append([]string{"reboot", "--esp-path=" + esp}, args...)...)
		assert.Equal(t, exitUsage, got.code, "%q: %s", args, got.stderr)
		assert.Equal(t, exitUsage, f.run(append([]string{"reboot", "-n", "--esp-path=" + esp}, args...)...).code, args)
	}
	assert.Contains(t, f.run("reboot", "--check-inhibitors=maybe").stderr, `--check-inhibitors: must be one of auto, yes, no; got "maybe"`)
	assert.Empty(t, f.acts)
}

func TestScheduleIsAnnounced(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.ending = func() { scheduled(t, f, "kexec") }
	got := f.run("reboot", "--when=03:00", "--json=short", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stderr, "kexec scheduled for ")
	assert.Equal(t, "2026-11-30T00:53:20Z", oneObject(t, got)["at"])
	assert.Contains(t, f.run("status", "--esp-path="+esp).stdout, "planned  kexec scheduled for ")
	v := oneObject(t, f.run("status", "--json=short", "--esp-path="+esp))
	assert.Equal(t, map[string]any{"at": "2026-11-30T00:53:20Z", "mode": "kexec"}, v["scheduled"])
}

// TestRefusedTimeCostsNoKernel, and a dry run refuses it too.
func TestRefusedTimeCostsNoKernel(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.fail["check"] = hint.Errorf("use a time", "cannot read the time")
	for _, args := range [][]string{{}, {"-n"}} {
		got := f.run(append([]string{"reboot", "--when=25:99", "--esp-path=" + esp}, args...)...)
		assert.Equal(t, exitFailed, got.code, "%q", args)
		assert.Contains(t, got.stderr, "cannot read the time; nothing was changed", "%q", args)
	}
	assert.Empty(t, f.acts)
}

// TestMissedKexec is one after which firmware started the machine.
func TestMissedKexec(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp).code)
	write(t, f.dir, map[string]string{"proc/sys/kernel/random/boot_id": "99999999\n"})
	require.NoError(t, os.RemoveAll(filepath.Join(f.dir, "run/kexec-bls")))
	f.isThere, f.upSince = false, time.Now()
	require.Equal(t, exitDone, f.run("hook", "booted").code)
	assert.Equal(t, "arch.conf", f.entries[len(f.entries)-1]["KEXEC_BLS_ENTRY"])
	assert.Equal(t, "missed", f.entries[len(f.entries)-1]["KEXEC_BLS_RESULT"])

	assert.Contains(t, f.run("status", "--esp-path="+esp).stdout, "missed   the kexec into arch.conf did not come up")
	v := oneObject(t, f.run("status", "--json=short", "--esp-path="+esp))
	missed, is := v["missed"].(map[string]any)
	require.True(t, is)
	assert.Equal(t, "6.12.1", missed["release"])
	metrics := filepath.Join(t.TempDir(), "m.prom")
	f.run("status", "--metrics="+metrics, "--esp-path="+esp)
	text, err := os.ReadFile(metrics)
	require.NoError(t, err)
	assert.Contains(t, string(text), "\nkexec_bls_last_kexec_missed 1\n")
	assert.Contains(t, f.run("check", "--esp-path="+esp).stdout, "kexec-missed")

	f.acts = nil
	got := f.run("reboot", "--or-firmware", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Equal(t, []string{"reset"}, f.acts)
	assert.Contains(t, got.stderr, "--ignore=kexec-missed tries it again")
	f.acts = nil
	require.Equal(t, exitDone, f.run("reboot", "--or-firmware", "--ignore=kexec-missed", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts)
}
