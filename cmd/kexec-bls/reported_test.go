package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// oneObject is stdout as the one JSON object that it must be, on one line.
func oneObject(t *testing.T, got answer) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &v), "%q %s", got.stdout, got.stderr)
	assert.Equal(t, 1, strings.Count(got.stdout, "\n"), "short is one line")
	return v
}

func TestJSONHasASchema(t *testing.T) {
	f, esp := newFake(t, archFiles())
	for _, args := range [][]string{{"show"}, {"check"}, {"load"}, {"status"}, {"unload"}, {"reboot-required"}, {"reboot", "-n"},
		{"reboot"}, {"reboot", "--loaded"}, {"reboot", "--firmware"}, {"reboot", "--when=cancel"}} {
		v := oneObject(t, f.run(append(args, "--json=short", "--esp-path="+esp)...))
		assert.EqualValues(t, 2, v["schema"], "%v", args)
	}
}

func TestRebootJSON(t *testing.T) {
	f, esp := newFake(t, archFiles())
	got := f.run("reboot", "--json=short", "--when=22:00", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code, got.stderr)
	v := oneObject(t, got)
	accepted, err := time.Parse(time.RFC3339, v["accepted"].(string))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), accepted, time.Minute)
	delete(v, "accepted")
	assert.Equal(t, map[string]any{"schema": 2.0, "way": "kexec", "release": "6.12.1", "when": "22:00",
		"entry": map[string]any{"id": "arch.conf", "title": "Arch Linux", "version": "6.12.1"}}, v)

	f.fail["load"] = &kexec.LoadError{Errno: unix.EPERM}
	v = oneObject(t, f.run("reboot", "arch", "--or-firmware", "--json=short", "--esp-path="+esp))
	assert.Equal(t, "firmware", v["way"])
	assert.Contains(t, v["why"], "lockdown")
	assert.NotContains(t, v["why"], "\n")
	assert.NotContains(t, v, "entry", "the firmware chooses")
	assert.Equal(t, "now", v["when"])
}

// TestRefusedRebootPrintsTheError: one object, and not that of an accepted reboot.
func TestRefusedRebootPrintsTheError(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.fail["systemctl"] = errors.New("inhibited")
	got := f.run("reboot", "--json=short", "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Equal(t, map[string]any{"schema": 2.0, "error": "inhibited; nothing was rebooted; unloaded again", "exitStatus": 1.0}, oneObject(t, got))
	v := oneObject(t, f.run("reboot", "nosuch", "--json=short", "--esp-path="+esp))
	assert.Equal(t, map[string]any{"schema": 2.0, "error": "no entry matches 'nosuch'", "hint": "kexec-bls list shows all entries", "exitStatus": 3.0}, v)
}

func TestLoadAndUnloadJSON(t *testing.T) {
	f, esp := newFake(t, archFiles())
	v := oneObject(t, f.run("load", "--json=short", "--esp-path="+esp))
	assert.Equal(t, map[string]any{"id": "arch.conf", "title": "Arch Linux", "version": "6.12.1"}, v["entry"])
	assert.Equal(t, "root=/dev/vda2 rw quiet", v["cmdline"])
	assert.Len(t, v["files"], 3)
	assert.Equal(t, v, oneObject(t, f.run("status", "--json=short", "--esp-path="+esp))["loaded"], "as status has it")

	assert.Equal(t, map[string]any{"schema": 2.0, "unloaded": true, "entry": map[string]any{"id": "arch.conf"}}, oneObject(t, f.run("unload", "--json=short")))
	assert.Equal(t, map[string]any{"schema": 2.0, "unloaded": false}, oneObject(t, f.run("unload", "--json=short")))
	f.isThere = true
	assert.Equal(t, map[string]any{"schema": 2.0, "unloaded": true}, oneObject(t, f.run("unload", "--json=short")), "what others loaded")
}

// told are the entries of the journal, without what differs from run to run.
func (f *fake) told() []string {
	var told []string
	for _, fields := range f.entries {
		line := fields["PRIORITY"]
		for _, name := range []string{"ACT", "ENTRY", "WAY", "RESULT"} {
			if v := fields["KEXEC_BLS_"+name]; v != "" {
				line += " " + v
			}
		}
		told = append(told, line)
	}
	f.entries = nil
	return told
}

func TestJournal(t *testing.T) {
	f, esp := newFake(t, archFiles())
	run := func(args ...string) { f.run(append(args, "--esp-path="+esp)...) }
	run("load")
	require.Len(t, f.entries, 1)
	assert.Regexp(t, `^\d+$`, f.entries[0]["KEXEC_BLS_DURATION_USEC"])
	assert.Equal(t, journal.LoadID, f.entries[0]["MESSAGE_ID"])
	assert.Equal(t, "load of arch.conf for kexec", f.entries[0]["MESSAGE"])
	assert.Equal(t, "kexec-bls", f.entries[0]["SYSLOG_IDENTIFIER"])
	assert.Equal(t, []string{"6 load arch.conf done"}, f.told())
	run("unload")
	assert.Equal(t, []string{"6 unload arch.conf done"}, f.told())
	run("unload")
	assert.Empty(t, f.told(), "nothing was loaded")
	run("reboot")
	assert.Equal(t, []string{"6 load arch.conf done", "6 reboot arch.conf kexec done"}, f.told())
	run("reboot", "--loaded")
	assert.Equal(t, []string{"6 reboot arch.conf kexec done"}, f.told())
	run("reboot", "--firmware")
	assert.Equal(t, []string{"6 reboot firmware done"}, f.told())
	run("reboot", "--when=cancel")
	assert.Equal(t, []string{"6 reboot cancelled done"}, f.told())
	run("reboot", "-n")
	run("reboot", "--nosuch")
	run("show")
	assert.Empty(t, f.told(), "nothing was tried")
}

func TestJournalOfFailures(t *testing.T) {
	f, esp := newFake(t, archFiles())
	run := func(args ...string) { f.run(append(args, "--esp-path="+esp)...) }
	run("reboot", "nosuch")
	require.Len(t, f.entries, 1)
	assert.Contains(t, f.entries[0]["KEXEC_BLS_ERROR"], "nosuch")
	assert.Contains(t, f.entries[0]["MESSAGE"], "reboot into nosuch by kexec failed: ")
	assert.Equal(t, []string{"3 reboot nosuch kexec failed"}, f.told())
	f.fail["load"] = fmt.Errorf("lockdown\x1b[31m: %w", &kexec.LoadError{Errno: unix.EPERM})
	run("reboot", "--or-firmware")
	assert.NotContains(t, f.entries[0]["MESSAGE"], "\x1b")
	assert.Contains(t, f.entries[1]["KEXEC_BLS_WHY"], "lockdown")
	assert.Equal(t, []string{"3 load arch.conf failed", "6 reboot firmware done"}, f.told())

	f.runInit(t, host.S6)
	f.fail["load"], f.fail["jump"] = nil, errors.New("no")
	run("reboot", "--force")
	assert.Equal(t, []string{"6 load arch.conf done", "6 reboot arch.conf kexec done", "3 reboot arch.conf kexec failed"}, f.told(),
		"there is no time after the jump")
}

func TestJournalAfterBoot(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp).code)
	f.next(t, true)
	f.told()
	require.Equal(t, exitDone, f.run("hook", "booted").code)
	require.Len(t, f.entries, 1)
	assert.Regexp(t, `^\d{7,}$`, f.entries[0]["KEXEC_BLS_DURATION_USEC"])
	assert.Equal(t, journal.BootID, f.entries[0]["MESSAGE_ID"])
	assert.Equal(t, []string{"6 boot arch.conf kexec done"}, f.told())

	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp).code)
	f.next(t, false)
	f.told()
	f.run("hook", "booted")
	assert.Equal(t, []string{"4 boot arch.conf firmware missed"}, f.told(), "a kexec was asked for")
	f.run("reboot", "--firmware", "--esp-path="+esp)
	f.next(t, false)
	f.told()
	f.run("hook", "booted")
	assert.Equal(t, []string{"6 boot firmware done"}, f.told())
}
