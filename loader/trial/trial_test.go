package trial_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// machine has a watchdog with that module, "" for one that is built in.
func machine(t *testing.T, module string, files map[string]string) host.Machine {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"proc/sys/kernel/random/boot_id": "one\n", "sys/class/watchdog/watchdog0/identity": "iTCO_wdt\n",
		"sys/module/watchdog/parameters/stop_on_reboot": "0\n",
	})
	write(t, dir, files)
	if module != "" {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "sys/class/watchdog/watchdog0/device/driver"), 0o755))
		require.NoError(t, os.Symlink("../module/"+module, filepath.Join(dir, "sys/class/watchdog/watchdog0/device/driver/module")))
	}
	return host.At(dir)
}

func TestWatchdog(t *testing.T) {
	const dog, stop = "sys/class/watchdog/watchdog0/", "sys/module/watchdog/parameters/stop_on_reboot"
	const live, user = "sys/module/watchdog/initstate", "sys/module/watchdog/holders/iTCO_wdt"
	for name, v := range map[string]struct {
		module       string
		files        map[string]string
		timeout      int
		late, reload bool
		stops        string
	}{
		"keeps running":  {"iTCO_wdt", nil, 180, true, false, ""},
		"driver in it":   {"", nil, 180, false, false, ""},
		"short":          {"iTCO_wdt", map[string]string{dog + "max_timeout": "60\n"}, 60, false, false, ""},
		"long enough":    {"iTCO_wdt", map[string]string{dog + "max_timeout": "2046\n"}, 180, true, false, ""},
		"reload":         {"iTCO_wdt", map[string]string{stop: "-1\n", live: "live\n", user: "", dog + "state": "inactive\n"}, 180, true, true, ""},
		"in use":         {"iTCO_wdt", map[string]string{stop: "-1\n", live: "live\n", user: "", dog + "state": "active\n"}, 180, true, false, "in use"},
		"pinged":         {"iTCO_wdt", map[string]string{stop: "-1\n", live: "live\n", user: "", "sys/module/iTCO_wdt/refcnt": "1\n"}, 180, true, false, "in use"},
		"not pinged":     {"iTCO_wdt", map[string]string{stop: "-1\n", live: "live\n", user: "", "sys/module/iTCO_wdt/refcnt": "0\n"}, 180, true, true, ""},
		"others":         {"iTCO_wdt", map[string]string{stop: "-1\n", live: "live\n", user: "", "sys/module/watchdog/holders/mei_wdt": ""}, 180, true, false, "other modules"},
		"built in":       {"iTCO_wdt", map[string]string{stop: "-1\n"}, 180, true, false, "built in"},
		"driver built":   {"", map[string]string{stop: "-1\n", live: "live\n"}, 180, false, false, "its driver is built in"},
		"not known":      {"iTCO_wdt", map[string]string{stop: ""}, 180, true, false, "built in"},
		"another device": {"iTCO_wdt", map[string]string{"etc/systemd/system.conf.d/a.conf": "[Manager]\nWatchdogDevice=/dev/watchdog7\n"}, 180, true, false, "systemd does not use it"},
		"same device":    {"iTCO_wdt", map[string]string{"etc/systemd/system.conf": "WatchdogDevice=/dev/watchdog\n"}, 180, true, false, ""},
	} {
		s := trial.NewSetup(machine(t, v.module, v.files), trial.DefaultLimit)
		assert.Equal(t, v.timeout, s.Timeout, name)
		assert.Equal(t, v.late, s.Late, name)
		assert.Equal(t, v.reload, s.Reload, name)
		found := s.Findings("quiet")
		if v.stops == "" {
			assert.Empty(t, found, name)
			continue
		}
		require.Len(t, found, 1, name)
		assert.Equal(t, trial.IDWatchdogStops, found[0].ID, name)
		assert.Contains(t, found[0].Text, v.stops, name)
		assert.NotEmpty(t, found[0].Hint, name)
	}
}

func TestNoWatchdog(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"none":     {"sys/class/watchdog/watchdog0": ""},
		"software": {"sys/class/watchdog/watchdog0/identity": "Software Watchdog\n"},
	} {
		dir := t.TempDir()
		write(t, dir, files)
		if name == "none" {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "sys")))
		}
		s := trial.NewSetup(host.At(dir), time.Minute)
		assert.Equal(t, "panic= alone", s.Name())
		require.Len(t, s.Findings(""), 1)
		assert.Equal(t, trial.IDNoWatchdog, s.Findings("")[0].ID)
		assert.NotContains(t, strings.Join(s.Parameters(""), " "), "watchdog")
	}
}

func TestLongTrial(t *testing.T) {
	s := trial.NewSetup(machine(t, "iTCO_wdt", nil), time.Hour)
	assert.Equal(t, 600, s.Timeout, "the driver does not report its longest")
	assert.False(t, s.Late, "the kernel has to ping it")
	assert.Contains(t, s.Parameters(""), "watchdog.open_timeout=3600")
	assert.NotContains(t, strings.Join(s.Parameters(""), " "), "modprobe.blacklist")
}

func TestPanic(t *testing.T) {
	s := trial.NewSetup(machine(t, "iTCO_wdt", nil), trial.DefaultLimit)
	for line, v := range map[string]struct{ added, found bool }{
		"quiet": {true, false}, "panic=30": {false, false}, "panic=-1": {false, false}, "panic=0": {true, true}, "panic=30 panic=0": {true, true},
		"panic=": {true, true}, "quiet -- panic=0": {true, false}, `"panic=5"`: {false, false}, "xpanic=0": {true, false},
	} {
		all := s.Parameters(line)
		assert.Equal(t, v.added, strings.Contains(strings.Join(all, " "), " panic=10 "), line)
		assert.Equal(t, v.found, len(s.Findings(line)) == 1, line)
		for _, f := range s.Findings(line) {
			assert.Equal(t, finding.Warning, f.Severity)
			assert.Equal(t, trial.IDPanic, f.ID)
		}
	}
}

// TestParametersAreNotInherited: whatever the line, what a trial adds is gone.
func TestParametersAreNotInherited(t *testing.T) {
	s := trial.NewSetup(machine(t, "iTCO_wdt", nil), trial.DefaultLimit)
	for _, line := range []string{"", "quiet", "root=/dev/sda1  quiet", `a="b c" panic=0`, "quiet -- single"} {
		tried := cmdline.Edit{Append: s.Parameters(line)}.Apply(line)
		assert.Equal(t, "one", trial.Of(tried), line)
		assert.Equal(t, line, cmdline.Inherit(tried), line)
		assert.Empty(t, trial.Of(line))
		assert.Equal(t, line, cmdline.Inherit(line))
	}
}

func TestCause(t *testing.T) {
	const minute = time.Minute
	for name, v := range map[string]struct {
		e    trial.Evidence
		want trial.Cause
	}{
		"panic":              {trial.Evidence{LastWords: "x", Fired: true, Elapsed: minute, Limit: 3 * minute}, trial.Panic},
		"watchdog":           {trial.Evidence{Fired: true, CanFire: true, Elapsed: minute, Limit: 3 * minute}, trial.Hang},
		"early":              {trial.Evidence{CanFire: true, Elapsed: minute, Limit: 3 * minute}, trial.PowerLost},
		"late":               {trial.Evidence{CanFire: true, Elapsed: 4 * minute, Limit: 3 * minute}, trial.Hang},
		"late, by itself":    {trial.Evidence{CanFire: true, Reports: true, Elapsed: 4 * minute, Limit: 3 * minute}, trial.NotHealthy},
		"late, no watchdog":  {trial.Evidence{Elapsed: 4 * minute, Limit: 3 * minute}, trial.NotHealthy},
		"nothing is known":   {trial.Evidence{}, trial.PowerLost},
		"a clock that jumps": {trial.Evidence{CanFire: true, Elapsed: -time.Hour, Limit: 3 * minute}, trial.PowerLost},
	} {
		assert.Equal(t, v.want, v.e.Cause(), name)
	}
}

func TestLastWords(t *testing.T) {
	const panicked = "Panic#1 Part1\n<0>[    1.0] Kernel panic - not syncing: Attempted to kill init!\n"
	begun := time.Now().Add(-time.Minute)
	for name, v := range map[string]struct {
		files map[string]string
		want  string
	}{
		"none":        {nil, ""},
		"pstore":      {map[string]string{"sys/fs/pstore/dmesg-efi-1": panicked}, strings.TrimSpace(panicked)},
		"archived":    {map[string]string{"var/lib/systemd/pstore/179/001/dmesg.txt": panicked}, strings.TrimSpace(panicked)},
		"no panic":    {map[string]string{"sys/fs/pstore/dmesg-efi-1": "Oops\n"}, ""},
		"other files": {map[string]string{"sys/fs/pstore/console-1": panicked}, ""},
		"parts": {map[string]string{"sys/fs/pstore/dmesg-efi-1": panicked, "sys/fs/pstore/dmesg-efi-2": "Panic#1 Part2\nearlier\n", "sys/fs/pstore/dmesg-efi-0": "Panic#1 Part3\n"},
			strings.TrimSpace(panicked)},
		"too deep": {map[string]string{"var/lib/systemd/pstore/1/2/3/4/5/6/dmesg.txt": panicked}, ""},
		"not text": {map[string]string{"sys/fs/pstore/dmesg-efi-1": "panic \xff\xfe"}, "panic \ufffd"},
	} {
		dir := t.TempDir()
		write(t, dir, v.files)
		assert.Equal(t, v.want, trial.LastWords(host.At(dir), begun), name)
		assert.Empty(t, trial.LastWords(host.At(dir), time.Now().Add(time.Minute)), "of an earlier boot")
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"sys/fs/pstore/dmesg-efi-1": "panic\n" + strings.Repeat("line\n", 10000) + "the end\n"})
	words := trial.LastWords(host.At(dir), begun)
	assert.LessOrEqual(t, len(words), 4<<10)
	assert.True(t, strings.HasSuffix(words, "line\nthe end"))
	assert.True(t, strings.HasPrefix(words, "line\n"), "whole lines")
	assert.Empty(t, trial.LastWords(host.Machine{}, begun))
}

func TestTopics(t *testing.T) {
	assert.Len(t, trial.Topics(), 5)
	for _, topic := range trial.Topics() {
		assert.Regexp(t, `^try-`, topic.ID)
	}
}

// TestNamesOfWatchdogs: by its driver, else by what it says of itself.
func TestNamesOfWatchdogs(t *testing.T) {
	assert.Equal(t, "watchdog0 (iTCO_wdt)", trial.NewSetup(machine(t, "iTCO_wdt", nil), time.Minute).Name())
	assert.Equal(t, "watchdog0 (Some Board)", trial.NewSetup(machine(t, "", map[string]string{"sys/class/watchdog/watchdog0/identity": "Some Board\n"}), time.Minute).Name())
	assert.Equal(t, "watchdog1 (not known)", trial.Setup{Watchdog: host.Watchdog{Name: "watchdog1"}}.Name())
}

// TestReportsReset: only of these drivers the lack of a report shows anything.
func TestReportsReset(t *testing.T) {
	for driver, want := range map[string]bool{"i6300esb": true, "sp5100_tco": true, "wdat_wdt": true, "iTCO_wdt": false, "": false} {
		assert.Equal(t, want, trial.ReportsReset(driver), driver)
	}
}

// TestManyDumps: a pstore full of files, or one that is a huge file, ends the look
// and not the program.
func TestManyDumps(t *testing.T) {
	dir, files := t.TempDir(), map[string]string{}
	for i := range 600 {
		files[fmt.Sprintf("sys/fs/pstore/dmesg-%03d", i)] = "panic"
	}
	write(t, dir, files)
	assert.Equal(t, "panic", trial.LastWords(host.At(dir), time.Now().Add(-time.Hour)))
	huge := t.TempDir()
	write(t, huge, map[string]string{"sys/fs/pstore/dmesg-1": "panic" + strings.Repeat("x", 2<<20)})
	assert.Empty(t, trial.LastWords(host.At(huge), time.Now().Add(-time.Hour)))
}
