package trial_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// TestWholeParameters has the whole list of each kind of trial, in its order: the one by
// which all are dropped is the first.
func TestWholeParameters(t *testing.T) {
	end := []string{"rd.shell=0", "rd.emergency=reboot", "efi_pstore.pstore_disable=0", "systemd.wants=kexec-bls-try.service"}
	dog := host.Watchdog{Name: "watchdog0", Driver: "i6300esb"}
	pinged := []string{"watchdog.open_timeout=90", "watchdog.handle_boot_enabled=1", "systemd.watchdog_sec=0"}
	for name, c := range map[string]struct {
		setup trial.Setup
		line  string
		want  []string
	}{
		"no watchdog":   {trial.Setup{BootID: "b"}, "quiet", []string{"kexec_bls.try=b", "panic=10"}},
		"own panic":     {trial.Setup{BootID: "b"}, "panic=5", []string{"kexec_bls.try=b"}},
		"watchdog":      {trial.Setup{BootID: "b", Limit: 90*time.Second + 999*time.Millisecond, Watchdog: dog}, "", append([]string{"kexec_bls.try=b", "panic=10"}, pinged...)},
		"late watchdog": {trial.Setup{BootID: "b", Limit: 90 * time.Second, Watchdog: dog, Late: true}, "", append(append([]string{"kexec_bls.try=b", "panic=10"}, pinged...), "modprobe.blacklist=i6300esb")},
	} {
		assert.Equal(t, append(c.want, end...), c.setup.Parameters(c.line), name)
	}
}

// TestPanicParameters: any delay but zero restarts the machine, and so does a negative
// one, at once (kernel-parameters: panic=).
func TestPanicParameters(t *testing.T) {
	for value, restarts := range map[string]bool{"1": true, "-1": true, "10": true, "030": true, "+5": true, "0": false, "00": false, "-0": false, "+0": false, `""`: false} {
		found := trial.Setup{Watchdog: host.Watchdog{Name: "watchdog0"}}.Findings("panic=" + value)
		if restarts {
			assert.Empty(t, found, value)
			continue
		}
		require.Len(t, found, 1, value)
		assert.Equal(t, "remove panic= from the entry", found[0].Hint)
	}
	found := trial.Setup{Watchdog: host.Watchdog{Name: "watchdog0"}}.Findings("panic=0")
	assert.Equal(t, []finding.Finding{{ID: trial.IDPanic, Severity: finding.Warning, Hint: "remove panic= from the entry",
		Text: "the entry has panic=0, so that a panic does not restart the machine; the trial uses panic=10"}}, found)
}

// TestFindingsAreListed: what is wrong with the watchdog comes before the command line.
func TestFindingsAreListed(t *testing.T) {
	stops := finding.Finding{ID: trial.IDWatchdogStops, Severity: finding.Error, Text: "stops"}
	dog := host.Watchdog{Name: "watchdog0"}
	ids := func(s trial.Setup, line string) []finding.ID {
		var list []finding.ID
		for _, f := range s.Findings(line) {
			list = append(list, f.ID)
		}
		return list
	}
	assert.Equal(t, []finding.ID{trial.IDNoWatchdog, trial.IDPanic}, ids(trial.Setup{}, "panic=0"))
	assert.Equal(t, []finding.ID{trial.IDWatchdogStops, trial.IDPanic}, ids(trial.Setup{Watchdog: dog, Stops: &stops}, "panic=0"))
	assert.Empty(t, ids(trial.Setup{Watchdog: dog}, "quiet"))
	assert.Equal(t, finding.Error, trial.Setup{}.Findings("")[0].Severity)
}

// TestStoppedWatchdogs has the whole finding of each reason: the text names the device
// and its driver, the hint is something to type.
func TestStoppedWatchdogs(t *testing.T) {
	const stop, live = "sys/module/watchdog/parameters/stop_on_reboot", "sys/module/watchdog/initstate"
	const text, dropIn = "watchdog0 (iTCO_wdt) would be stopped before the kexec: ", "echo 'options watchdog stop_on_reboot=0' >/etc/modprobe.d/kexec-bls-watchdog.conf, and reboot once"
	const stops = "watchdog.stop_on_reboot is not 0, and "
	for name, c := range map[string]struct {
		files      map[string]string
		text, hint string
	}{
		"of another device": {map[string]string{"etc/systemd/system.conf": "WatchdogDevice=/dev/watchdog1\n"}, "systemd does not use it", "set WatchdogDevice=/dev/watchdog0 in /etc/systemd/system.conf, and reboot once"},
		"built in":          {map[string]string{stop: "1\n"}, stops + "the kernel has it built in", "add watchdog.stop_on_reboot=0 to the running entry's kernel command line, and reboot once"},
		"in use":            {map[string]string{stop: "1\n", live: "live\n", "sys/class/watchdog/watchdog0/state": "active\n"}, stops + "it is in use", dropIn},
		"two users":         {map[string]string{stop: "1\n", live: "live\n", "sys/module/watchdog/holders/iTCO_wdt": "", "sys/module/watchdog/holders/mei_wdt": ""}, stops + "other modules use watchdog", dropIn},
		"another user":      {map[string]string{stop: "1\n", live: "live\n", "sys/module/watchdog/holders/mei_wdt": ""}, stops + "other modules use watchdog", dropIn},
		"no user":           {map[string]string{stop: "1\n", live: "live\n"}, stops + "other modules use watchdog", dropIn},
	} {
		s := trial.NewSetup(machine(t, "iTCO_wdt", c.files), time.Minute)
		assert.Equal(t, &finding.Finding{ID: trial.IDWatchdogStops, Severity: finding.Error, Text: text + c.text, Hint: c.hint}, s.Stops, name)
		assert.False(t, s.Reload, name)
	}
}

// TestDeviceOfSystemd: the last WatchdogDevice= counts, drop-ins after the file itself
// and in the order of their names (systemd-system.conf(5)).
func TestDeviceOfSystemd(t *testing.T) {
	const conf = "etc/systemd/system.conf"
	for name, c := range map[string]struct {
		files map[string]string
		uses  bool // of watchdog0
	}{
		"default":           {nil, true},
		"named":             {map[string]string{conf: "WatchdogDevice=/dev/watchdog0\n"}, true},
		"the first":         {map[string]string{conf: "WatchdogDevice=/dev/watchdog\n"}, true},
		"another":           {map[string]string{conf: "[Manager]\n WatchdogDevice=/dev/watchdog1\n"}, false},
		"a longer name":     {map[string]string{conf: "WatchdogDevice=/dev/watchdog00\n"}, false},
		"last line":         {map[string]string{conf: "WatchdogDevice=/dev/watchdog1\nWatchdogDevice=/dev/watchdog0\n"}, true},
		"comment":           {map[string]string{conf: "#WatchdogDevice=/dev/watchdog1\n"}, true},
		"empty":             {map[string]string{conf: "WatchdogDevice=\n"}, true},
		"drop-in":           {map[string]string{conf: "WatchdogDevice=/dev/watchdog1\n", conf + ".d/a.conf": "WatchdogDevice=/dev/watchdog0\n"}, true},
		"last drop-in":      {map[string]string{conf + ".d/a.conf": "WatchdogDevice=/dev/watchdog0\n", conf + ".d/b.conf": "WatchdogDevice=/dev/watchdog1\n"}, false},
		"drop-in over file": {map[string]string{conf: "WatchdogDevice=/dev/watchdog0\n", conf + ".d/a.conf": "WatchdogDevice=/dev/watchdog1\n"}, false},
	} {
		s := trial.NewSetup(machine(t, "iTCO_wdt", c.files), time.Minute)
		assert.Equal(t, c.uses, s.Stops == nil, name)
	}
	other := machine(t, "iTCO_wdt", map[string]string{"sys/class/watchdog/watchdog0/identity": "Software Watchdog\n", "sys/class/watchdog/watchdog1/identity": "hpwdt\n", conf: "WatchdogDevice=/dev/watchdog\n"})
	s := trial.NewSetup(other, time.Minute)
	assert.Equal(t, "watchdog1", s.Watchdog.Name, "the first one of hardware")
	assert.NotNil(t, s.Stops, "/dev/watchdog is not that one")
}

// TestTimeouts: the time of the trial in whole seconds, or the longest of the driver, or
// the longest that all drivers take.
func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		limit   time.Duration
		longest string
		timeout int
		late    bool
	}{
		{time.Minute, "60", 60, true}, {61 * time.Second, "60", 60, false}, {61*time.Second - 1, "60", 60, true},
		{600 * time.Second, "0", 600, true}, {601 * time.Second, "0", 600, false}, {601 * time.Second, "700", 601, true},
	} {
		s := trial.NewSetup(machine(t, "iTCO_wdt", map[string]string{"sys/class/watchdog/watchdog0/max_timeout": c.longest + "\n"}), c.limit)
		assert.Equal(t, c.timeout, s.Timeout, "%v of %s", c.limit, c.longest)
		assert.Equal(t, c.late, s.Late, "%v of %s", c.limit, c.longest)
		assert.Equal(t, c.limit, s.Limit)
		assert.Equal(t, "one", s.BootID)
	}
}
