package loader_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// TestGuardThatFails: without a clear answer no reboot becomes a kexec.
func TestGuardThatFails(t *testing.T) {
	for name, prepare := range map[string]func(*fake){
		"a consent that stays":  func(f *fake) { f.write(map[string]string{consentFile + "/x": ""}) },
		"no sysfs":              func(f *fake) { f.done["loaded"] = errors.New("no sysfs") },
		"the unload is refused": func(f *fake) { f.done["unload"] = errors.New("refused"); f.setVar("LoaderEntryOneShot", "other.conf") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.load("arch")
			f.endsBy = "reboot"
			f.expect("ending")
			prepare(f)
			_, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
			require.Error(t, err)
			info, err := os.Lstat(f.path(consentFile))
			assert.True(t, errors.Is(err, os.ErrNotExist) || info.IsDir(), "no consent was given")
		})
	}
}

// TestGuardOfAnEmptyKexec: nothing is loaded, and systemd will say so itself.
func TestGuardOfAnEmptyKexec(t *testing.T) {
	f := newFake(t)
	f.endsBy = "kexec"
	f.expect("ending")
	reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
	require.NoError(t, err)
	assert.Empty(t, reasons)
	assert.NoFileExists(t, f.path(consentFile))
	assert.Empty(t, f.acts)
}

// TestGuardBesideALoad: another process that loads does not keep the kernel loaded
// where the firmware is needed.
func TestGuardBesideALoad(t *testing.T) {
	f := newFake(t)
	f.load("arch")
	f.setVar("LoaderEntryOneShot", "other.conf")
	lock, err := state.Locker{Dir: f.RunDir}.Lock(t.Context())
	require.NoError(t, err)
	defer lock.Close()
	f.acts, f.endsBy = nil, "reboot"
	f.expect("ending")
	reasons, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
	require.NoError(t, err)
	assert.Len(t, reasons, 1)
	assert.Equal(t, []string{"unload"}, f.acts)
	assert.False(t, f.there)
}

// TestGuardWithoutPartitions: boot partitions that cannot be read are no reason by
// themselves; what the variables have still counts.
func TestGuardWithoutPartitions(t *testing.T) {
	f := newFake(t)
	f.load("arch")
	f.endsBy = "reboot"
	f.expect("ending")
	reasons, err := f.GuardReboot(t.Context(), nil, loader.GuardOptions{})
	require.NoError(t, err)
	assert.Empty(t, reasons)
	f.setVar("LoaderEntryOneShot", "other.conf")
	reasons, err = f.GuardReboot(t.Context(), nil, loader.GuardOptions{})
	require.NoError(t, err)
	assert.Len(t, reasons, 1)
}

// TestTryGivesTheWatchdogBack: systemd has it again as before the trial, and one that
// cannot be stopped is not left without anybody who pings it.
func TestTryGivesTheWatchdogBack(t *testing.T) {
	for name, tt := range map[string]struct {
		runtime uint64 // microseconds, before the trial
		files   map[string]string
		want    string
	}{
		"not used":                {0, nil, ""},
		"used":                    {30_000_000, nil, "set RuntimeWatchdogUSec 30000000"},
		"cannot be stopped":       {0, map[string]string{"sys/class/watchdog/watchdog0/nowayout": "1\n"}, "set RuntimeWatchdogUSec 60000000"},
		"used, and not stopped":   {30_000_000, map[string]string{"sys/class/watchdog/watchdog0/nowayout": "1\n"}, "set RuntimeWatchdogUSec 30000000"},
		"another cannot be":       {0, map[string]string{"sys/class/watchdog/watchdog1/nowayout": "1\n", "sys/class/watchdog/watchdog1/identity": "other\n"}, ""},
		"it cannot be, and fails": {0, map[string]string{"sys/class/watchdog/watchdog0/nowayout": "1\n"}, "set RuntimeWatchdogUSec 60000000"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTried(t)
			f.kexecCount = tt.runtime
			f.expect("set RuntimeWatchdogUSec 30000000", "set RuntimeWatchdogUSec 60000000", "set KExecWatchdogUSec 30000000")
			require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
			f.boot(true)
			f.write(tt.files)
			f.acts = nil
			var warned []error
			if name == "it cannot be, and fails" {
				f.done[tt.want] = errors.New("no bus")
			}
			tr := f.follow(loader.FollowOptions{OnWarning: func(err error) { warned = append(warned, err) }})
			assert.Equal(t, state.TrialSucceeded, tr.Outcome)
			assert.Contains(t, f.acts, "release")
			if tt.want == "" {
				assert.NotContains(t, f.acts, "set RuntimeWatchdogUSec 30000000")
				assert.NotContains(t, f.acts, "set RuntimeWatchdogUSec 60000000")
			} else {
				assert.Contains(t, f.acts, tt.want)
			}
			assert.Equal(t, name == "it cannot be, and fails", len(warned) > 0)
		})
	}
}

// TestTryNeedsSystemd, and an entry of a boot partition.
func TestTryNeedsSystemd(t *testing.T) {
	f := newTried(t)
	require.NoError(t, os.RemoveAll(f.path("run/systemd")))
	_, found, ok := f.Try(f.try(loader.TryOptions{}))
	require.True(t, ok)
	require.NotEmpty(t, found)
	assert.EqualValues(t, "try-unit", found[0].ID)
	assert.Contains(t, found[0].Text, "systemd does not run here")

	f = newTried(t)
	p, err := loader.NewFilePlan(t.Context(), f.Host, f.path("esp/vmlinuz"), nil, loader.PlanOptions{Try: &loader.TryOptions{}})
	require.NoError(t, err)
	_, found, ok = f.Try(p)
	require.True(t, ok)
	assert.EqualValues(t, "try-no-fallback", found[0].ID)
	assert.Contains(t, found[0].Text, "named one by one")
	require.NoError(t, p.Close())
}

// TestTryFallbackThatCannotBoot is refused by name, before anything is changed.
func TestTryFallbackThatCannotBoot(t *testing.T) {
	f := newTried(t)
	f.write(map[string]string{
		"esp/loader/entries/gone.conf": "linux /gone\n", "esp/loader/entries/used+0-3.conf": "linux /old\n", "esp/loader/entries/cut.conf": "linux /cut\n", "esp/cut": kernelOf("6.1.0")[:3000],
	})
	for name, want := range map[string]string{"gone.conf": "/gone: no such file", "used.conf": "no boot attempts left", "cut.conf": "cut short"} {
		try, found, _ := f.Try(f.try(loader.TryOptions{Fallback: name}))
		assert.Nil(t, try.Fallback, name)
		require.NotEmpty(t, found, name)
		assert.EqualValues(t, "try-no-fallback", found[0].ID)
		assert.Contains(t, found[0].Text, want)
	}
}

// TestUnloadBesideALoad: who comes second changes nothing.
func TestUnloadBesideALoad(t *testing.T) {
	f := newFake(t)
	f.load("arch")
	lock, err := state.Locker{Dir: f.RunDir}.Lock(t.Context())
	require.NoError(t, err)
	f.acts = nil
	_, err = f.Unload(t.Context())
	require.ErrorIs(t, err, loader.ErrBusy)
	_, err = f.Load(t.Context(), f.plan("other", loader.PlanOptions{}), loader.LoadOptions{})
	require.ErrorIs(t, err, loader.ErrBusy)
	assert.ErrorContains(t, err, "other.conf: ")
	assert.Empty(t, f.acts)
	assert.True(t, f.there)
	require.NoError(t, lock.Close())
}

// TestLoadWarns of what differs from what the entry asks for.
func TestLoadWarns(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/text.img": "no archive", "esp/loader/entries/two.conf": "linux /vmlinuz\ninitrd /text.img\n"})
	var warned []string
	opt := loader.LoadOptions{Ignore: []loader.FindingID{loader.AllFindings}, OnWarning: func(text string) { warned = append(warned, text) }}
	_, err := f.Load(t.Context(), f.plan("two", loader.PlanOptions{Flat: true}), opt)
	require.NoError(t, err)
	require.NotEmpty(t, warned)
	assert.Contains(t, warned[0], "joined instead")
}

// TestLoadEndsWithItsContext: nothing was given to the kernel.
func TestLoadEndsWithItsContext(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	p := f.plan("arch", loader.PlanOptions{Flat: true})
	cancel()
	_, err := f.Load(ctx, p, loader.LoadOptions{})
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, f.acts)
	assert.NoFileExists(t, filepath.Join(f.RunDir, "loaded.json"))
}
