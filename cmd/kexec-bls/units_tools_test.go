//go:build tools

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUnitsAreValid(t *testing.T) {
	for _, unit := range installedUnits(t) {
		out := analyze(t, unit, "verify", "--man=no")
		assert.NotContains(t, out, "kexec-bls", "it complains of ours only by name")
	}
}

// TestUnitsAreHardened holds each service below 3 of systemd's 10.
func TestUnitsAreHardened(t *testing.T) {
	for _, unit := range installedUnits(t) {
		if strings.HasSuffix(unit, ".service") {
			// A template is checked as such.
			unit = strings.Replace(unit, "@arch-linux.conf.", "@.", 1)
			analyze(t, unit, "security", "--offline=yes", "--threshold=30", "--no-pager")
		}
	}
}

// TestUnitsFitTogether starts what the units are wanted by, with all of them
// enabled, as far as systemd can on paper: no cycle, nothing that another job
// of the transaction stops.
func TestUnitsFitTogether(t *testing.T) {
	units := installedUnits(t)
	dir := filepath.Dir(units[0])
	for name, at := range map[string]string{"efi.mount": "/efi", "boot.mount": "/boot", "boot-efi.mount": "/boot/efi"} {
		mount := fmt.Sprintf("[Mount]\nWhat=tmpfs\nType=tmpfs\nWhere=%s\n", at)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(mount), 0o644))
	}
	wanted := map[string][]string{}
	for _, unit := range units {
		text, err := os.ReadFile(strings.Replace(unit, "@arch-linux.conf.", "@.", 1))
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			key, targets, _ := strings.Cut(strings.TrimSpace(line), "=")
			if key != "WantedBy" {
				continue
			}
			for target := range strings.FieldsSeq(targets) {
				wants := filepath.Join(dir, target+".wants")
				require.NoError(t, os.MkdirAll(wants, 0o755))
				require.NoError(t, os.Symlink(strings.Replace(unit, "@arch-linux.conf.", "@.", 1), filepath.Join(wants, filepath.Base(unit))))
				wanted[target] = append(wanted[target], filepath.Base(unit))
			}
		}
	}
	require.Len(t, wanted, 7)
	for target, units := range wanted {
		program, err := exec.LookPath("systemd-analyze")
		require.NoError(t, err, "systemd is needed to check its units; fixtures/setup.sh installs it")
		cmd := exec.Command(program, "verify", "--man=no", target)
		cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":", "LC_ALL=C", "SYSTEMD_LOG_LEVEL=debug")
		out, _ := cmd.CombinedOutput() // it may complain of units of this machine
		for _, unit := range units {
			// What another job, or a cycle, forbids is not installed.
			assert.Contains(t, string(out), unit+": Installed new job "+unit+"/start", target)
		}
	}
}

// analyze runs systemd-analyze, without which nothing here is known.
func analyze(t *testing.T, unit string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	require.NoError(t, err, "systemd is needed to check its units; fixtures/setup.sh installs it")
	cmd := exec.Command(program, append(args, unit)...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+filepath.Dir(unit)+":", "LC_ALL=C", "SYSTEMD_PAGER=")
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s %s: %s", args, unit, out)
	return string(out)
}
