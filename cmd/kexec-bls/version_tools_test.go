//go:build tools

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVersion: make build, make dist and every package have the version of one
// script.
func TestVersion(t *testing.T) {
	_, err := exec.LookPath("git")
	require.NoError(t, err, "git is missing; install it")
	for _, file := range []string{"../../Makefile", "dist/release.sh"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(text), "/version.sh", file)
		assert.NotContains(t, string(text), "git describe", file)
	}
	top := t.TempDir()
	script, err := os.ReadFile("dist/version.sh")
	require.NoError(t, err)
	write(t, top, map[string]string{"cmd/kexec-bls/dist/version.sh": string(script), "file": "1"})
	version := func(args ...string) string {
		cmd := exec.Command("sh", append([]string{filepath.Join(top, "cmd/kexec-bls/dist/version.sh")}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(top))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.TrimSpace(string(out))
	}
	git := func(args ...string) {
		cmd := exec.Command("git", append([]string{"-C", top, "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-11-23T23:30:00-0500")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	assert.Equal(t, "devel", version())
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "one")
	assert.Regexp(t, `^0\.0\.20261124\.g[0-9a-f]{12}$`, version(), "the day in UTC")
	write(t, top, map[string]string{"file": "2"})
	assert.Regexp(t, `^0\.0\.20261124\.g[0-9a-f]{12}\.dirty$`, version())
	assert.NotContains(t, version("HEAD"), "dirty")
	git("commit", "-qam", "two")
	git("tag", "v1.2.3")
	assert.Equal(t, "1.2.3", version())
	git("commit", "-q", "--allow-empty", "-m", "three")
	assert.Regexp(t, `^1\.2\.3\.1\.g[0-9a-f]+$`, version())
	write(t, top, map[string]string{".version": "9.9"})
	assert.Equal(t, "9.9", version())
}
