package loader_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

func TestLoadInOrder(t *testing.T) {
	f := newFake(t)
	f.loading = func() {
		assert.Equal(t, []string{"loaded.json.pending", "lock"}, f.left("run/kexec-bls"), "before the call")
		_, err := state.Locker{Dir: f.RunDir, Timeout: time.Nanosecond}.Lock(t.Context())
		assert.ErrorIs(t, err, loader.ErrBusy, "the lock is held")
	}
	r := f.load("")
	assert.Equal(t, []string{"load"}, f.acts)
	assert.Equal(t, archive("b"), f.initrd)
	assert.Equal(t, "root=/dev/vda2 rw quiet", f.cmdline)
	assert.Equal(t, []string{"loaded.json", "lock"}, f.left("run/kexec-bls"))
	assert.EqualValues(t, "arch.conf", r.Entry)
	assert.EqualValues(t, "6.12.1", r.Release)
	assert.Equal(t, bootID, r.BootID)
	assert.False(t, r.Named)
	assert.Len(t, r.Files, 2)
	assert.EqualValues(t, f.path("esp/vmlinuz"), r.Files[0].Path)
	assert.NotContains(t, r.Files[1].SHA256, "00000000", "hashed")
	require.Len(t, r.Volumes, 1)
	assert.Equal(t, "esp", r.Volumes[0].Source)
	read, err := f.Receipt()
	require.NoError(t, err)
	assert.Equal(t, r.Cmdline, read.Cmdline)
	info, err := os.Stat(f.path("run/kexec-bls/loaded.json"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	lock, err := state.Locker{Dir: f.RunDir, Timeout: time.Nanosecond}.Lock(t.Context())
	require.NoError(t, err, "released")
	require.NoError(t, lock.Close())
}

// TestLoadUndoes holds the promise: after any failure the system is as it was, or
// the error says what is gone.
func TestLoadUndoes(t *testing.T) {
	const refused = "operation not permitted"
	for name, v := range map[string]struct {
		prepare func(*fake)
		want    string
		acts    []string
		kept    bool // what was loaded before
	}{
		"the kernel refuses": {func(f *fake) { f.done["load"] = &kexec.LoadError{Errno: unix.EPERM} }, refused, []string{"load"}, true},
		"not loaded afterwards": {
			func(f *fake) { f.Kernel.Loaded = func() (bool, error) { return len(f.acts) == 0 && f.there, nil } },
			"has none loaded", []string{"load", "unload"}, false,
		},
		"not known afterwards": {
			func(f *fake) { f.loading = func() { f.done["loaded"] = errors.New("no sysfs") } },
			"no sysfs", []string{"load", "unload"}, false,
		},
		"a file changes": {
			func(f *fake) { f.loading = func() { f.write(map[string]string{"esp/b.img": "an update"}) } },
			"b.img: the file changed while it was loaded", []string{"load", "unload"}, false,
		},
		"only the content changes": {
			func(f *fake) {
				f.loading = func() { f.write(map[string]string{"esp/b.img": strings.ToUpper(archive("b"))}) }
			},
			"b.img: the file changed while it was loaded", []string{"load", "unload"}, false,
		},
		"no room for the receipt": {
			func(f *fake) { f.link("/dev/full", "run/kexec-bls/loaded.json.pending") },
			"receipt: write " + "DIR/loaded.json.pending: no space left on device; nothing was loaded", nil, true,
		},
		"the receipt goes": {
			func(f *fake) {
				f.loading = func() { assert.NoError(f.t, os.Remove(f.path("run/kexec-bls/loaded.json.pending"))) }
			},
			"receipt: ", []string{"load", "unload"}, false,
		},
		"no room for the complete receipt": {
			func(f *fake) { f.loading = func() { f.link("/dev/full", "run/kexec-bls/loaded.json.pending") } },
			"no space left on device", []string{"load", "unload"}, false,
		},
		"no program kexec": {
			func(f *fake) {
				f.link("0123", "run/systemd/units/invocation:dracut-shutdown.service")
				f.write(map[string]string{"run/initramfs/usr": "no directory"})
			},
			"the shutdown needs a program kexec: ", []string{"load", "unload"}, false,
		},
	} {
		for _, before := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				f := newFake(t)
				p := f.plan("", loader.PlanOptions{})
				f.there = before
				v.prepare(f)
				_, err := f.Load(t.Context(), p, loader.LoadOptions{})
				require.ErrorContains(t, err, strings.ReplaceAll(v.want, "DIR", f.RunDir))
				assert.Equal(t, v.acts, f.acts)
				assert.Equal(t, before && v.kept, f.there)
				assert.Equal(t, before && !v.kept, strings.Contains(err.Error(), "the kernel that was loaded before is gone too"), err)
				assert.Equal(t, []string{"lock"}, f.left("run/kexec-bls"))
				assert.NoFileExists(t, f.path("var/lib/kexec-bls/next.json"))
			})
		}
	}
}

func TestRefusedLoadIsExplained(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"proc/sys/kernel/kexec_load_disabled": "1\n"})
	f.done["load"] = &kexec.LoadError{Errno: unix.EPERM}
	_, err := f.Load(t.Context(), f.plan("", loader.PlanOptions{}), loader.LoadOptions{})
	require.ErrorContains(t, err, "arch.conf: ")
	require.ErrorContains(t, err, "kexec_load_disabled")
	assert.NotEmpty(t, hint.Of(err))
	_, is := errors.AsType[*kexec.LoadError](err)
	assert.True(t, is)
}

// TestLoadPanics: a panic in the call unloads the image, and goes on.
func TestLoadPanics(t *testing.T) {
	f := newFake(t)
	p := f.plan("", loader.PlanOptions{})
	f.there = true
	f.loading = func() { panic("in the call") }
	assert.PanicsWithValue(t, "in the call", func() { _, _ = f.Load(t.Context(), p, loader.LoadOptions{}) })
	assert.Equal(t, []string{"unload"}, f.acts)
	assert.Equal(t, []string{"lock"}, f.left("run/kexec-bls"))
	f.loading = nil
	_, err := f.Load(t.Context(), p, loader.LoadOptions{})
	require.NoError(t, err, "the lock is released")
}

// TestUnloadRefused: what remains loaded keeps its receipt.
func TestUnloadRefused(t *testing.T) {
	f := newFake(t)
	f.load("")
	f.done["unload"] = errors.New("no more loads")
	u, err := f.Unload(t.Context())
	require.ErrorContains(t, err, "no more loads")
	assert.Equal(t, loader.Unloaded{Any: true, Name: "arch.conf"}, u)
	_, err = f.Receipt()
	require.NoError(t, err)
	f.loading = func() { f.write(map[string]string{"esp/b.img": "an update"}) }
	_, err = f.Load(t.Context(), f.plan("", loader.PlanOptions{}), loader.LoadOptions{})
	require.ErrorContains(t, err, "and it stays loaded: no more loads")
	_, err = f.Receipt()
	require.ErrorIs(t, err, state.ErrInterrupted, "neither receipt is true")
}

func TestUnload(t *testing.T) {
	f := newFake(t)
	u, err := f.Unload(t.Context())
	require.NoError(t, err)
	assert.Zero(t, u, "nothing was loaded")
	f.there = true
	u, err = f.Unload(t.Context())
	require.NoError(t, err)
	assert.Equal(t, loader.Unloaded{Any: true}, u, "another program's")
	f.load("other")
	u, err = f.Unload(t.Context())
	require.NoError(t, err)
	assert.Equal(t, loader.Unloaded{Any: true, Name: "other.conf"}, u)
	assert.Equal(t, []string{"lock"}, f.left("run/kexec-bls"))
	assert.NoFileExists(t, f.path("var/lib/kexec-bls/next.json"))
	loaded, err := f.IsLoaded()
	require.NoError(t, err)
	assert.False(t, loaded)
}

func TestLossyInitrd(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{
		"esp/text.img":                 "this is no archive",
		"esp/loader/entries/text.conf": "linux /vmlinuz\ninitrd /text.img\n",
	})
	p := f.plan("text", loader.PlanOptions{})
	_, err := f.Load(t.Context(), p, loader.LoadOptions{})
	lossy, is := errors.AsType[*loader.LossyError](err)
	require.True(t, is, err)
	require.Len(t, lossy.Findings, 1)
	require.ErrorContains(t, err, "text.conf: the kernel would lose files of the initrd:\n  ")
	assert.Empty(t, f.acts)
	for _, id := range []loader.FindingID{lossy.Findings[0].ID, loader.AllFindings} {
		_, err = f.Load(t.Context(), p, loader.LoadOptions{Ignore: []loader.FindingID{id}})
		require.NoError(t, err, id)
	}
	_, err = f.Load(t.Context(), p, loader.LoadOptions{Ignore: []loader.FindingID{"memory"}})
	require.Error(t, err)
}

func TestTooLittleMemory(t *testing.T) {
	f := newFake(t)
	p := f.plan("", loader.PlanOptions{})
	f.write(map[string]string{"proc/meminfo": "MemAvailable: 5 kB\nSwapFree: 1048576 kB\n"})
	_, err := f.Load(t.Context(), p, loader.LoadOptions{})
	require.ErrorContains(t, err, "MiB of memory, and 1 MiB are available")
	assert.NoDirExists(t, f.RunDir)
	_, err = f.Load(t.Context(), p, loader.LoadOptions{Ignore: []loader.FindingID{"memory"}})
	require.NoError(t, err)
}

// TestKexecIsInstalled: it is installed with the load and removed with it.
func TestKexecIsInstalled(t *testing.T) {
	f := newFake(t)
	f.link("0123", "run/systemd/units/invocation:dracut-shutdown.service")
	f.load("")
	b, err := os.ReadFile(f.path("run/initramfs/usr/bin/kexec"))
	require.NoError(t, err)
	assert.Equal(t, "a static program", string(b))
	_, err = f.Unload(t.Context())
	require.NoError(t, err)
	assert.NoFileExists(t, f.path("run/initramfs/usr/bin/kexec"))
}

// TestNoHistory is a /var that cannot be written: a warning, no failure.
func TestNoHistory(t *testing.T) {
	f := newFake(t)
	f.StateDir = filepath.Join(f.Program, "none")
	var warnings []string
	_, err := f.Load(t.Context(), f.plan("", loader.PlanOptions{}), loader.LoadOptions{OnWarning: func(w string) { warnings = append(warnings, w) }})
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "only by its command line")
}

// TestLoadNoCMA: the flag reaches the kernel, and a repetition of the load.
func TestLoadNoCMA(t *testing.T) {
	f := newFake(t)
	f.load("arch")
	assert.False(t, f.call.NoCMA)
	_, err := f.Load(t.Context(), f.plan("arch", loader.OptionsOf(loader.Request{NoCMA: true})), loader.LoadOptions{})
	require.NoError(t, err)
	assert.True(t, f.call.NoCMA)
	r, err := f.Receipt()
	require.NoError(t, err)
	assert.True(t, r.Request.NoCMA)
}

// TestKExecCount: where systemd counts kexecs it marks no entry after one, so that
// it need not be masked, as long as the count is handed over.
func TestKExecCount(t *testing.T) {
	for name, c := range map[string]struct {
		device  bool
		count   uint64
		cmdline string
		masked  bool
	}{
		"counted":               {true, 1, "kho=on", false},
		"never counted":         {true, 0, "kho=on", true},
		"not handed over":       {true, 1, "quiet", true},
		"without a live update": {false, 1, "kho=on", true},
		"live update off":       {true, 1, "kho=on liveupdate=off", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.setVar(bli.BootCountPath, `\\loader\\entries\\arch+3.conf`)
			f.kexecCount = c.count
			if c.device {
				f.write(map[string]string{"dev/liveupdate": ""})
				f.expect("get KExecCount")
			}
			p := f.plan("arch", loader.PlanOptions{Replace: &c.cmdline, KexecsCounted: f.KexecsCounted(t.Context())})
			if c.masked {
				assert.Contains(t, p.Cmdline(), loader.BlessMask)
			} else {
				assert.NotContains(t, p.Cmdline(), loader.BlessMask)
			}
		})
	}
}
