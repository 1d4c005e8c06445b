package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kexec-bls/kexec-bls/loader/state"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readMetrics parses the text format of Prometheus, version 0.0.4, as strictly
// as the textfile collector and promtool check metrics do: HELP and TYPE before
// the samples, no metric and no series twice, no time stamps, a newline at the
// end, names and labels as they may be.
func readMetrics(t *testing.T, text string) map[string]float64 {
	t.Helper()
	const name, label = `[a-zA-Z_:][a-zA-Z0-9_:]*`, `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"`
	series := regexp.MustCompile(`^(` + name + `)(\{` + label + `(?:,` + label + `)*\})? (\S+)$`)
	require.True(t, strings.HasSuffix(text, "\n"))
	seen, values, current := map[string]bool{}, map[string]float64{}, ""
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		if help, ok := strings.CutPrefix(lines[i], "# HELP "); ok {
			current, _, _ = strings.Cut(help, " ")
			assert.False(t, seen[current], "twice: %s", current)
			assert.True(t, strings.HasPrefix(current, "kexec_bls_"))
			assert.NotRegexp(t, `_(count|sum|bucket|total)$`, current, "a gauge")
			seen[current] = true
			i++
			require.Equal(t, "# TYPE "+current+" gauge", lines[i])
			continue
		}
		m := series.FindStringSubmatch(lines[i])
		require.NotNil(t, m, "%q", lines[i])
		assert.Equal(t, current, m[1])
		key := strings.TrimPrefix(m[1]+m[2], "kexec_bls_")
		_, twice := values[key]
		assert.False(t, twice, key)
		value, err := strconv.ParseFloat(m[3], 64)
		require.NoError(t, err)
		values[key] = value
	}
	return values
}

func (f *fake) metrics(t *testing.T, args ...string) map[string]float64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kexec-bls.prom")
	got := f.run(append([]string{"status", "--metrics=" + path}, args...)...)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Empty(t, got.stdout)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "another user reads it")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return readMetrics(t, string(text))
}

func TestMetrics(t *testing.T) {
	f, esp := newFake(t, archFiles())
	assert.Equal(t, map[string]float64{
		`info{version="devel",running="6.1.0",loaded="",next="6.12.1"}`: 1,
		"loaded": 0, "loaded_fresh": 0, "loaded_foreign": 0, "kexeced": 0, "last_kexec_missed": 0, "reboot_required": 1, "reboot_required_known": 1,
	}, f.metrics(t, "--esp-path="+esp))

	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	m := f.metrics(t, "--esp-path="+esp)
	assert.Equal(t, []float64{1, 1, 0}, []float64{m["loaded"], m["loaded_fresh"], m["loaded_foreign"]})
	assert.Contains(t, m, `info{version="devel",running="6.1.0",loaded="6.12.1",next="6.12.1"}`)

	write(t, esp, map[string]string{"b.img": "another"})
	m = f.metrics(t, "--esp-path="+esp)
	assert.Equal(t, []float64{1, 0, 0}, []float64{m["loaded"], m["loaded_fresh"], m["loaded_foreign"]}, "stale")

	require.NoError(t, os.RemoveAll(f.machine.RunDir))
	m = f.metrics(t, "--esp-path="+esp)
	assert.Equal(t, []float64{1, 0, 1}, []float64{m["loaded"], m["loaded_fresh"], m["loaded_foreign"]})

	write(t, esp, map[string]string{"loader/entries/arch.conf": "linux /vmlinuz\ninitrd /gone\n"})
	m = f.metrics(t, "--esp-path="+esp)
	assert.Zero(t, m["reboot_required_known"])
	assert.NotContains(t, m, "reboot_required", "not known is not no")
}

func TestMetricsOfTheLastReboot(t *testing.T) {
	f, esp := newFake(t, archFiles())
	requested := time.Now().Add(-time.Minute).UTC()
	write(t, filepath.Join(f.dir, "proc"), map[string]string{"sys/kernel/bootloader_type": "208\n"})
	require.NoError(t, f.history().SaveBoot(state.Boot{
		Schema: 1, BootID: f.machine.Host.BootID(), Kexeced: true, Requested: requested, Reached: requested.Add(4500 * time.Millisecond),
		Firmware: &state.RebootDuration{Requested: requested.Add(-time.Hour), Seconds: 71.25},
	}))
	m := f.metrics(t, "--esp-path="+esp)
	assert.InDelta(t, 1, m["kexeced"], 0)
	assert.InDelta(t, 4.5, m[`last_reboot_seconds{way="kexec"}`], 0)
	assert.InDelta(t, 71.25, m[`last_reboot_seconds{way="firmware"}`], 0)
	assert.InDelta(t, requested.Unix(), m[`last_reboot_requested_timestamp_seconds{way="kexec"}`], 0)
}

func TestMetricsEscape(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, filepath.Join(f.dir, "proc"), map[string]string{"sys/kernel/osrelease": "6.1 \"x\"\\\xff\n"})
	assert.Contains(t, f.metrics(t, "--esp-path="+esp), `info{version="devel",running="6.1 \"x\"\\`+"\ufffd"+`",loaded="",next="6.12.1"}`)
}

// TestMetricsAreWhole: readers see the file before or the one after, and a
// failure leaves neither half a file nor a temporary one.
func TestMetricsAreWhole(t *testing.T) {
	f, esp := newFake(t, archFiles())
	dir := t.TempDir()
	path := filepath.Join(dir, "kexec-bls.prom")
	require.NoError(t, os.WriteFile(path, []byte("before"), 0o600))
	reader, err := os.Open(path)
	require.NoError(t, err)
	defer reader.Close()
	require.Equal(t, exitDone, f.run("status", "--metrics="+path, "--esp-path="+esp).code)
	info, err := reader.Stat()
	require.NoError(t, err)
	assert.EqualValues(t, len("before"), info.Size(), "who had it open keeps it as it was")

	f.fail["loaded"] = errors.New("no sysfs")
	assert.Equal(t, exitFailed, f.run("status", "--metrics="+path, "--esp-path="+esp).code)
	f.fail["loaded"] = nil
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "taken/x"), 0o755))
	got := f.run("status", "--metrics="+filepath.Join(dir, "taken"), "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "metrics: ")
	got = f.run("status", "--metrics="+filepath.Join(dir, "nosuch/x.prom"), "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Equal(t, "kexec-bls: metrics: "+dir+"/nosuch/x.prom: no such file or directory\n", got.stderr)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 2, "kexec-bls.prom and taken")
}

// TestAlertsAreOfMetrics: each rule is about metrics that there are.
func TestAlertsAreOfMetrics(t *testing.T) {
	f, esp := newFake(t, archFiles())
	requested := time.Now().UTC()
	require.NoError(t, f.history().SaveTrial(state.Trial{Schema: 1, BootID: "x", Entry: "a.conf", Fallback: "b.conf", Started: requested, Outcome: state.TrialHung}))
	known := f.metrics(t, "--esp-path="+esp)
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	readYAML(t, "dist/prometheus/kexec-bls.rules.yml", &rules)
	require.Len(t, rules.Groups, 1)
	require.Len(t, rules.Groups[0].Rules, 6)
	for _, rule := range rules.Groups[0].Rules {
		for _, name := range regexp.MustCompile(`\bkexec_bls_(\w+)`).FindAllStringSubmatch(rule.Expr, -1) {
			found := false
			for key := range known {
				key, _, _ = strings.Cut(key, "{")
				found = found || key == name[1]
			}
			assert.True(t, found, "%s: %s", rule.Alert, name[0])
		}
	}
}
