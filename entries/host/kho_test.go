package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func khoMachine(t *testing.T, files map[string]string) host.Machine {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return host.At(dir)
}

// TestKHO: the spellings are those of the kernel's kstrtobool.
func TestKHO(t *testing.T) {
	const config = "CONFIG_KEXEC_HANDOVER=y\n"
	for name, c := range map[string]struct {
		cmdline, config string
		debugfs         bool
		want            bool
	}{
		"on": {cmdline: "kho=on", want: true}, "1": {cmdline: "kho=1", want: true}, "y": {cmdline: "kho=y", want: true},
		"Yes": {cmdline: "kho=Yes", want: true}, "true": {cmdline: "kho=true", want: true}, "enabled": {cmdline: "kho=enabled", want: true},
		"quoted": {cmdline: `kho="on"`, want: true}, "ON": {cmdline: "quiet kho=ON", want: true},
		"onx, as the kernel": {cmdline: "kho=onx", want: true},
		"off":                {cmdline: "kho=off"}, "0": {cmdline: "kho=0"}, "no": {cmdline: "kho=no"}, "false": {cmdline: "kho=false"},
		"disabled": {cmdline: "kho=disabled"}, "none": {cmdline: "quiet"}, "bare": {cmdline: "kho"}, "empty": {cmdline: "kho="}, "nonsense": {cmdline: "kho=maybe"},
		"last wins":             {cmdline: "kho=off kho=on", want: true},
		"nonsense changes none": {cmdline: "kho=on kho=maybe", want: true},
		"for init":              {cmdline: "quiet -- kho=on"},
		"built in":              {cmdline: "kho=on", config: config, want: true},
		"not built in":          {cmdline: "kho=on", config: "CONFIG_KEXEC=y\n"},
		"on by default":         {config: config + "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n", want: true},
		"default, off":          {cmdline: "kho=off", config: config + "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n"},
		"debugfs":               {debugfs: true, want: true},
		"debugfs, known":        {config: config, debugfs: true},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"proc/cmdline": c.cmdline + "\n", "proc/sys/kernel/osrelease": "7.2.0\n"}
			if c.config != "" {
				files["boot/config-7.2.0"] = c.config
			}
			if c.debugfs {
				files["sys/kernel/debug/kho/out/finalize"] = "1\n"
			}
			assert.Equal(t, c.want, khoMachine(t, files).KHO())
		})
	}
}

func TestKHOScratch(t *testing.T) {
	for name, c := range map[string]struct {
		cmdline, debugfs string
		want             []int64
	}{
		"unknown":      {cmdline: "kho=on"},
		"command line": {cmdline: "kho_scratch=16M,512M,1g", want: []int64{16 << 20, 512 << 20, 1 << 30}},
		"percentage":   {cmdline: "kho_scratch=200%"},
		"nonsense":     {cmdline: "kho_scratch=16M,,512M"},
		"too large":    {cmdline: "kho_scratch=9999999999T"},
		"debugfs":      {cmdline: "kho_scratch=16M,512M,1G", debugfs: "0x1000000\n0x20000000\n", want: []int64{16 << 20, 512 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"proc/cmdline": c.cmdline + "\n"}
			if c.debugfs != "" {
				files["sys/kernel/debug/kho/out/scratch_len"] = c.debugfs
			}
			assert.Equal(t, c.want, khoMachine(t, files).KHOScratch())
		})
	}
}
