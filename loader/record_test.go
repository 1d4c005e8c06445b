package loader_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

const efibcJunk = "kexec reboot"

// nextBoot makes the machine the one after a reboot: by kexec into what is
// loaded, or through the firmware.
func (f *fake) nextBoot(kexeced bool) {
	f.t.Helper()
	files := map[string]string{"proc/sys/kernel/random/boot_id": "99999999\n", "proc/sys/kernel/bootloader_type": "114\n"}
	if kexeced {
		files["proc/sys/kernel/bootloader_type"] = "208\n"
		files["proc/cmdline"], files["proc/sys/kernel/osrelease"] = f.cmdline+"\n", "6.12.1\n"
	}
	f.write(files)
	require.NoError(f.t, os.RemoveAll(f.RunDir))
	f.there, f.acts = false, nil
	f.expect("reached")
}

func TestBooted(t *testing.T) {
	f := newFake(t)
	f.expect(kexecOther)
	require.NoError(t, f.reboot("other", reboot.Options{}))
	f.nextBoot(true)
	f.reached = time.Now().Add(12 * time.Second)
	r := f.Booted(t.Context())
	assert.Empty(t, r.Warnings)
	assert.False(t, r.Missed)
	assert.Empty(t, r.Restored)
	require.NotNil(t, r.Boot.Image)
	assert.EqualValues(t, "other.conf", r.Boot.Image.Entry)
	assert.InDelta(t, 12, r.Boot.Seconds(), 2)
	assert.Equal(t, []string{"boot.json"}, f.left("var/lib/kexec-bls"))
	require.NotNil(t, r.Boot.Entry())
	assert.Equal(t, "other.conf", *r.Boot.Entry())
}

// TestMissedKexec is one that was requested, and the firmware ran instead.
func TestMissedKexec(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch)
	require.NoError(t, f.reboot("", reboot.Options{}))
	f.nextBoot(false)
	r := f.Booted(t.Context())
	assert.True(t, r.Missed)
	assert.Nil(t, r.Boot.Image)
	assert.Nil(t, r.Boot.Entry())
	assert.False(t, f.Booted(t.Context()).Missed, "reported once")
}

// TestOneShotSurvives a kexec into another entry, and the kernel's efibc.
func TestOneShotSurvives(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch)
	f.setVar("LoaderEntryOneShot", "other-entry.conf")
	// Not shorter than what efibc writes: only efivarfs cuts a file by a write.
	before := f.variable("LoaderEntryOneShot")
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	f.setVar("LoaderEntryOneShot", efibcJunk)
	f.nextBoot(true)
	r := f.Booted(t.Context())
	assert.Empty(t, r.Warnings)
	assert.Contains(t, r.Restored, "restored the one-shot entry other-entry.conf")
	assert.Equal(t, before, f.variable("LoaderEntryOneShot"))
}

func TestOnlyJunkIsCleared(t *testing.T) {
	f := newFake(t)
	f.expect("reached")
	for _, text := range []string{"other.conf", "kexec", "Kexec reboot", "kexec reboot.conf"} {
		f.setVar("LoaderEntryOneShot", text)
		before := f.variable("LoaderEntryOneShot")
		assert.Empty(t, f.Booted(t.Context()).Restored)
		assert.Equal(t, before, f.variable("LoaderEntryOneShot"))
	}
	f.setVar("LoaderEntryOneShot", efibcJunk)
	// No other variable is ever written.
	f.write(map[string]string{"var/lib/kexec-bls/end.json": `{"schema":1,"bootId":"x","kind":"kexec","oneShot":{"name":"BootOrder","attributes":7,"data":"YQA="}}`})
	assert.Contains(t, f.Booted(t.Context()).Restored, `cleared "kexec reboot"`)
	assert.Equal(t, []string{}, f.left("efivars"))
}

func TestShuttingDown(t *testing.T) {
	f := newFake(t)
	f.expect("ending")
	for _, f.endsBy = range []string{"", "poweroff", "halt"} {
		require.NoError(t, f.ShuttingDown(t.Context(), loader.LoadOptions{}))
		assert.NoDirExists(t, f.StateDir, f.endsBy)
	}
	f.endsBy = "reboot"
	require.NoError(t, f.ShuttingDown(t.Context(), loader.LoadOptions{}))
	assert.Equal(t, []string{"end.json"}, f.left("var/lib/kexec-bls"))
	f.nextBoot(false)
	f.reached = time.Now().Add(40 * time.Second)
	r := f.Booted(t.Context())
	assert.False(t, r.Missed)
	require.NotNil(t, r.Boot.Firmware, "kept for comparison")
	assert.InDelta(t, 40, r.Boot.Firmware.Seconds, 2)

	f.done["ending"], f.endsBy = errors.New("no bus"), "kexec"
	f.setVar("LoaderEntryOneShot", "other.conf")
	require.ErrorContains(t, f.ShuttingDown(t.Context(), loader.LoadOptions{}), "no bus")
	f.setVar("LoaderEntryOneShot", efibcJunk)
	f.nextBoot(true)
	assert.Contains(t, f.Booted(t.Context()).Restored, "other.conf", "recorded all the same")
}

// TestEfibcIsUnloaded where it is a module, and loaded again when the reboot is
// refused.
func TestEfibcIsUnloaded(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"sys/module/efibc/initstate": "live\n"})
	f.expect(kexecArch, "rmmod efibc", "modprobe efibc")
	require.NoError(t, f.reboot("", reboot.Options{}))
	assert.Equal(t, []string{"load", "rmmod efibc", kexecArch}, f.acts)
	f.acts, f.done[kexecArch] = nil, errors.New("inhibited")
	require.Error(t, f.reboot("", reboot.Options{}))
	assert.Equal(t, []string{"load", "rmmod efibc", kexecArch, "modprobe efibc", "unload"}, f.acts)
	f.acts, f.done[kexecArch], f.done["rmmod efibc"] = nil, nil, errors.New("in use")
	require.NoError(t, f.reboot("", reboot.Options{}), "no reason not to reboot")
	require.NoError(t, os.Remove(f.path("sys/module/efibc/initstate")))
	f.acts = nil
	require.NoError(t, f.reboot("", reboot.Options{}))
	assert.Equal(t, []string{"load", kexecArch}, f.acts, "built in")
}

// TestScheduledReboot leaves the rest to the unit that records, where it is
// active.
func TestScheduledReboot(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"sys/module/efibc/initstate": "live\n"})
	f.expect(kexecArch, "rmmod efibc")
	require.NoError(t, f.reboot("", reboot.Options{When: "+1h"}))
	assert.Equal(t, []string{"load", "rmmod efibc", kexecArch}, f.acts)
	assert.NotContains(t, f.left("var/lib/kexec-bls"), "end.json", "the time is not known")
	f.link("0123", "run/systemd/units/invocation:kexec-bls-boot.service")
	f.acts = nil
	require.NoError(t, f.reboot("", reboot.Options{When: "+1h"}))
	assert.Equal(t, []string{"load", kexecArch}, f.acts)
}

func TestDamagedRecords(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"var/lib/kexec-bls/end.json": "{", "var/lib/kexec-bls/boot.json": "{"})
	f.done["reached"] = errors.New("no bus")
	r := f.Booted(t.Context())
	assert.Equal(t, bootID, r.Boot.BootID)
	require.ErrorContains(t, errors.Join(r.Warnings...), "end.json: unexpected EOF")
	require.ErrorContains(t, errors.Join(r.Warnings...), "no bus")
	assert.Equal(t, []string{"boot.json"}, f.left("var/lib/kexec-bls"))
	f.expect("reached")
	assert.Empty(t, f.Booted(t.Context()).Warnings, "once")
}
