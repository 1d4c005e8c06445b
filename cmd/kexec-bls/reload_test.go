package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kexec-bls/kexec-bls/loader"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReloadWhatIsStale(t *testing.T) {
	f, esp := newFake(t, archFiles())
	place := "--esp-path=" + esp
	require.Equal(t, exitDone, f.run("load", "other", place, "--append=a b", "--append=c", "--remove=x", "-q").code)
	r, err := f.machine.Receipt()
	require.NoError(t, err)
	assert.Equal(t, &loader.Request{Entry: "other.conf", ESP: loader.Text(esp), Append: []loader.Text{"a b", "c"}, Remove: []loader.Text{"x"}}, r.Request)

	f.acts = nil
	require.Equal(t, exitDone, f.run("hook", "reload").code)
	assert.Empty(t, f.acts, "fresh")

	write(t, esp, map[string]string{"loader/entries/other.conf": otherConf + "options more\n", "b.img": archive("newer")})
	got := f.run("hook", "reload")
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stderr, "other.conf is stale: ")
	assert.Equal(t, []string{"load"}, f.acts)
	assert.Equal(t, "other more a b c", f.cmdline, "with the flags of the first load")
	assert.Equal(t, archive("newer"), f.initrd)
	again, err := f.machine.Receipt()
	require.NoError(t, err)
	assert.Equal(t, r.Request, again.Request)
}

// The unit that loads again has a working directory of its own.
func TestReloadFromElsewhere(t *testing.T) {
	f, esp := newFake(t, archFiles())
	t.Chdir(filepath.Dir(esp))
	require.Equal(t, exitDone, f.run("load", "other", "--esp-path="+filepath.Base(esp)).code)
	r, err := f.machine.Receipt()
	require.NoError(t, err)
	assert.Equal(t, &loader.Request{Entry: "other.conf", ESP: loader.Text(esp)}, r.Request)
}

// TestRequestOfAnEditedLine is a line from the menu: what was typed replaces the
// flags about it.
func TestRequestOfAnEditedLine(t *testing.T) {
	f, _ := newFake(t, nil)
	a := &app{environment: f.environment}
	want := loader.Request{Append: []loader.Text{"a"}, Remove: []loader.Text{"b"}, Reuse: true, Flat: true, Ignore: []loader.FindingID{"gpu"}}
	p := planFlags{Request: want}
	p.edit(nil)
	assert.Equal(t, want, a.request(p))
	line := "root=x quiet"
	p.edit(&line)
	edited := loader.Text(line)
	assert.Equal(t, loader.Request{Replace: &edited, Edited: true, Flat: true, Ignore: []loader.FindingID{"gpu"}}, a.request(p))
}

func TestReloadFollowsTheDefault(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp, "--no-wall", "--flat", "--append=c").code)
	r, err := f.machine.Receipt()
	require.NoError(t, err)
	assert.Equal(t, &loader.Request{ESP: loader.Text(esp), Append: []loader.Text{"c"}, Flat: true}, r.Request, "what is about the reboot is not about the load")
	write(t, esp, map[string]string{"loader/loader.conf": "default other*\n"})
	f.setVar(t, "Unrelated", "x")
	require.Equal(t, exitDone, f.run("hook", "reload", "--esp-path="+esp).code)
	assert.Equal(t, "other c", f.cmdline)
}

// TestReloadOnlyOurs never loads where nothing is, or what others have loaded.
func TestReloadOnlyOurs(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("hook", "reload", "--esp-path="+esp).code)
	f.isThere = true
	require.Equal(t, exitDone, f.run("hook", "reload", "--esp-path="+esp).code)
	assert.Empty(t, f.acts)

	kernel, initrd := filepath.Join(esp, "vmlinuz"), filepath.Join(esp, "b.img")
	require.Equal(t, exitDone, f.run("load", "--linux="+kernel, "--initrd="+initrd).code)
	write(t, esp, map[string]string{"b.img": archive("newer")})
	got := f.run("hook", "reload", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "what is loaded is stale (")
	assert.Equal(t, []string{"load"}, f.acts)
}

func TestReloadThatFails(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("load", "other", "--esp-path="+esp).code)
	require.NoError(t, os.Remove(filepath.Join(esp, "b.img")))
	got := f.run("hook", "reload")
	assert.Equal(t, exitFailed, got.code, "the unit shows it")
	assert.Contains(t, got.stderr, "b.img")
	assert.True(t, f.isThere, "what is loaded stays")
}

// TestReloadThatDoesNotHelp is what no load fixes.
func TestReloadThatDoesNotHelp(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("load", "other", "--esp-path="+esp).code)
	f.acts = nil
	require.NoError(t, os.RemoveAll(filepath.Join(f.dir, "lib/modules/6.12.1")))
	got := f.run("hook", "reload", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "remains stale: the modules of kernel 6.12.1 are gone")
	assert.Equal(t, []string{"load"}, f.acts)
}

func TestHookGPU(t *testing.T) {
	f, _ := newFake(t, nil)
	assert.Equal(t, exitDone, f.run("hook", "gpu").code, "no such card")
	write(t, filepath.Join(f.dir, "sys"), map[string]string{"module/nvidia/initstate": "live\n", "module/amdgpu/initstate": "live\n"})
	got := f.run("hook", "gpu")
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "unloaded nvidia\n")
	assert.Equal(t, []string{"rmmod nvidia"}, f.acts, "others only by configuration")

	require.NoError(t, os.WriteFile(f.paths.File, []byte("[gpu]\nmodules = ['amdgpu']\n"), 0o644))
	f.acts = nil
	require.Equal(t, exitDone, f.run("hook", "gpu").code)
	assert.Equal(t, []string{"rmmod amdgpu", "rmmod nvidia"}, f.acts)

	write(t, filepath.Join(f.dir, "proc"), map[string]string{"42/comm": "Xorg\n", "42/maps": "0-1 rw-s 0 0:5 1 /dev/nvidia0\n"})
	f.acts = nil
	got = f.run("hook", "gpu")
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "graphics drivers remain loaded: held by Xorg (process 42, /dev/nvidia0)")
	assert.Empty(t, f.acts)
}
