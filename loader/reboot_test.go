package loader_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

const kexecArch, kexecOther = "systemctl kexec into arch.conf", "systemctl kexec into other.conf"

// rebooting ignores what the checks say about a machine that has few files.
func rebooting(o reboot.Options) loader.RebootOptions {
	return loader.RebootOptions{Init: o, Load: loader.LoadOptions{Ignore: []loader.FindingID{loader.AllFindings}}}
}

func (f *fake) reboot(name string, o reboot.Options) error {
	f.t.Helper()
	return f.Reboot(f.t.Context(), f.plan(name, loader.PlanOptions{}), rebooting(o))
}

// runInit makes PID 1 another program than systemd.
func (f *fake) runInit(kind host.Kind, comm string) {
	f.t.Helper()
	require.NoError(f.t, os.RemoveAll(f.path("run/systemd")))
	f.write(map[string]string{"proc/1/comm": comm + "\n"})
	require.Equal(f.t, kind, f.Host.InitSystem())
}

func TestRebootInOrder(t *testing.T) {
	f := newFake(t)
	f.expect(kexecOther)
	f.setVar("LoaderEntryOneShot", "other.conf")
	f.loading = func() { assert.NotEmpty(t, f.variable("LoaderEntryOneShot"), "consumed after the load") }
	require.NoError(t, f.reboot("", reboot.Options{}))
	assert.Equal(t, []string{"load", kexecOther}, f.acts)
	assert.Empty(t, f.variable("LoaderEntryOneShot"), "consumed")
	assert.True(t, f.there)
	assert.Equal(t, []string{"kexec-asked", "loaded.json", "lock"}, f.left("run/kexec-bls"))
	assert.Contains(t, f.left("var/lib/kexec-bls"), "end.json")
}

// TestRefusedReboot: everything is as it was, to the byte.
func TestRefusedReboot(t *testing.T) {
	f := newFake(t)
	f.done[kexecOther] = errors.New("inhibited")
	f.setVar("LoaderEntryOneShot", "other.conf")
	before := f.variable("LoaderEntryOneShot")
	err := f.reboot("", reboot.Options{})
	_, is := errors.AsType[*loader.RebootError](err)
	assert.True(t, is)
	require.ErrorContains(t, err, "inhibited; nothing was rebooted; unloaded again")
	assert.Equal(t, []string{"load", kexecOther, "unload"}, f.acts)
	assert.Equal(t, before, f.variable("LoaderEntryOneShot"))
	assert.Equal(t, []string{"lock"}, f.left("run/kexec-bls"))
	assert.Equal(t, []string{"boot.json"}, f.left("var/lib/kexec-bls"))

	f = newFake(t)
	f.done[kexecArch] = errors.New("inhibited")
	f.there = true
	require.ErrorContains(t, f.reboot("", reboot.Options{}), "the kernel that was loaded before is gone too")
}

// TestOneShotThatCannotBeConsumed ends the reboot: the boot loader would boot the
// entry once more.
func TestOneShotThatCannotBeConsumed(t *testing.T) {
	f := newFake(t)
	f.setVar("LoaderEntryOneShot", "other.conf")
	p := f.plan("", loader.PlanOptions{})
	require.NoError(t, os.RemoveAll(f.path("efivars")))
	err := f.Reboot(t.Context(), p, rebooting(reboot.Options{}))
	require.ErrorContains(t, err, "LoaderEntryOneShot")
	require.ErrorContains(t, err, "nothing was rebooted; unloaded again")
	assert.Equal(t, []string{"load", "unload"}, f.acts)
}

// TestNamedKeepsTheOneShot, for the next boot.
func TestNamedKeepsTheOneShot(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch)
	f.setVar("LoaderEntryOneShot", "other.conf")
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	assert.NotEmpty(t, f.variable("LoaderEntryOneShot"))
}

func TestBlockedBeforeAnythingIsChanged(t *testing.T) {
	f := newFake(t)
	f.link("/dev/null", "etc/systemd/system/kexec.target")
	f.setVar("LoaderEntryOneShot", "other.conf")
	p := f.plan("", loader.PlanOptions{})
	var found []loader.Finding
	opt := loader.RebootOptions{OnFindings: func(l []loader.Finding) { found = l }}
	err := f.Reboot(t.Context(), p, opt)
	blocked, is := errors.AsType[*loader.BlockedError](err)
	require.True(t, is, err)
	assert.Equal(t, "other.conf", blocked.Name)
	require.ErrorContains(t, err, "kexec.target is masked")
	assert.Equal(t, loader.Blocking(found), blocked.Findings)
	assert.Equal(t, loader.SeverityError, found[0].Severity, "the gravest first")
	assert.Empty(t, f.acts)
	assert.NoDirExists(t, f.RunDir)
	assert.NoDirExists(t, f.StateDir)
	assert.NotEmpty(t, f.variable("LoaderEntryOneShot"))
}

// TestFirmwareRefusedBeforeTheUnload, in a dry run too.
func TestFirmwareRefusedBeforeTheUnload(t *testing.T) {
	for _, dry := range []bool{false, true} {
		opt := rebooting(reboot.Options{})
		opt.DryRun = dry
		f := newFake(t)
		f.there = true
		f.link("/dev/null", "etc/systemd/system/reboot.target")
		err := f.RebootFirmware(t.Context(), opt)
		require.ErrorContains(t, err, "reboot.target is masked (/etc/systemd/system/reboot.target); nothing was changed")
		assert.Equal(t, "unmask it: systemctl unmask reboot.target", hint.Of(err))
		assert.Empty(t, f.acts)

		f = newFake(t)
		f.there = true
		f.write(map[string]string{"proc/self/status": "CapEff:\t0\n"})
		f.Host.UID = 1000
		err = f.RebootFirmware(t.Context(), opt)
		require.ErrorContains(t, err, "a loaded kernel could turn the reboot into a kexec: ")
		require.ErrorIs(t, err, syscall.EPERM)
		if dry {
			require.ErrorIs(t, f.RebootLoaded(t.Context(), opt), syscall.EPERM)
		}
		assert.Empty(t, f.acts)
	}
}

func TestInitSystems(t *testing.T) {
	f := newFake(t)
	f.runInit(host.OpenRC, "openrc-init")
	f.expect("native kexec")
	require.NoError(t, f.reboot("", reboot.Options{}))
	assert.Equal(t, []string{"load", "native kexec"}, f.acts)

	f = newFake(t)
	f.runInit(host.S6, "s6-svscan")
	err := f.reboot("", reboot.Options{})
	require.ErrorIs(t, err, reboot.ErrNoKexec)
	require.ErrorContains(t, err, "systemd does not run here")
	assert.Empty(t, f.acts, "refused before the load")
	require.ErrorContains(t, f.reboot("", reboot.Options{When: "+1h"}), "no other init system takes a time")
	require.ErrorContains(t, f.RebootLoaded(t.Context(), rebooting(reboot.Options{When: "+1h"})), "takes a time")
	require.ErrorContains(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{When: "+1h"})), "takes a time")
	assert.Empty(t, f.acts)
}

// TestForceJumps at once where systemd does not run, and only there.
func TestForceJumps(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch)
	require.NoError(t, f.reboot("", reboot.Options{Force: true}))
	assert.Equal(t, []string{"load", kexecArch}, f.acts)

	f = newFake(t)
	f.runInit(host.S6, "s6-svscan")
	f.done["jump"] = errors.New("no image")
	opt := rebooting(reboot.Options{Force: true})
	accepted := 0
	opt.OnAccepted = func() { accepted++; assert.Equal(t, []string{"load"}, f.acts, "before the jump") }
	mounts, err := f.Host.Mounts()
	require.NoError(t, err)
	require.Empty(t, mounts, "the jump would remount these for real")
	require.ErrorContains(t, f.Reboot(t.Context(), f.plan("", loader.PlanOptions{}), opt), "no image; nothing was rebooted; unloaded again")
	assert.Equal(t, []string{"load", "jump", "unload"}, f.acts)
	assert.Equal(t, 1, accepted)

	ctx, cancel := context.WithCancel(t.Context())
	f.acts, f.loading = nil, cancel
	opt.OnAccepted = nil
	require.ErrorIs(t, f.Reboot(ctx, f.plan("", loader.PlanOptions{}), opt), context.Canceled)
	assert.Equal(t, []string{"load", "unload"}, f.acts, "interrupted during the load")
}

func TestRebootLoaded(t *testing.T) {
	f := newFake(t)
	require.ErrorIs(t, f.RebootLoaded(t.Context(), rebooting(reboot.Options{})), loader.ErrNothingLoaded)
	f.load("other")
	f.acts = nil
	f.expect(kexecOther)
	require.NoError(t, f.RebootLoaded(t.Context(), rebooting(reboot.Options{})))
	assert.Equal(t, []string{kexecOther}, f.acts)

	f.acts, f.done[kexecOther] = nil, errors.New("inhibited")
	require.ErrorContains(t, f.RebootLoaded(t.Context(), rebooting(reboot.Options{})), "inhibited")
	assert.Equal(t, []string{kexecOther}, f.acts, "it was loaded before: it remains")
	assert.NotContains(t, f.left("var/lib/kexec-bls"), "end.json")

	f.link("/dev/null", "etc/systemd/system/kexec.target")
	err := f.RebootLoaded(t.Context(), loader.RebootOptions{})
	_, is := errors.AsType[*loader.BlockedError](err)
	assert.True(t, is, err)

	f = newFake(t)
	f.there = true
	f.expect("systemctl kexec into the loaded kernel")
	require.NoError(t, f.RebootLoaded(t.Context(), rebooting(reboot.Options{})), "another program's")
}

func TestRebootFirmware(t *testing.T) {
	f := newFake(t)
	f.expect("reboot")
	require.NoError(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})))
	assert.Equal(t, []string{"reboot"}, f.acts)
	f.load("")
	f.acts, f.done["reboot"] = nil, errors.New("inhibited")
	require.ErrorContains(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})), "inhibited; nothing was rebooted; the kernel that was loaded is gone")
	assert.Equal(t, []string{"unload", "reboot"}, f.acts)
	f.there, f.acts, f.done["unload"] = true, nil, errors.New("busy")
	require.ErrorContains(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})), "could turn the reboot into a kexec: busy")
	assert.Equal(t, []string{"unload"}, f.acts)

	f = newFake(t)
	f.runInit(host.S6, "s6-svscan")
	f.expect("native reboot")
	require.NoError(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})))
	assert.Equal(t, []string{"native reboot"}, f.acts)
}

func TestCancel(t *testing.T) {
	for name, v := range map[string]struct {
		prepare func(*fake)
		kept    string
		acts    []string
	}{
		"nothing is loaded": {func(*fake) {}, "", []string{"cancel"}},
		"ours":              {func(f *fake) { f.load("") }, "", []string{"load", "cancel", "unload"}},
		"another program's": {func(f *fake) { f.there = true }, "loaded by another program", []string{"cancel"}},
		"interrupted": {func(f *fake) {
			f.load("")
			f.write(map[string]string{"run/kexec-bls/loaded.json.pending": "{}"})
		}, "a load was interrupted", []string{"load", "cancel"}},
	} {
		f := newFake(t)
		f.expect("cancel")
		v.prepare(f)
		kept, err := f.Cancel(t.Context(), loader.RebootOptions{})
		require.NoError(t, err, name)
		assert.True(t, strings.Contains(kept, v.kept) && (kept == "") == (v.kept == ""), "%s: %s", name, kept)
		assert.Equal(t, v.acts, f.acts, name)
	}
	f := newFake(t)
	f.load("")
	f.done["cancel"] = errors.New("no bus")
	_, err := f.Cancel(t.Context(), loader.RebootOptions{})
	require.ErrorContains(t, err, "no bus")
	assert.True(t, f.there)
}

func TestUnloadStale(t *testing.T) {
	f := newFake(t)
	stale := f.load("")
	f.load("other")
	gone, err := f.UnloadStale(t.Context(), stale)
	require.NoError(t, err)
	assert.False(t, gone, "another one has replaced it")
	assert.True(t, f.there)
	now, err := f.Receipt()
	require.NoError(t, err)
	gone, err = f.UnloadStale(t.Context(), now)
	require.NoError(t, err)
	assert.True(t, gone)
	assert.False(t, f.there)
}

// TestRefusedBeforeTheLoad: what systemd would refuse costs no loaded kernel.
func TestRefusedBeforeTheLoad(t *testing.T) {
	f := newFake(t)
	f.done["check"] = errors.New("inhibited")
	f.there = true
	p := f.plan("", loader.PlanOptions{})
	for name, does := range map[string]func() error{
		"reboot":   func() error { return f.Reboot(t.Context(), p, rebooting(reboot.Options{})) },
		"loaded":   func() error { return f.RebootLoaded(t.Context(), rebooting(reboot.Options{})) },
		"firmware": func() error { return f.RebootFirmware(t.Context(), rebooting(reboot.Options{})) },
	} {
		require.EqualError(t, does(), "inhibited; nothing was changed", name)
	}
	assert.Empty(t, f.acts)
	assert.True(t, f.there)
}
