package reboot_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// A card is a machine with nvidia's driver, a console on it, and an Intel
// card beside it.
func card(t *testing.T) (g reboot.Graphics, unloaded *[]string) {
	dir := t.TempDir()
	unloaded = new([]string)
	g = reboot.Graphics{Host: host.At(dir), Modules: reboot.DefaultGPUModules(), Unload: func(name string) error {
		*unloaded = append(*unloaded, name)
		return nil
	}}
	for name, text := range map[string]string{
		"sys/module/nvidia/initstate": "live\n", "sys/module/nvidia_drm/initstate": "live\n", "sys/module/nvidia_modeset/initstate": "live\n",
		"sys/module/i915/initstate":       "live\n",
		"sys/class/vtconsole/vtcon0/name": "(S) dummy device\n", "sys/class/vtconsole/vtcon0/bind": "0\n",
		"sys/class/vtconsole/vtcon1/name": "(M) frame buffer device\n", "sys/class/vtconsole/vtcon1/bind": "1\n",
		"proc/1/comm": "systemd\n", "proc/42/comm": "Xorg\n", "proc/42/maps": "", "proc/self/comm": "x\n",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	for card, driver := range map[string]string{"card0": "i915", "card1": "nvidia"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "sys/class/drm", card, "device"), 0o755))
		require.NoError(t, os.Symlink("../../../bus/pci/drivers/"+driver, filepath.Join(dir, "sys/class/drm", card, "device/driver")))
	}
	require.NoError(t, os.MkdirAll(dir+"/proc/42/fd", 0o755))
	return g, unloaded
}

func (c held) open(t *testing.T, g reboot.Graphics) {
	if c.fd != "" {
		require.NoError(t, os.Symlink(c.fd, g.Host.Dir+"/proc/42/fd/7"))
	}
	require.NoError(t, os.WriteFile(g.Host.Dir+"/proc/42/maps", []byte(c.maps), 0o644))
}

type held struct{ fd, maps string }

func TestReleaseGraphics(t *testing.T) {
	g, unloaded := card(t)
	got, err := g.Release()
	require.NoError(t, err)
	assert.Equal(t, []string{"nvidia_drm", "nvidia_modeset", "nvidia"}, got, "top down, what is loaded")
	assert.Equal(t, got, *unloaded)
	bind, err := os.ReadFile(g.Host.Dir + "/sys/class/vtconsole/vtcon1/bind")
	require.NoError(t, err)
	assert.Equal(t, byte('0'), bind[0])
}

// TestReleaseNothing leaves a machine with other cards alone.
func TestReleaseNothing(t *testing.T) {
	g, unloaded := card(t)
	g.Modules = []string{"nouveau"}
	got, err := g.Release()
	require.NoError(t, err)
	assert.Empty(t, got)
	assert.Empty(t, *unloaded)
	bind, err := os.ReadFile(g.Host.Dir + "/sys/class/vtconsole/vtcon1/bind")
	require.NoError(t, err)
	assert.Equal(t, "1\n", string(bind), "no console is taken off for nothing")
}

func TestHeldGraphics(t *testing.T) {
	for name, v := range map[string]struct {
		held
		device string
	}{
		"nvidia":          {held{fd: "/dev/nvidia0"}, "/dev/nvidia0"},
		"control":         {held{fd: "/dev/nvidiactl"}, "/dev/nvidiactl"},
		"modeset":         {held{fd: "/dev/nvidia-modeset"}, "/dev/nvidia-modeset"},
		"its DRM device":  {held{fd: "/dev/dri/card1"}, "/dev/dri/card1"},
		"a driver gone":   {held{fd: "/dev/dri/card9"}, "/dev/dri/card9"},
		"mapped only":     {held{maps: "7f00-7f01 rw-s 0 00:05 12 /dev/nvidia0\n"}, "/dev/nvidia0"},
		"another card":    {held{fd: "/dev/dri/card0"}, ""},
		"nothing of that": {held{fd: "/dev/null", maps: "7f00-7f01 rw-s 0 00:05 12 /usr/lib/libnvidia-gl.so\n"}, ""},
		"a likeness":      {held{fd: "/dev/nvidiafs0"}, ""},
	} {
		g, unloaded := card(t)
		v.open(t, g)
		_, err := g.Release()
		if v.device == "" {
			assert.NoError(t, err, name)
			continue
		}
		var holders reboot.HolderError
		require.ErrorAs(t, err, &holders, name)
		assert.EqualError(t, err, "held by Xorg (process 42, "+v.device+")", name)
		assert.Empty(t, *unloaded, name)
		bind, err := os.ReadFile(g.Host.Dir + "/sys/class/vtconsole/vtcon1/bind")
		require.NoError(t, err)
		assert.Equal(t, "1\n", string(bind), name)
	}
}

// TestStuckGraphics is a driver that the kernel does not let go.
func TestStuckGraphics(t *testing.T) {
	g, _ := card(t)
	require.NoError(t, os.MkdirAll(g.Host.Dir+"/sys/module/nvidia_modeset/holders/other", 0o755))
	g.Unload = func(name string) error {
		if name == "nvidia_modeset" {
			return errors.New("delete_module: resource temporarily unavailable")
		}
		return nil
	}
	got, err := g.Release()
	assert.Equal(t, []string{"nvidia_drm"}, got)
	assert.ErrorContains(t, err, "nvidia_modeset: delete_module: ")
	assert.ErrorContains(t, err, "used by the modules other")
	bind, err := os.ReadFile(g.Host.Dir + "/sys/class/vtconsole/vtcon1/bind")
	require.NoError(t, err)
	assert.Equal(t, byte('1'), bind[0], "the console has its screen back")
}

func TestModuleLoaded(t *testing.T) {
	g, _ := card(t)
	assert.True(t, g.Host.ModuleLoaded("nvidia"))
	require.NoError(t, os.MkdirAll(g.Host.Dir+"/sys/module/efibc", 0o755))
	assert.False(t, g.Host.ModuleLoaded("efibc"), "built in")
}
