package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// newTried is a machine with systemd-boot, a watchdog that survives a kexec, and
// an entry of what runs.
func newTried(t *testing.T) (*fake, []string) {
	t.Helper()
	files := archFiles()
	maps.Copy(files, map[string]string{
		"old": string(fixtures.BzImage{Version: "6.1.0 (test)"}.Bytes()), "loader/entries/old.conf": "title Old\nlinux /old\noptions root=/dev/vda2 quiet\n",
	})
	f, esp := newFake(t, files)
	write(t, f.dir, map[string]string{
		"usr/lib/systemd/system/kexec-bls-try.service": "", "sys/class/watchdog/watchdog0/identity": "iTCO_wdt\n",
		"sys/module/watchdog/parameters/stop_on_reboot": "0\n",
	})
	f.setVar(t, "LoaderInfo", "systemd-boot 262")
	return f, []string{"--esp-path=" + esp}
}

func TestRebootTry(t *testing.T) {
	f, flags := newTried(t)
	got := f.run(append([]string{"reboot", "--try=90s", "arch"}, flags...)...)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stderr, "trying arch.conf: returns to old.conf by watchdog0 (iTCO_wdt) within 1min 30s unless boot-complete.target is reached\n")
	assert.Contains(t, f.cmdline, " kexec_bls.try=")
	assert.Contains(t, f.cmdline, " watchdog.open_timeout=90 ")
	assert.Contains(t, f.acts, "enable kexec-bls-try.service true")
	assert.Contains(t, f.acts, "set KExecWatchdogUSec 90000000")
	v := oneObject(t, f.run(append([]string{"status", "--json=short"}, flags...)...))["trial"].(map[string]any)
	assert.Equal(t, map[string]any{"id": "arch.conf"}, v["entry"])
	assert.Equal(t, map[string]any{"id": "old.conf"}, v["fallback"])
	assert.Equal(t, "pending", v["outcome"])
	require.Equal(t, exitDone, f.run("unload").code)
	assert.Equal(t, "absent", f.variable("LoaderEntryDefault"))
	assert.NotContains(t, oneObject(t, f.run(append([]string{"status", "--json=short"}, flags...)...)), "trial")
}

// TestTryIsShown: show, reboot --dry-run and check change nothing.
func TestTryIsShown(t *testing.T) {
	f, flags := newTried(t)
	for _, args := range [][]string{{"show", "--try", "arch"}, {"reboot", "--dry-run", "--try", "arch"}} {
		got := f.run(append(args, flags...)...)
		require.Equal(t, exitDone, got.code, got.stderr)
		assert.Contains(t, got.stdout, "trial      trying arch.conf: returns to old.conf by watchdog0 (iTCO_wdt) within 3min")
		assert.Contains(t, got.stdout, "for the trial alone: kexec_bls.try=")
		assert.Contains(t, got.stdout, "+ watchdog.open_timeout=180")
	}
	got := f.run(append([]string{"reboot", "--dry-run", "--try", "--append=panic=0", "arch"}, flags...)...)
	assert.Equal(t, 1, strings.Count(got.stdout+got.stderr, "[try-panic]"), "a finding is told of once")
	got = f.run(append([]string{"reboot", "--dry-run", "--try", "--append=panic=0", "--ignore=try-panic", "arch"}, flags...)...)
	assert.Equal(t, 1, strings.Count(got.stdout, "[try-panic]"), "what is ignored is in the plan")
	v := oneObject(t, f.run(append([]string{"show", "--try", "--json=short", "arch"}, flags...)...))["trial"].(map[string]any)
	assert.Equal(t, "watchdog0 (iTCO_wdt)", v["watchdog"])
	assert.EqualValues(t, 180, v["limit"])
	require.Equal(t, exitDone, f.run(append([]string{"check", "--try", "arch"}, flags...)...).code)

	write(t, f.dir, map[string]string{"sys/class/watchdog/watchdog0/identity": "Software Watchdog\n"})
	for _, verb := range []string{"check", "reboot"} {
		got := f.run(append([]string{verb, "--try", "arch"}, flags...)...)
		assert.Equal(t, exitBlocked, got.code)
		assert.Contains(t, got.stdout+got.stderr, "[try-no-watchdog]")
		assert.Equal(t, exitBlocked, f.run(append([]string{verb, "--try", "arch", "--fallback=arch", "--ignore=try-no-watchdog"}, flags...)...).code)
	}
	assert.Empty(t, f.acts)
	assert.Equal(t, "absent", f.variable("LoaderEntryDefault"))
	got = f.run(append([]string{"reboot", "--try", "--try-without-watchdog", "arch"}, flags...)...)
	assert.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stderr, "by panic= alone")
	assert.Contains(t, got.stderr, "a hang does not")
}

func TestTryFlags(t *testing.T) {
	f, flags := newTried(t)
	for _, args := range [][]string{
		{"reboot", "--promote"}, {"show", "--fallback=old"}, {"check", "--try-without-watchdog"},
		{"reboot", "--try", "--when=+5min"}, {"reboot", "--try", "--loaded"}, {"reboot", "--try", "--firmware"}, {"reboot", "--try", "--menu"},
		{"reboot", "--try=1s"}, {"reboot", "--try=2days"}, {"reboot", "--try="}, {"reboot", "--try=x"}, {"reboot", "--try=99h"}, {"load", "--try"},
	} {
		assert.Equal(t, exitUsage, f.run(append(args, flags...)...).code, args)
	}
	assert.Empty(t, f.acts)
}

// failed is a trial of arch.conf that is over.
func failed() loader.Trial {
	begun := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return loader.Trial{
		Schema: 1, BootID: "before", Entry: "arch.conf", Fallback: "old.conf", Started: begun, Ended: begun.Add(45 * time.Second), Limit: 180,
		Outcome: state.TrialPanicked, LastWords: "Kernel panic - not syncing: x\nthe end", Settled: true,
	}
}

func TestTrialIsReported(t *testing.T) {
	f, flags := newTried(t)
	require.NoError(t, state.History{Dir: f.machine.StateDir}.SaveTrial(failed()))
	got := f.run(append([]string{"status"}, flags...)...)
	assert.Contains(t, got.stdout, "         trial of arch.conf panicked, ")
	assert.Contains(t, got.stdout, ", took 45.0 s\n           Kernel panic - not syncing: x\n           the end\n")
	path := filepath.Join(f.dir, "m.prom")
	require.Equal(t, exitDone, f.run(append([]string{"status", "--metrics=" + path}, flags...)...).code)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	values := readMetrics(t, string(text))
	assert.InDelta(t, 45, values[`trial_seconds{entry="arch.conf",outcome="panicked"}`], 0)
	assert.Contains(t, values, `trial_started_timestamp_seconds{entry="arch.conf",outcome="panicked"}`)
}

// TestTriedIsNotRequired: not again until it changes, or somebody says so.
func TestTriedIsNotRequired(t *testing.T) {
	f, flags := newTried(t)
	require.Equal(t, exitDone, f.run(append([]string{"reboot-required"}, flags...)...).code)
	require.Equal(t, exitDone, f.run(append([]string{"reboot", "--try", "arch"}, flags...)...).code)
	write(t, f.dir, map[string]string{
		"proc/sys/kernel/random/boot_id": "another\n", "proc/stat": "btime 4000000000\n", "sys/class/watchdog/watchdog0/bootstatus": "32\n",
	})
	f.upSince, f.isThere = time.Now(), false
	got := f.run("hook", "try")
	require.Equal(t, exitDone, got.code, got.stderr)
	last := f.entries[len(f.entries)-1]
	assert.Equal(t, "trial of arch.conf hung", last["MESSAGE"])
	assert.Equal(t, "hung", last["KEXEC_BLS_RESULT"])
	assert.Equal(t, "old.conf", last["KEXEC_BLS_FALLBACK"])
	assert.Equal(t, "4", last["PRIORITY"])

	got = f.run(append([]string{"reboot-required"}, flags...)...)
	assert.Equal(t, exitNotRequired, got.code)
	assert.Equal(t, "the trial of arch.conf ended hung: it is not required until it changes\n", got.stdout)
	assert.Equal(t, exitDone, f.run(append([]string{"reboot-required", "--retry"}, flags...)...).code)

	require.NoError(t, os.MkdirAll(filepath.Join(f.dir, "proc/1"), 0o755))
	require.NoError(t, os.Symlink("/", filepath.Join(f.dir, "proc/1/root")))
	for _, policy := range []string{"notify", "load"} {
		write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[hook]\npolicy = '" + policy + "'\n"})
		f.acts = nil
		got = f.run(append([]string{"hook", "pacman", "--within"}, flags[:1]...)...)
		assert.Empty(t, got.stderr, policy)
		assert.Empty(t, f.acts, "an upgrade that changes nothing of it loads it no more")
	}
	write(t, f.dir, map[string]string{"esp/vmlinuz": string(fixtures.BzImage{Version: "6.12.1 (new)"}.Bytes())})
	assert.Equal(t, exitDone, f.run(append([]string{"reboot-required"}, flags...)...).code)
}

func TestHookTryFails(t *testing.T) {
	f, flags := newTried(t)
	require.Equal(t, exitDone, f.run("hook", "try").code, "without a trial")
	require.Equal(t, exitDone, f.run(append([]string{"reboot", "--try", "arch"}, flags...)...).code)
	write(t, f.dir, map[string]string{"proc/sys/kernel/random/boot_id": "another\n"})
	f.upSince = time.Now()
	f.fail["modprobe"] = errors.New("no such module")
	assert.Equal(t, exitDone, f.run("hook", "try").code, "no log of a panic")
}
