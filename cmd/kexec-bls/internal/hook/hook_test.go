package hook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// stat lays out a process, as proc_pid_stat(5) has it.
func stat(t *testing.T, dir, link, pid, name, parent, start string) {
	t.Helper()
	write(t, filepath.Join(dir, "proc", link, "stat"), pid+" ("+name+") S "+parent+strings.Repeat(" 0", 17)+" "+start+" 0 0\n")
}

func TestElsewhere(t *testing.T) {
	dir := t.TempDir()
	h := host.At(dir)
	assert.True(t, Elsewhere(h), "no /proc")
	root := filepath.Join(dir, "proc/1/root")
	require.NoError(t, os.MkdirAll(filepath.Dir(root), 0o755))
	require.NoError(t, os.Symlink("/usr", root))
	assert.True(t, Elsewhere(h), "a chroot")
	require.NoError(t, os.Remove(root))
	require.NoError(t, os.Symlink("/", root))
	assert.False(t, Elsewhere(h))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "proc/self/ns"), 0o755))
	require.NoError(t, os.Symlink("pid:[4026532000]", filepath.Join(dir, "proc/self/ns/pid")))
	assert.True(t, Elsewhere(h), "PIDs of its own")
}

func TestOtherSystem(t *testing.T) {
	own := t.TempDir()
	volumes := []*esp.Volume{{Dir: own}}
	for root, want := range map[string]bool{
		"": false, "/efi": false, "/boot": false, "/boot/efi": false, own: false, own + "/": false, t.TempDir(): true, "/nowhere": true,
	} {
		assert.Equal(t, want, OtherSystem(root, volumes), root)
	}
}

// TestNew: one run of the outermost package manager hears a line once.
func TestNew(t *testing.T) {
	dir := t.TempDir()
	h, runDir := host.At(dir), filepath.Join(dir, "run/kexec-bls")
	assert.True(t, New(h, runDir, "a"))
	assert.True(t, New(h, runDir, "a"), "without a package manager as often as asked")
	assert.NoDirExists(t, runDir)

	under := func(dpkg, start string) {
		stat(t, dir, "self", "900", "kexec-bls", dpkg, "7")
		stat(t, dir, dpkg, dpkg, "dpkg", "40", start)
		stat(t, dir, "40", "40", "apt-get", "1", start)
		stat(t, dir, "1", "1", "systemd", "0", "0")
	}
	under("50", "5")
	assert.True(t, New(h, runDir, "a"))
	assert.False(t, New(h, runDir, "a"))
	assert.True(t, New(h, runDir, "b"), "other news")
	under("51", "5")
	assert.False(t, New(h, runDir, "a"), "the same apt-get runs dpkg again")
	under("52", "9")
	assert.True(t, New(h, runDir, "a"), "another apt-get")
}

func TestRequireReboot(t *testing.T) {
	dir := t.TempDir()
	h, runDir, path := host.At(dir), filepath.Join(dir, "run/kexec-bls"), filepath.Join(dir, "run/reboot-required")
	require.NoError(t, os.MkdirAll(runDir, 0o755))
	require.NoError(t, RequireReboot(h, runDir, "linux"))
	assert.NoFileExists(t, path, "nobody reads it here")

	write(t, filepath.Join(dir, "usr/share/update-notifier/notify-reboot-required"), "")
	for _, pkg := range []string{"", "linux", "linux", "initramfs-tools"} {
		require.NoError(t, RequireReboot(h, runDir, pkg))
	}
	assert.Equal(t, "*** System restart required ***\n", readSmall(path))
	assert.Equal(t, "linux\ninitramfs-tools\n", readSmall(path+".pkgs"))

	require.NoError(t, os.Remove(path+".pkgs"))
	require.NoError(t, os.Symlink(filepath.Join(dir, "elsewhere"), path+".pkgs"))
	assert.Error(t, RequireReboot(h, runDir, "linux"), "no link is followed")
	assert.NoFileExists(t, filepath.Join(dir, "elsewhere"))
}
