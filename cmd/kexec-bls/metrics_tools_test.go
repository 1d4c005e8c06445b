//go:build tools

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// promtool runs Prometheus' checker, which setup.sh fetches into the cache where it
// is not installed.
func promtool(t *testing.T, stdin *os.File, args ...string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	program, err := exec.LookPath("promtool")
	if err != nil {
		program, err = exec.LookPath(filepath.Join(cache, "kexec-bls/promtool"))
	}
	require.NoError(t, err, "promtool is missing; fixtures/setup.sh test brings it")
	cmd := exec.Command(program, args...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s", out)
}

func TestAlertsAreValid(t *testing.T) {
	promtool(t, nil, "check", "rules", "dist/prometheus/kexec-bls.rules.yml")
	promtool(t, nil, "test", "rules", "testdata/prometheus/rules.test.yml")
}

func TestMetricsAreValid(t *testing.T) {
	f, esp := newFake(t, archFiles())
	path := filepath.Join(t.TempDir(), "kexec-bls.prom")
	require.Equal(t, exitDone, f.run("status", "--metrics="+path, "--esp-path="+esp).code)
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	promtool(t, file, "check", "metrics")
}
