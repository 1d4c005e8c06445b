package host_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func TestFiles(t *testing.T) {
	m := root("a/text", " \n x y\n\x00", "a/link", "-> ../b/target", "a/dangling", "-> nowhere", "b/target", "target", "bin/tool", "#!", "bin/data", "d", "empty/", "")
	assert.Equal(t, "x y", m.Text("a/text"))
	assert.Equal(t, []string{"dangling", "link", "text"}, m.Names("a"))
	assert.Equal(t, "../b/target", m.Link("a/link"))
	assert.Equal(t, "target", m.LinkName("a/link"))
	assert.Empty(t, m.Link("a/text")+m.LinkName("a/none"))
	assert.True(t, m.Exists("a/link") && m.Exists("a"))
	assert.False(t, m.Exists("a/dangling") || m.Exists("none") || m.Exists("/a") || m.Exists("../a"))
	assert.True(t, m.IsProgram("bin/tool"))
	assert.False(t, m.IsProgram("bin/data") || m.IsProgram("bin") || m.IsProgram("bin/none"))
	assert.Equal(t, "arge", string(m.ReadAt("b/target", 1, 4)))
	assert.Nil(t, m.ReadAt("b/target", 3, 4), "fewer bytes")
	assert.Nil(t, m.ReadAt("b", 0, 1))
	_, err := m.ReadFile("b/target", 5)
	assert.ErrorIs(t, err, host.ErrTooLarge)
	b, err := m.ReadFile("b/target", 6)
	assert.NoError(t, err)
	assert.Equal(t, "target", string(b))
	_, err = m.ReadFile("b", 10)
	assert.ErrorContains(t, err, "not a regular file")
	assert.Empty(t, machine("large", strings.Repeat("x", 2<<20)).Text("large"))
	assert.True(t, root("run/systemd/units/invocation:x.service", "-> 0123").UnitActive("x.service"))
}

// TestOpenNeverBlocks has FIFOs and devices where files are expected.
func TestOpenNeverBlocks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(dir+"/boot", 0o755))
	require.NoError(t, syscall.Mkfifo(dir+"/boot/config-1", 0o644))
	require.NoError(t, os.Symlink("config-1", dir+"/boot/config-2"))
	require.NoError(t, os.Symlink("/dev/null", dir+"/boot/config-3"))
	require.NoError(t, os.WriteFile(dir+"/boot/config-4", []byte("CONFIG_X=y\n"), 0o600))
	m := host.At(dir)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, name := range []string{"boot/config-1", "boot/config-2", "boot/config-3"} {
			_, err := m.FS.Open(name)
			assert.ErrorContains(t, err, "not a regular file", name)
			_, err = m.ReadFile(name, 10)
			assert.ErrorContains(t, err, "not a regular file", name)
			assert.Nil(t, m.KernelConfig(strings.TrimPrefix(name, "boot/config-")))
			assert.Nil(t, m.ReadAt(name, 0, 1), name)
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("an open blocks")
	}
	assert.Equal(t, host.Config{"CONFIG_X": "y"}, m.KernelConfig("4"))
	f, err := m.FS.Open("boot")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for _, name := range []string{"/boot", "../x", "boot/", ""} {
		_, err := m.FS.Open(name)
		assert.Error(t, err, name)
	}
	assert.Equal(t, dir, m.Dir)
	assert.Equal(t, "config-1", m.LinkName("boot/config-2"))
}

func TestFileSystemUUID(t *testing.T) {
	m := root("dev/disk/by-uuid/ABCD-1234", "-> ../../vda1", "dev/disk/by-uuid/1111-2222", "-> ../../mapper/root")
	for device, want := range map[string]string{"/dev/vda1": "ABCD-1234", "/dev/mapper/root": "1111-2222", "/dev/vda": "", "": ""} {
		assert.Equal(t, want, m.FileSystemUUID(device), device)
	}
}
