package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// TestInterruptedLoad: after a kill in the middle nobody says "fresh", and the
// next load fixes it.
func TestInterruptedLoad(t *testing.T) {
	f, esp := newFake(t, archFiles())
	state := func() (int, report.Status) {
		got := f.run("status", "--json=short", "--esp-path="+esp)
		var r report.Status
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &r), got.stderr)
		return got.code, r
	}
	require.Equal(t, exitDone, f.run("load", "other", "--esp-path="+esp).code)
	f.loading = func() {
		assert.FileExists(t, filepath.Join(f.machine.RunDir, "loaded.json.pending"), "before the system call")
		code, r := state()
		assert.Equal(t, exitForeign, code)
		assert.Contains(t, r.Reasons[0].Text, "under way")
		pending := fileOrEmpty(t, filepath.Join(f.machine.RunDir, "loaded.json.pending"))
		write(t, f.machine.RunDir, map[string]string{"killed": pending})
	}
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	f.loading = nil
	require.NoError(t, os.Rename(filepath.Join(f.machine.RunDir, "killed"), filepath.Join(f.machine.RunDir, "loaded.json.pending")))

	code, r := state()
	assert.Equal(t, exitForeign, code)
	assert.Equal(t, loader.Foreign, r.State)
	assert.Contains(t, r.Reasons[0].Text, "a load was interrupted")
	got := f.run("status", "--esp-path="+esp)
	assert.Contains(t, got.stdout, "loaded   not known which kernel\n         a load was interrupted")
	assert.Contains(t, f.run("reboot", "--when=cancel").stderr, "the loaded kernel remains loaded: a load was interrupted")

	f.fail["load"] = &kexec.LoadError{Errno: unix.EPERM}
	require.Equal(t, exitKernel, f.run("load", "--esp-path="+esp).code)
	code, _ = state()
	assert.Equal(t, exitForeign, code, "a refused load makes no old receipt true again")
	f.fail["load"] = nil
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	code, r = state()
	assert.Equal(t, exitDone, code)
	assert.EqualValues(t, "arch.conf", r.Loaded.Entry.ID)
	assert.NoFileExists(t, filepath.Join(f.machine.RunDir, "loaded.json.pending"))
}

// TestReceiptThatCannotBeWritten: nothing is loaded then.
func TestReceiptThatCannotBeWritten(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("load", "other", "--esp-path="+esp).code)
	require.NoError(t, os.Symlink("/dev/full", filepath.Join(f.machine.RunDir, "loaded.json.pending")))
	f.acts = nil
	got := f.run("load", "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "no space left on device; nothing was loaded")
	assert.Empty(t, f.acts)
	assert.True(t, f.isThere)

	f, esp = newFake(t, archFiles())
	write(t, f.dir, map[string]string{"run/kexec-bls": "a file"})
	assert.Equal(t, exitFailed, f.run("load", "--esp-path="+esp).code)
	assert.Equal(t, exitFailed, f.run("unload").code)
	assert.Empty(t, f.acts)
}

// TestUnloadRefused: what stays loaded keeps its receipt.
func TestUnloadRefused(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.fail["unload"] = &kexec.LoadError{Errno: unix.EPERM, Call: "unload"}
	f.machine.Kernel.Unload = func() error { return f.act("unload") }
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	assert.Equal(t, exitKernel, f.run("unload").code)
	assert.Equal(t, exitDone, f.run("status", "--esp-path="+esp).code)

	f.fail["systemctl"] = errors.New("inhibited")
	got := f.run("reboot", "other", "--esp-path="+esp)
	assert.Contains(t, got.stderr, "inhibited; nothing was rebooted; and it stays loaded: unload: operation not permitted")
	r, err := f.machine.Receipt()
	require.NoError(t, err)
	assert.EqualValues(t, "other.conf", r.Entry)

	f.loading = func() { write(t, esp, map[string]string{"b.img": "changed"}) }
	assert.Contains(t, f.run("load", "--esp-path="+esp).stderr, "changed while it was loaded; and it stays loaded: unload: operation not permitted; try again when the update that writes it has ended")
	assert.Equal(t, exitForeign, f.run("status", "--esp-path="+esp).code, "neither receipt is true")
}

// TestOneAtATime: all that change what is loaded, or count on it, wait for
// each other.
func TestOneAtATime(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	f.machine.LockTimeout = time.Millisecond
	// The machine sees this process and its lock.
	self := strconv.Itoa(os.Getpid())
	for _, name := range []string{"locks", self} {
		require.NoError(t, os.Symlink("/proc/"+name, filepath.Join(f.dir, "proc", name)))
	}
	lock, err := state.Locker{Dir: f.machine.RunDir}.Lock(t.Context())
	require.NoError(t, err)
	f.acts = nil
	for _, args := range [][]string{{"load", "--esp-path=" + esp}, {"unload"}, {"reboot", "--loaded"}} {
		got := f.run(args...)
		assert.Equal(t, exitKernel, got.code)
		assert.Regexp(t, `device or resource busy: process \d+ \(.*\) is loading or rebooting; try again when it has ended`, got.stderr)
	}
	assert.Empty(t, f.acts)
	assert.Equal(t, exitDone, f.run("status", "--esp-path="+esp).code, "who only looks need not wait")
	require.NoError(t, lock.Close())
	require.Equal(t, exitDone, f.run("unload").code)

	for _, args := range [][]string{{"reboot", "--esp-path=" + esp}, {"reboot", "--loaded"}} {
		f.ending = func() {
			lock, err := state.Locker{Dir: f.machine.RunDir}.Lock(canceled(t))
			if !assert.Error(t, err, "held until systemd has accepted") {
				_ = lock.Close()
			}
		}
		require.Equal(t, exitDone, f.run(args...).code)
	}
	lock, err = state.Locker{Dir: f.machine.RunDir}.Lock(t.Context())
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestTooLittleMemory: a load that would end badly is not begun.
func TestTooLittleMemory(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, filepath.Join(f.dir, "proc"), map[string]string{"meminfo": "MemAvailable: 5 kB\nSwapFree: 1048576 kB\n"})
	got := f.run("load", "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Regexp(t, `arch.conf: loading needs \d+ MiB of memory, and 1 MiB are available; stop something large first.*; override: --ignore=memory`, got.stderr)
	assert.Empty(t, f.acts)
	assert.Equal(t, exitBlocked, f.run("check", "--esp-path="+esp).code, "the same verdict")
	assert.Equal(t, exitBlocked, f.run("reboot", "--esp-path="+esp).code)
	assert.Equal(t, exitDone, f.run("load", "--ignore=memory", "--esp-path="+esp).code)
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[check]\nignore = [\"memory\"]\n"})
	assert.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
}

// TestRebootLoadedIsChecked: what is found about the machine counts, what only
// a load could fail by does not.
func TestRebootLoadedIsChecked(t *testing.T) {
	f, esp := newChecked(t, archFiles())
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	f.acts = nil
	f.lay(t, map[string]string{"proc/sys/kernel/kexec_load_disabled": "1\n", "proc/meminfo": "MemAvailable: 1 kB\n", "sys/kernel/kexec_crash_size": "4096\n"})
	got := f.run("reboot", "--loaded")
	assert.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stderr, "[kdump-lost]", "by the receipt's command line")
	assert.Equal(t, []string{"systemctl kexec into arch.conf"}, f.acts)

	units := filepath.Join(f.dir, "etc/systemd/system")
	require.NoError(t, os.MkdirAll(units, 0o755))
	require.NoError(t, os.Symlink("/dev/null", filepath.Join(units, "kexec.target")))
	f.acts = nil
	for _, args := range [][]string{{"reboot", "--loaded"}, {"reboot", "--loaded", "--dry-run"}} {
		got = f.run(args...)
		assert.Equal(t, exitBlocked, got.code)
		assert.Contains(t, got.stderr, "not rebooting into arch.conf, 1 blocker (override: --ignore=kexec-target):\n  ")
	}
	assert.Empty(t, f.acts)
	assert.Equal(t, exitDone, f.run("reboot", "--loaded", "--ignore=kexec-target").code)

	f, _ = newChecked(t, archFiles())
	f.isThere = true // by somebody else
	f.lay(t, map[string]string{"sys/kernel/kexec_crash_size": "4096\n"})
	got = f.run("reboot", "--loaded")
	assert.Equal(t, exitDone, got.code, got.stderr)
	assert.NotContains(t, got.stderr, "kdump-lost", "of another's command line nothing is known")
}
