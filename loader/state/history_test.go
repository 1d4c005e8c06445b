package state_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/state"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// after returns a time of the day after noon, never no time.
func after(d time.Duration) func() time.Time { return func() time.Time { return noon.Add(d) } }
func never() time.Time                       { return time.Time{} }

// second is the boot after "one", 30 s after its end.
func second() state.RunningSystem {
	return state.RunningSystem{BootID: "two", Cmdline: "root=/dev/vda2 quiet", Release: "6.12.1", Kexeced: true, Started: after(30 * time.Second)}
}

func loadedBefore() state.Receipt {
	return state.Receipt{Schema: 1, BootID: "one", Entry: "arch.conf", Release: "6.12.1", Cmdline: "root=/dev/vda2 quiet", Time: noon}
}

func end() state.ShutdownRecord {
	return state.ShutdownRecord{Schema: 1, BootID: "one", Kind: "kexec", Requested: noon}
}

func kept(t *testing.T) state.History {
	return state.History{Dir: filepath.Join(t.TempDir(), "lib/kexec-bls")}
}

func TestHistoryIsRootsAlone(t *testing.T) {
	h := kept(t)
	require.NoError(t, h.SaveNext(loadedBefore()))
	require.NoError(t, h.SaveShutdown(end()))
	require.NoError(t, h.SaveBoot(state.Boot{}))
	for name, want := range map[string]os.FileMode{"": 0o700, "next.json": 0o600, "end.json": 0o600, "boot.json": 0o600} {
		info, err := os.Stat(filepath.Join(h.Dir, name))
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().Perm(), name)
	}
	left, err := filepath.Glob(filepath.Join(h.Dir, ".*"))
	require.NoError(t, err)
	assert.Empty(t, left, "no half-written file")
}

func TestNothingIsKnown(t *testing.T) {
	h := kept(t)
	b, err := h.Boot(second())
	require.NoError(t, err)
	assert.Equal(t, state.Boot{Schema: 1, BootID: "two", Kexeced: true}, b)
	e, err := h.Shutdown()
	require.NoError(t, err)
	assert.Zero(t, e)
	require.NoError(t, h.DropNext("one"))
	require.NoError(t, h.DropShutdown())
	assert.NoDirExists(t, h.Dir, "a look makes nothing")
}

func TestBootIsRecognised(t *testing.T) {
	for name, v := range map[string]struct {
		next, end, now  func(*state.Receipt, *state.ShutdownRecord, *state.RunningSystem)
		image, requests bool
	}{
		"all of it":    {image: true, requests: true},
		"firmware":     {now: func(_ *state.Receipt, _ *state.ShutdownRecord, n *state.RunningSystem) { n.Kexeced = false }},
		"another line": {now: func(_ *state.Receipt, _ *state.ShutdownRecord, n *state.RunningSystem) { n.Cmdline += " single" }, requests: true},
		"quotes moved": {now: func(_ *state.Receipt, _ *state.ShutdownRecord, n *state.RunningSystem) {
			n.Cmdline = `"root=/dev/vda2 quiet"`
		}, requests: true},
		"blanks": {now: func(_ *state.Receipt, _ *state.ShutdownRecord, n *state.RunningSystem) {
			n.Cmdline = "  root=/dev/vda2\tquiet \n"
		}, image: true, requests: true},
		"another kernel":   {now: func(_ *state.Receipt, _ *state.ShutdownRecord, n *state.RunningSystem) { n.Release = "6.1.0" }, requests: true},
		"no version known": {next: func(r *state.Receipt, _ *state.ShutdownRecord, _ *state.RunningSystem) { r.Release = "" }, image: true, requests: true},
		"of this boot":     {next: func(r *state.Receipt, _ *state.ShutdownRecord, _ *state.RunningSystem) { r.BootID = "two" }, requests: true},
		"of no boot":       {next: func(r *state.Receipt, _ *state.ShutdownRecord, _ *state.RunningSystem) { r.BootID = "" }, requests: true},
		"end of this boot": {end: func(_ *state.Receipt, e *state.ShutdownRecord, _ *state.RunningSystem) { e.BootID = "two" }, image: true},
		"another kind":     {end: func(_ *state.Receipt, e *state.ShutdownRecord, _ *state.RunningSystem) { e.Kind = "reboot" }, image: true},
		"long ago": {end: func(_ *state.Receipt, e *state.ShutdownRecord, _ *state.RunningSystem) {
			e.Requested = noon.Add(-time.Hour)
		}, image: true},
		"in the future": {end: func(_ *state.Receipt, e *state.ShutdownRecord, _ *state.RunningSystem) {
			e.Requested = noon.Add(2 * time.Minute)
		}, image: true},
		"a clock a bit back": {end: func(_ *state.Receipt, e *state.ShutdownRecord, _ *state.RunningSystem) {
			e.Requested = noon.Add(time.Minute)
		}, image: true, requests: true},
		"no time":         {end: func(_ *state.Receipt, e *state.ShutdownRecord, _ *state.RunningSystem) { e.Requested = time.Time{} }, image: true},
		"start not known": {now: func(_ *state.Receipt, _ *state.ShutdownRecord, n *state.RunningSystem) { n.Started = never }, image: true, requests: true},
	} {
		h, r, e, n := kept(t), loadedBefore(), end(), second()
		for _, change := range []func(*state.Receipt, *state.ShutdownRecord, *state.RunningSystem){v.next, v.end, v.now} {
			if change != nil {
				change(&r, &e, &n)
			}
		}
		require.NoError(t, h.SaveNext(r))
		require.NoError(t, h.SaveShutdown(e))
		b, err := h.Boot(n)
		require.NoError(t, err, name)
		assert.Equal(t, v.image, b.Image != nil, name)
		assert.Equal(t, v.requests, !b.Requested.IsZero(), name)
	}
}

func TestSettleOnce(t *testing.T) {
	h := kept(t)
	require.NoError(t, h.SaveNext(loadedBefore()))
	require.NoError(t, h.SaveShutdown(end()))
	b, err := h.Settle(second())
	require.NoError(t, err)
	require.NotNil(t, b.Image)
	assert.NoFileExists(t, filepath.Join(h.Dir, "next.json"), "it has been used up")

	again := loadedBefore()
	again.BootID, again.Entry = "two", "other.conf"
	require.NoError(t, h.SaveNext(again))
	b, err = h.Settle(second())
	require.NoError(t, err)
	assert.EqualValues(t, "arch.conf", b.Image.Entry, "what this boot loads says nothing of it")
	assert.FileExists(t, filepath.Join(h.Dir, "next.json"))
	require.NoError(t, h.DropNext("one"))
	assert.FileExists(t, filepath.Join(h.Dir, "next.json"), "another boot's")
	require.NoError(t, h.DropNext("two"))
	assert.NoFileExists(t, filepath.Join(h.Dir, "next.json"))
}

func TestArrive(t *testing.T) {
	h := kept(t)
	require.NoError(t, h.SaveShutdown(state.ShutdownRecord{BootID: "zero", Kind: "reboot", Requested: noon}))
	first := state.RunningSystem{BootID: "one", Started: after(20 * time.Second)}
	b, err := h.Arrive(first, noon.Add(50*time.Second))
	require.NoError(t, err)
	assert.InDelta(t, 50, b.Seconds(), 0.001)
	assert.Equal(t, &state.RebootDuration{Requested: noon, Seconds: 50}, b.Firmware)
	b, err = h.Arrive(first, noon.Add(80*time.Second))
	require.NoError(t, err)
	assert.InDelta(t, 50, b.Seconds(), 0.001, "the first record counts")

	require.NoError(t, h.SaveNext(loadedBefore()))
	require.NoError(t, h.SaveShutdown(end()))
	b, err = h.Arrive(second(), noon.Add(42*time.Second))
	require.NoError(t, err)
	assert.InDelta(t, 42, b.Seconds(), 0.001)
	assert.InDelta(t, 50, b.Firmware.Seconds, 0.001, "kept for comparison")

	third := second()
	third.BootID, third.Kexeced = "three", false
	b, err = h.Arrive(third, noon.Add(time.Hour))
	require.NoError(t, err)
	assert.Zero(t, b.Seconds(), "the start is not known")
	assert.InDelta(t, 50, b.Firmware.Seconds, 0.001)
	assert.Equal(t, &state.RebootDuration{Requested: noon, Seconds: 42}, b.Kexec, "the last one")
}

// TestHostileHistory is a directory with other things in it: an error, no
// belief, no hang.
func TestHostileHistory(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	text, err := json.Marshal(loadedBefore())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(secret, text, 0o600))
	for name, put := range map[string]func(path string) error{
		"cut short": func(p string) error { return os.WriteFile(p, text[:len(text)-2], 0o600) },
		"a number":  func(p string) error { return os.WriteFile(p, []byte("7"), 0o600) },
		"empty":     func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"a link":    func(p string) error { return os.Symlink(secret, p) },
		"a FIFO":    func(p string) error { return unix.Mkfifo(p, 0o600) },
		"directory": func(p string) error { return os.Mkdir(p, 0o700) },
	} {
		h := kept(t)
		require.NoError(t, os.MkdirAll(h.Dir, 0o700))
		for _, file := range []string{"next.json", "end.json", "boot.json"} {
			require.NoError(t, put(filepath.Join(h.Dir, file)))
		}
		b, err := h.Boot(second())
		assert.Error(t, err, name)
		assert.Nil(t, b.Image, name)
		assert.Zero(t, b.Requested, name)
		assert.Equal(t, "two", b.BootID)
		e, err := h.Shutdown()
		assert.Error(t, err)
		assert.Zero(t, e)
	}
}

func FuzzHistory(f *testing.F) {
	for _, v := range []any{loadedBefore(), end(), state.Boot{BootID: "two", Firmware: &state.RebootDuration{Seconds: 3}}} {
		b, err := json.Marshal(v)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte(`{"bootId":"two","image":null,"requested":"0001-01-01T00:00:00Z"}`))
	f.Add([]byte("{}\n{}"))
	f.Add([]byte(`{"schema":1,"bootId":"one","kind":"kexec","requested":"2026-11-23T12:00@00Z"}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		h := state.History{Dir: dir}
		for _, name := range []string{"next.json", "end.json", "boot.json"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
		if e, err := h.Shutdown(); err != nil {
			assert.Zero(t, e)
		}
		b, err := h.Boot(second())
		assert.Equal(t, "two", b.BootID)
		if err != nil {
			return
		}
		assert.GreaterOrEqual(t, b.Seconds(), 0.0)
		if h.SaveBoot(b) != nil {
			return // a year beyond 9999 or so
		}
		again, err := h.Boot(second())
		assert.NoError(t, err)
		assert.Equal(t, b.Seconds(), again.Seconds())
		assert.Equal(t, b.Image == nil, again.Image == nil)
	})
}

// TestMissed is a kexec after which firmware started the machine. That of a trial
// has an outcome of its own.
func TestMissed(t *testing.T) {
	h, now := kept(t), second()
	now.Kexeced, now.Firmware = false, true
	require.NoError(t, h.SaveNext(loadedBefore()))
	require.NoError(t, h.SaveShutdown(end()))
	b, err := h.Boot(now)
	require.NoError(t, err)
	require.NotNil(t, b.Missed)
	assert.Equal(t, noon, b.Missed.Requested)
	assert.EqualValues(t, "arch.conf", b.Missed.Image.Entry)

	now.Firmware = false
	b, err = h.Boot(now)
	require.NoError(t, err)
	assert.Nil(t, b.Missed, "not known how it was started")

	now.Firmware = true
	require.NoError(t, os.WriteFile(filepath.Join(h.Dir, "try.json"), []byte(`{"schema":1,"bootId":"one"}`), 0o600))
	b, err = h.Boot(now)
	require.NoError(t, err)
	assert.Nil(t, b.Missed, "a trial")
}
