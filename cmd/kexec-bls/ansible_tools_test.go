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

func TestAnsibleRoleIsClean(t *testing.T) {
	lint, err := exec.LookPath("ansible-lint")
	require.NoError(t, err, "ansible-lint is missing; fixtures/setup.sh test installs it")
	dir := filepath.Join(t.TempDir(), "ansible")
	out, err := exec.Command("cp", "-rL", "dist/ansible", dir).CombinedOutput() // it follows repositories, and writes beside the files
	require.NoError(t, err, "%s", out)
	cmd := exec.Command(lint, "--offline", "--nocolor", "--strict", "--profile=production", "rolling.yml", "roles/kexec_bls")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "ANSIBLE_HOME="+dir, "LC_ALL=C.UTF-8")
	out, err = cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestAnsibleRoleInstalls runs the first two steps of the role on this machine, with
// directories and a systemctl of the test's.
func TestAnsibleRoleInstalls(t *testing.T) {
	playbook, err := exec.LookPath("ansible-playbook")
	require.NoError(t, err, "ansible-core is missing; fixtures/setup.sh test installs it with ansible-lint")
	require.Zero(t, os.Geteuid(), "the role installs as root")
	role, err := filepath.Abs("dist/ansible/roles/kexec_bls")
	require.NoError(t, err)
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"binary": "#!/bin/sh\nexit 0\n",
		"bin/systemctl": "#!/bin/sh\necho \"$@\" >>" + dir + "/called\n" +
			"case \"$*\" in *show*) printf 'LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\n';; esac\n",
		"play.yml": "- hosts: localhost\n  connection: local\n  gather_facts: false\n  roles:\n    - role: " + role + "\n",
	})
	require.NoError(t, os.Chmod(dir+"/bin/systemctl", 0o755))
	play := func(args ...string) (string, error) {
		vars := fmt.Sprintf("kexec_bls_program=%s/usr/kexec-bls kexec_bls_unit_dir=%s/units kexec_bls_config_file=%s/config.toml", dir, dir, dir)
		cmd := exec.Command(playbook, append([]string{"-i", "localhost,", dir + "/play.yml", "-e", vars}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+dir+"/bin:"+os.Getenv("PATH"), "HOME="+dir, "ANSIBLE_HOME="+dir, "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1", "ANSIBLE_NOCOWS=1",
			"ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	require.NoError(t, os.MkdirAll(dir+"/usr", 0o755))
	out, err := play("-e", "kexec_bls_package=no-such-package-anywhere")
	require.Error(t, err)
	assert.Contains(t, out, "set kexec_bls_package_file to a package of make dist")

	out, err = play("-e", "kexec_bls_binary="+dir+"/binary", "-e", `{"kexec_bls_config": "[hook]\n"}`)
	require.NoError(t, err, out)
	assert.FileExists(t, dir+"/usr/kexec-bls")
	unit, err := os.ReadFile(dir + "/units/kexec-bls-boot.service")
	require.NoError(t, err)
	assert.Contains(t, string(unit), "\nExecStart="+dir+"/usr/kexec-bls hook booted\n")
	assert.FileExists(t, dir+"/units/kexec-bls-metrics.timer")
	assert.FileExists(t, dir+"/config.toml")
	called, err := os.ReadFile(dir + "/called")
	require.NoError(t, err)
	assert.Less(t, strings.Index(string(called), "daemon-reload"), strings.Index(string(called), "kexec-bls-boot.service"), "%s", called)

	out, err = play() // the defaults, with a program that is there
	require.NoError(t, err, out)
	assert.Regexp(t, `changed=0 .*failed=0`, out)
}
