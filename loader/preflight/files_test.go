package preflight_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// lay writes the box to a directory and returns it as a machine.
func (b *box) lay(t *testing.T, dir string) preflight.Env {
	t.Helper()
	env := b.env
	for name, text := range b.files {
		path := filepath.Join(dir, place(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			require.NoError(t, os.Symlink(target, path))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	env.Proc, env.Sys = os.DirFS(filepath.Join(dir, "proc")), os.DirFS(filepath.Join(dir, "sys"))
	env.EFIVars, env.Root = os.DirFS(filepath.Join(dir, "efi")), os.DirFS(filepath.Join(dir, "root"))
	return env
}

// place is where a file of the machine stands below the directory.
func place(name string) string {
	for _, at := range []string{"/proc/", "/sys/", "/efi/"} {
		if strings.HasPrefix(name, at) {
			return name
		}
	}
	return "/root" + name
}

// TestFiles holds that real files and links are read as the ones in memory.
func TestFiles(t *testing.T) {
	b := newBox()
	assert.Empty(t, preflight.Run(b.lay(t, t.TempDir()), b.plan))

	b.remove("/etc/crypttab").set("/etc/systemd/system/kexec.target", "-> /dev/null", "/sys/module/nvidia/x", "")
	found := preflight.Run(b.lay(t, t.TempDir()), b.plan)
	assert.Equal(t, []string{"blocker kexec-target", "warning gpu-nvidia", "note luks-passphrase"}, ids(found))
}

// TestChangesNothing holds that nothing is written, made or removed.
func TestChangesNothing(t *testing.T) {
	dir := t.TempDir()
	b := newBox()
	env := b.lay(t, dir)
	before := listing(t, dir)
	preflight.Run(env, b.plan)
	assert.Equal(t, before, listing(t, dir))
}

// listing is every path with its mode, size and time.
func listing(t *testing.T, dir string) []string {
	var lines []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			lines = append(lines, path+" "+info.Mode().String()+" "+info.ModTime().String())
		}
		return err
	}))
	return lines
}

// TestFIFO puts a FIFO that nobody writes to in the place of every file: no
// check may wait for it.
func TestFIFO(t *testing.T) {
	b := newBox()
	dir := t.TempDir()
	env := b.lay(t, dir)
	for name, text := range b.files {
		if strings.HasPrefix(text, "-> ") {
			continue
		}
		path := filepath.Join(dir, place(name))
		require.NoError(t, os.Remove(path))
		require.NoError(t, syscall.Mkfifo(path, 0o644))
	}
	start := time.Now()
	for _, f := range preflight.Run(env, b.plan) {
		assert.NotEqual(t, "check-hung", f.ID, f.Why)
	}
	assert.Less(t, time.Since(start), preflight.DefaultTimeout)
}

// TestThisMachine holds that the machine that the tests run on can be looked
// at, whatever it is, in time and by whoever runs them.
func TestThisMachine(t *testing.T) {
	env := preflight.Env{
		Proc: os.DirFS("/proc"), Sys: os.DirFS("/sys"), Root: os.DirFS("/"), EFIVars: os.DirFS("/sys/firmware/efi/efivars"),
		GOARCH: "amd64", UID: os.Geteuid(), PageSize: os.Getpagesize(),
	}
	start := time.Now()
	found := preflight.Run(env, preflight.Plan{})
	assert.Less(t, time.Since(start), 3*time.Second)
	for _, f := range found {
		assert.NotEqual(t, "check-hung", f.ID, f.Why)
		assert.NotEqual(t, "machines-file", f.ID, f.Why)
	}
}

func BenchmarkRun(b *testing.B) {
	env, plan := newBox().mount(), newBox().plan
	for b.Loop() {
		preflight.Run(env, plan)
	}
}
