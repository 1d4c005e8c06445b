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

// TestPacmanRunsTheHookInAChroot: pacman --root, as pacstrap and installers
// call it, runs hooks in a chroot. There ours has nothing to say.
func TestPacmanRunsTheHookInAChroot(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "var/lib/pacman"), 0o755))
	kernel := func(version string) []byte {
		return pacmanPackage(t, "linux", version, map[string][]byte{"usr/lib/modules/" + version + "/vmlinuz": []byte("a kernel")})
	}
	for name, content := range map[string][]byte{
		"pacman.conf": []byte(pacmanConf), "kexec-bls.tar": ourPackage(t), "linux-1.tar": kernel("1"), "linux-2.tar": kernel("2"),
		"other.tar": pacmanPackage(t, "other", "1", map[string][]byte{"usr/share/other": nil}),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	pacman := func(args ...string) string {
		t.Helper()
		args = append([]string{"pacman", "--config", dir + "/pacman.conf", "--root", root, "--dbpath", root + "/var/lib/pacman",
			"--cachedir", dir + "/cache", "--logfile", dir + "/log", "--hookdir", dir + "/none", "--noconfirm", "--noprogressbar"}, args...)
		if os.Geteuid() != 0 {
			args = append([]string{"unshare", "--map-root-user"}, args...)
		}
		output, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		require.NoError(t, err, "%s: %s; fixtures/setup.sh installs pacman", args, output)
		assert.NotContains(t, string(output), "error:")
		return string(output)
	}
	quiet := func(output string) {
		t.Helper()
		_, after, ran := strings.Cut(output, hookRan)
		assert.True(t, ran, output)
		assert.NotContains(t, output, "kexec-bls: ")
		assert.Empty(t, after, "it is the last hook and silent")
	}
	pacman("-U", dir+"/kexec-bls.tar")
	quiet(pacman("-U", dir+"/linux-1.tar"))
	quiet(pacman("-U", dir+"/linux-2.tar"))
	assert.NotContains(t, pacman("-U", dir+"/other.tar"), hookRan)
	quiet(pacman("-R", "linux"))
	assert.NoDirExists(t, filepath.Join(root, "run"), "nothing is left behind")
	assert.NotContains(t, pacman("-R", "kexec-bls"), "kexec-bls: ")
}
