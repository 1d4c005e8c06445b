package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestAnsibleRole: every file is YAML, each variable that a task takes from the
// user has a default, and the playbook stops a roll-out at the first failure.
func TestAnsibleRole(t *testing.T) {
	const role = "dist/ansible/roles/kexec_bls"
	files, err := filepath.Glob(role + "/*/*.yml")
	require.NoError(t, err)
	require.Len(t, files, 10)
	for _, file := range files {
		var any any
		readYAML(t, file, &any)
	}
	tasks, err := os.ReadFile(role + "/tasks/reboot_now.yml")
	require.NoError(t, err)
	assert.Contains(t, string(tasks), "selectattr('severity', 'equalto', '"+string(loader.SeverityError)+"')", "as check --json has it")
	assert.Contains(t, string(tasks), "(kexec_bls_check.stdout | from_json).entry.id")
	var defaults map[string]any
	readYAML(t, role+"/defaults/main.yml", &defaults)
	for _, name := range []string{"steps", "package", "package_file", "package_checksum", "binary", "unit_dir", "cache", "config", "config_file", "units", "program", "reboot", "entry", "on_blocker", "ignore", "timeout", "test_command", "try", "try_time", "promote"} {
		assert.Contains(t, defaults, "kexec_bls_"+name)
	}
	assert.Len(t, defaults, 20, "each is tested here")
	assert.NotContains(t, defaults["kexec_bls_steps"], "reboot", "none that nobody asked for")

	var plays []struct {
		Serial []any
		Max    *int `yaml:"max_fail_percentage"`
	}
	readYAML(t, "dist/ansible/rolling.yml", &plays)
	require.Len(t, plays, 1)
	assert.Equal(t, []any{1, "10%"}, plays[0].Serial)
	require.NotNil(t, plays[0].Max)
	assert.Zero(t, *plays[0].Max)
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), file)
}
