package reboot_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// cardWith is a card with more files.
func cardWith(t *testing.T, files map[string]string) (g reboot.Graphics, unloaded *[]string) {
	t.Helper()
	g, unloaded = card(t)
	for name, text := range files {
		path := filepath.Join(g.Host.Dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return g, unloaded
}

// bindings are what is in the files bind of some consoles: a write replaces the
// first byte.
func bindings(t *testing.T, g reboot.Graphics, consoles ...string) (bound string) {
	t.Helper()
	for _, c := range consoles {
		b, err := os.ReadFile(filepath.Join(g.Host.Dir, "sys/class/vtconsole", c, "bind"))
		require.NoError(t, err)
		bound += string(b[:1])
	}
	return bound
}

// TestOnlyFrameBuffersAreTakenOff, and of these only what has a console on it: a
// console that nothing was done to is not bound afterwards either.
func TestOnlyFrameBuffersAreTakenOff(t *testing.T) {
	files := map[string]string{
		"sys/class/vtconsole/vtcon2/name": "(S) VGA+\n", "sys/class/vtconsole/vtcon2/bind": "1\n",
		"sys/class/vtconsole/vtcon3/name": "(M) frame buffer device\n", "sys/class/vtconsole/vtcon3/bind": "0\n",
		"sys/class/vtconsole/vtcon4/name": "(M) frame buffer device\n", "sys/class/vtconsole/vtcon4/bind": "1\n",
	}
	all := []string{"vtcon0", "vtcon1", "vtcon2", "vtcon3", "vtcon4"}
	g, unloaded := cardWith(t, files)
	unload := g.Unload
	g.Unload = func(name string) error {
		assert.Equal(t, "00100", bindings(t, g, all...), "before the first driver goes")
		return unload(name)
	}
	_, err := g.Release()
	require.NoError(t, err)
	assert.Len(t, *unloaded, 3)
	assert.Equal(t, "00100", bindings(t, g, all...))

	g, _ = cardWith(t, files)
	g.Unload = func(string) error { return errors.New("busy") }
	got, err := g.Release()
	require.EqualError(t, err, "nvidia_drm: busy")
	assert.Empty(t, got)
	assert.Equal(t, "01101", bindings(t, g, all...), "as before")
}

// TestConsoleThatCannotBeTakenOff: the one before it has its screen again, and no
// driver was touched.
func TestConsoleThatCannotBeTakenOff(t *testing.T) {
	g, unloaded := cardWith(t, map[string]string{
		"sys/class/vtconsole/vtcon4/name": "(M) frame buffer device\n", "sys/class/vtconsole/vtcon4/bind": "1\n",
	})
	g.Host.Dir = t.TempDir() // where is written: it has no second console
	bind := filepath.Join(g.Host.Dir, "sys/class/vtconsole/vtcon1/bind")
	require.NoError(t, os.MkdirAll(filepath.Dir(bind), 0o755))
	require.NoError(t, os.WriteFile(bind, []byte("?"), 0o644))
	_, err := g.Release()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "vtcon4/bind")
	assert.Empty(t, *unloaded)
	assert.Equal(t, "1", bindings(t, g, "vtcon1"))
}

// TestUsersOfADriver are named in the order of their names, with what to do.
func TestUsersOfADriver(t *testing.T) {
	g, _ := cardWith(t, map[string]string{"sys/module/nvidia_drm/holders/b/x": "", "sys/module/nvidia_drm/holders/a/x": ""})
	refused := errors.New("busy")
	g.Unload = func(string) error { return refused }
	_, err := g.Release()
	require.ErrorIs(t, err, refused)
	assert.EqualError(t, err, "nvidia_drm: busy: used by the modules a b, which gpu.modules in kexec-bls.toml may name")
}

// TestAllHoldersAreNamed, one device of each, and a file of a process's own is no
// device.
func TestAllHoldersAreNamed(t *testing.T) {
	g, unloaded := cardWith(t, map[string]string{
		"proc/7/comm": "gdm\n", "proc/7/maps": "00400000-00401000 r-xp 00000000 08:01 5 /usr/bin/gdm\n7f00-7f01 rw-s 0 00:05 12 /dev/nvidia-uvm\n",
		"proc/8/comm": "sh\n", "proc/8/maps": "7f00-7f01 rw-s 0 08:01 5 /home/u/dev/nvidia0\n7f00-7f01 rw-p 0 00:00 0\n7f00-7f01 rw-p 0 00:00 0 [heap]\n",
		"proc/9/maps": "7f00-7f01 rw-s 0 08:01 5 /dev/nvidiafs0 /dev/nvidia0\n", "proc/x/comm": "y\n", "proc/x/maps": "7f00-7f01 rw-s 0 00:05 1 /dev/nvidia0\n",
	})
	held{fd: "/dev/nvidia-caps/nvidia-cap1", maps: "7f00-7f01 rw-s 0 00:05 12 /dev/nvidia0\n"}.open(t, g)
	_, err := g.Release()
	assert.Equal(t, reboot.HolderError{"Xorg (process 42, /dev/nvidia-caps/nvidia-cap1)", "gdm (process 7, /dev/nvidia-uvm)"}, err)
	assert.Empty(t, *unloaded)
}

// TestOtherModules: the cards of the modules that are named count, also where the
// name of the driver has a dash.
func TestOtherModules(t *testing.T) {
	for name, c := range map[string]struct {
		modules []string
		driver  string
		fd      string
		held    bool
	}{
		"its card":               {[]string{"amdgpu"}, "amdgpu", "/dev/dri/card5", true},
		"another driver's":       {[]string{"amdgpu"}, "i915", "/dev/dri/card5", false},
		"a dash":                 {[]string{"virtio_gpu"}, "virtio-gpu", "/dev/dri/card5", true},
		"no device of a card":    {[]string{"amdgpu"}, "amdgpu", "/dev/dri", false},
		"a card that is gone":    {[]string{"amdgpu"}, "i915", "/dev/dri/renderD128", true},
		"a file beside":          {[]string{"amdgpu"}, "amdgpu", "/dev/drix/card5", false},
		"nvidia's, which stays":  {[]string{"amdgpu"}, "amdgpu", "/dev/nvidia0", false},
		"nvidia's second number": {[]string{"nvidia"}, "nvidia", "/dev/nvidia12", true},
		"all of nvidia's":        {[]string{"nvidia"}, "nvidia", "/dev/nvidia", true},
		"no number of nvidia's":  {[]string{"nvidia"}, "nvidia", "/dev/nvidia1x", false},
	} {
		g, _ := cardWith(t, map[string]string{"sys/module/" + c.modules[0] + "/initstate": "live\n"})
		require.NoError(t, os.MkdirAll(g.Host.Dir+"/sys/class/drm/card5/device", 0o755))
		require.NoError(t, os.Symlink("../../../bus/pci/drivers/"+c.driver, g.Host.Dir+"/sys/class/drm/card5/device/driver"))
		g.Modules = c.modules
		held{fd: c.fd}.open(t, g)
		_, err := g.Release()
		assert.Equal(t, c.held, err != nil, "%s: %v", name, err)
	}
}
