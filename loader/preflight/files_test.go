package preflight_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
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
	env.Host.FS, env.Vars.Dir = host.At(filepath.Join(dir, "root")).FS, filepath.Join(dir, "efi")
	return env
}

// place is the path of a file of the machine below the directory.
func place(name string) string {
	if strings.HasPrefix(name, "/efi/") {
		return name
	}
	return "/root" + name
}

// TestFiles holds that real files and links are read as the ones in memory.
func TestFiles(t *testing.T) {
	b := newBox()
	assert.Empty(t, preflight.Run(b.lay(t, t.TempDir()), b.plan))

	b.remove("/etc/crypttab").set("/etc/systemd/system/kexec.target", "-> /dev/null", "/sys/module/nvidia/x", "")
	found := preflight.Run(b.lay(t, t.TempDir()), b.plan)
	assert.Equal(t, []string{"error kexec-target", "warning gpu-nvidia", "info luks-passphrase"}, ids(found))
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
	for _, f := range preflight.Run(env, b.plan) {
		assert.NotEqual(t, preflight.IDCheckHung, f.ID, f.Text)
	}
}

// TestThisMachine holds that the machine that the tests run on can be looked
// at, whatever it is and by whoever runs them: no check hangs.
func TestThisMachine(t *testing.T) {
	env := preflight.Env{Host: host.Running()}
	found := preflight.Run(env, preflight.Plan{})
	for _, f := range found {
		assert.NotEqual(t, preflight.IDCheckHung, f.ID, f.Text)
		assert.NotEqual(t, preflight.IDMachinesFile, f.ID, f.Text)
	}
}

func BenchmarkRun(b *testing.B) {
	env, plan := newBox().mount(b), newBox().plan
	for b.Loop() {
		preflight.Run(env, plan)
	}
}
