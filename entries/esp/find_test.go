package esp_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestFindOnRecordedMachines finds the partitions of every machine in testdata
// and compares them with what its record wants.
func TestFindOnRecordedMachines(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.machine")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".machine"), func(t *testing.T) {
			t.Parallel()
			r := readRecord(t, path)
			volumes, err := esp.Find(r.find(t, r.build(t)))
			assert.Equal(t, err != nil, len(volumes) == 0)
			got := describe(volumes, err)
			require.Len(t, got, len(r["want"]), strings.Join(got, "\n"))
			for i, want := range r["want"] {
				assertLike(t, want, got[i])
			}
			for _, v := range volumes {
				assert.NoError(t, v.Close())
				assert.NoError(t, v.Close())
			}
		})
	}
}

// find turns the section "options" into Options.
func (r record) find(t testing.TB, machine string) esp.Options {
	t.Helper()
	env := map[string]string{}
	o := esp.Options{Machine: host.At(machine), Timeout: time.Minute, Getenv: func(name string) string { return env[name] }}
	for _, line := range r["options"] {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "hint":
			o.PartUUID = value
		case "systemd-boot":
			o.SystemdBoot = true
		case "esp-path":
			o.ESPPath = filepath.Join(machine, value)
		case "boot-path":
			o.BootPath = filepath.Join(machine, value)
		default:
			require.True(t, strings.HasPrefix(name, "SYSTEMD_"), "unknown option %s", line)
			env[name] = value
		}
	}
	return o
}

// describe writes what was found, one fact a line.
func describe(volumes []*esp.Volume, err error) []string {
	var lines []string
	for _, v := range volumes {
		line := strings.TrimSpace(v.Kind.String() + " " + v.Dir + " " + v.Device + " " + v.PartUUID)
		if v.Plain {
			line += " plain"
		}
		lines = append(lines, line)
		if v.Note != "" {
			lines = append(lines, "note "+v.Note)
		}
	}
	if err != nil {
		line := "error " + err.Error()
		if h := hint.Of(err); h != "" {
			line += "; " + h
		}
		lines = append(lines, line)
	}
	return lines
}

// assertLike compares two texts; "..." in want matches anything.
func assertLike(t *testing.T, want, got string) {
	t.Helper()
	rest, found := got, true
	for i, part := range strings.Split(want, "...") {
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at > 0 {
			found = false
			break
		}
		rest = rest[at+len(part):]
	}
	if !found || rest != "" && !strings.HasSuffix(want, "...") {
		assert.Equal(t, want, got)
	}
}
