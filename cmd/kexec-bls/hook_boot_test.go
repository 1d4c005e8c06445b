package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// next is the boot after this one: what is loaded is gone, /run is empty.
func (f *fake) next(t *testing.T, kexeced bool) {
	t.Helper()
	kind := "114\n"
	if kexeced {
		kind = "208\n"
		write(t, filepath.Join(f.dir, "proc"), map[string]string{"cmdline": f.cmdline + "\n", "sys/kernel/osrelease": "6.12.1\n"})
	}
	id, err := os.ReadFile(filepath.Join(filepath.Join(f.dir, "proc"), "sys/kernel/random/boot_id"))
	require.NoError(t, err)
	write(t, filepath.Join(f.dir, "proc"), map[string]string{
		"sys/kernel/bootloader_type": kind, "uptime": "0.50 0.10\n",
		"sys/kernel/random/boot_id": "1" + strings.TrimSpace(string(id))[:35] + "\n",
	})
	require.NoError(t, os.RemoveAll(f.machine.RunDir))
	f.isThere, f.acts, f.endsBy = false, nil, ""
	f.upSince = time.Now().Add(12 * time.Second)
}

func (f *fake) variable(name string) string {
	text, err := efivar.Vars{Dir: f.efivars}.Loader(name)
	if err != nil {
		return "absent"
	}
	return text
}

func (f *fake) history() state.History { return state.History{Dir: f.machine.StateDir} }

// left are the files that wait for the next boot.
func (f *fake) left() []string {
	var names []string
	files, _ := filepath.Glob(filepath.Join(f.machine.StateDir, "*"))
	for _, file := range files {
		names = append(names, filepath.Base(file))
	}
	return names
}

// TestAfterTheKexec follows a reboot into an entry that neither LoaderEntrySelected
// nor the command line alone would tell.
func TestAfterTheKexec(t *testing.T) {
	files := archFiles()
	files["loader/entries/twin.conf"] = otherConf
	f, esp := newFake(t, files)
	f.setVar(t, "LoaderEntrySelected", "arch.conf")
	require.Equal(t, exitDone, f.run("reboot", "other.conf", "--esp-path="+esp).code)
	info, err := os.Stat(f.machine.StateDir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	info, err = os.Stat(filepath.Join(f.machine.StateDir, "next.json"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.NotContains(t, f.cmdline, "kexec-bls")

	f.next(t, true)
	current := func() string { return f.run("show", "@current", "--esp-path="+esp).stdout }
	assert.Contains(t, current(), "other.conf", "before the recorder has run")
	got := f.run("hook", "booted")
	require.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "other.conf started by kexec, loaded at 20")
	assert.Regexp(t, `rebooted 20.*, up again after 1[12]\.\d s`, got.stderr)
	assert.Contains(t, current(), "other.conf")
	assert.Equal(t, []string{"boot.json"}, f.left(), "nothing that a later boot could believe")
	assert.Regexp(t, `other.conf .* running, kexec'ed 20`, f.run("list", "--esp-path="+esp).stdout)
	status := f.run("status", "--esp-path="+esp).stdout
	assert.Contains(t, status, "running  6.12.1 (other.conf), started by kexec, loaded at 20")
	assert.Contains(t, status, "up again after 1")
	var r report.Status
	require.NoError(t, json.Unmarshal([]byte(f.run("status", "--json", "--esp-path="+esp).stdout), &r))
	assert.EqualValues(t, "other.conf", r.Boot.Entry.ID)

	f.next(t, false)
	f.cmdline = ""
	assert.Contains(t, current(), "arch.conf", "LoaderEntrySelected is true again")
	require.Equal(t, exitDone, f.run("hook", "booted").code)
	assert.Contains(t, current(), "arch.conf")
}

// TestBelief holds that no receipt is believed that is not of this boot's past.
func TestBelief(t *testing.T) {
	files := archFiles()
	files["loader/entries/twin.conf"] = otherConf // the same command line: only a receipt distinguishes them
	for name, v := range map[string]struct {
		kexeced bool
		change  map[string]string
		left    bool
	}{
		"as loaded":            {true, nil, true},
		"through the firmware": {false, map[string]string{"cmdline": "other\n", "sys/kernel/osrelease": "6.12.1\n"}, false},
		"another command line": {true, map[string]string{"cmdline": "other words\n"}, false},
		"another kernel":       {true, map[string]string{"sys/kernel/osrelease": "6.1.0\n"}, false},
		"the same boot":        {true, map[string]string{"sys/kernel/random/boot_id": "11111111-2222-3333-4444-555555555555\n"}, false},
		"blanks":               {true, map[string]string{"cmdline": " other  \n"}, true},
	} {
		f, esp := newFake(t, files)
		require.Equal(t, exitDone, f.run("load", "other", "--esp-path="+esp).code)
		f.next(t, v.kexeced)
		write(t, filepath.Join(f.dir, "proc"), v.change)
		got := f.run("show", "@current", "--esp-path="+esp)
		if v.left {
			assert.Contains(t, got.stdout, "other.conf", name)
		} else {
			assert.Contains(t, got.stderr, "cannot be determined", name)
		}
	}
}

// TestLoadAtBootKeepsThePast loads before the recorder runs, as the units do.
func TestLoadAtBootKeepsThePast(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("load", "other", "--esp-path="+esp).code)
	f.next(t, true)
	require.Equal(t, exitDone, f.run("load", "arch", "--esp-path="+esp).code)
	f.upSince = time.Now()
	assert.Contains(t, f.run("hook", "booted").stderr, "other.conf started by kexec")
	assert.Equal(t, []string{"boot.json", "next.json"}, f.left())
	f.next(t, true)
	assert.Contains(t, f.run("show", "@current", "--esp-path="+esp).stdout, "arch.conf", "and so on, without the recorder")
	require.Equal(t, exitDone, f.run("load", "other", "--esp-path="+esp).code)
	require.Equal(t, exitDone, f.run("unload").code)
	assert.Equal(t, []string{"boot.json"}, f.left())
	assert.Contains(t, f.run("show", "@current", "--esp-path="+esp).stdout, "arch.conf")
}

func TestFirmwareTimeIsKept(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.endsBy = "reboot"
	require.Equal(t, exitDone, f.run("hook", "shutdown").code)
	assert.Equal(t, []string{"end.json"}, f.left())
	f.next(t, false)
	f.upSince = time.Now().Add(40 * time.Second)
	assert.Regexp(t, `started by the firmware\n.*up again after (39|40)\.\d s`, f.run("hook", "booted").stderr)
	assert.NotContains(t, f.run("status", "--esp-path="+esp).stdout, "the last reboot through the firmware", "it is this one")

	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp).code)
	f.endsBy = "kexec"
	require.Equal(t, exitDone, f.run("hook", "shutdown").code)
	f.next(t, true)
	assert.Regexp(t, `up again after 1[12]\.\d s \(by kexec\)\n.*the last reboot through the firmware took (39|40)\.\d s`, f.run("hook", "booted").stderr)
	assert.Contains(t, f.run("status", "--esp-path="+esp).stdout, "the last reboot through the firmware took")

	f.upSince = time.Now().Add(time.Hour)
	assert.Regexp(t, `up again after 1[12]\.\d s`, f.run("hook", "booted").stderr, "the first word counts: a unit may be started again")
}

// TestShutdownHook holds that only a reboot is an end.
func TestShutdownHook(t *testing.T) {
	f, _ := newFake(t, archFiles())
	for _, way := range []string{"", "poweroff", "halt"} {
		f.endsBy = way
		require.Equal(t, exitDone, f.run("hook", "shutdown").code)
		assert.Empty(t, f.left(), way)
	}
	f.endsBy = "kexec"
	f.fail["ending"] = errors.New("no bus")
	assert.Equal(t, exitDone, f.run("hook", "shutdown").code)
	assert.Equal(t, []string{"end.json"}, f.left())
}

// TestOneShotSurvives is a setting for another entry, and the kernel's efibc.
func TestOneShotSurvives(t *testing.T) {
	for name, unit := range map[string]bool{"reboot alone": false, "systemctl kexec and the unit": true} {
		t.Run(name, func(t *testing.T) {
			f, esp := newFake(t, archFiles())
			f.setVar(t, "LoaderEntryOneShot", "other.conf")
			if unit {
				require.Equal(t, exitDone, f.run("load", "arch", "--esp-path="+esp).code)
				f.endsBy = "kexec"
				require.Equal(t, exitDone, f.run("hook", "shutdown").code)
			} else {
				require.Equal(t, exitDone, f.run("reboot", "arch", "--esp-path="+esp).code)
			}
			f.setVar(t, "LoaderEntryOneShot", "kexec reboot") // efibc
			f.next(t, true)
			assert.Contains(t, f.run("hook", "booted").stderr, "restored the one-shot entry other.conf")
			assert.Equal(t, "other.conf", f.variable("LoaderEntryOneShot"))
			assert.NotContains(t, f.left(), "end.json")
		})
	}
}

// TestOnlyJunkIsCleared holds that nothing else is touched.
func TestOnlyJunkIsCleared(t *testing.T) {
	f, _ := newFake(t, archFiles())
	f.setVar(t, "LoaderEntryOneShot", "kexec reboot")
	assert.Contains(t, f.run("hook", "booted").stderr, `cleared "kexec reboot"`)
	assert.Equal(t, "absent", f.variable("LoaderEntryOneShot"))
	for _, text := range []string{"other.conf", "kexec reboot.conf", "kexec", "Kexec reboot"} {
		f.setVar(t, "LoaderEntryOneShot", text)
		require.NoError(t, f.history().SaveShutdown(state.ShutdownRecord{BootID: "x", OneShot: &state.KeptVariable{Name: "LoaderEntryOneShot", Attributes: 7, Data: []byte("a\x00")}}))
		require.Equal(t, exitDone, f.run("hook", "booted").code)
		assert.Equal(t, text, f.variable("LoaderEntryOneShot"), "somebody has set it since")
	}
	f.setVar(t, "LoaderEntryOneShot", "kexec reboot")
	require.NoError(t, f.history().SaveShutdown(state.ShutdownRecord{BootID: "x", OneShot: &state.KeptVariable{Name: "BootOrder", Attributes: 7, Data: []byte("a\x00")}}))
	require.Equal(t, exitDone, f.run("hook", "booted").code)
	assert.Equal(t, "absent", f.variable("LoaderEntryOneShot"), "no other variable is ever written")
}

// TestEfibcIsUnloaded where it is a module, and loaded again when the reboot is
// refused.
func TestEfibcIsUnloaded(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, filepath.Join(f.dir, "sys"), map[string]string{"module/efibc/initstate": "live\n"})
	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "rmmod efibc", "systemctl kexec into arch.conf"}, f.acts)

	f.acts, f.fail["systemctl"] = nil, errors.New("inhibited")
	require.Equal(t, exitFailed, f.run("reboot", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "rmmod efibc", "systemctl kexec into arch.conf", "modprobe efibc", "unload"}, f.acts)
	assert.NotContains(t, f.left(), "end.json")
	assert.NotContains(t, f.left(), "next.json")

	f.acts, f.fail["systemctl"], f.fail["rmmod"] = nil, nil, errors.New("in use")
	got := f.run("reboot", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code, "no reason not to reboot")
	assert.Contains(t, got.stderr, "efibc: in use")

	require.NoError(t, os.RemoveAll(filepath.Join(filepath.Join(f.dir, "sys"), "module/efibc/initstate")))
	f.acts = nil
	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts, "built in")
}

// TestScheduledReboot leaves the rest to the recorder, where that is active: it
// may be long until then.
func TestScheduledReboot(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, filepath.Join(f.dir, "sys"), map[string]string{"module/efibc/initstate": "live\n"})
	f.setVar(t, "LoaderEntryOneShot", "other.conf")
	require.Equal(t, exitDone, f.run("reboot", "arch", "--when=+1h", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "rmmod efibc", "systemctl kexec into arch.conf"}, f.acts)
	assert.NotContains(t, f.left(), "end.json", "nobody knows the time")

	write(t, f.dir, map[string]string{"run/systemd/units/x": ""})
	require.NoError(t, os.Symlink("0123", filepath.Join(f.dir, "run/systemd/units/invocation:kexec-bls-boot.service")))
	f.acts = nil
	require.Equal(t, exitDone, f.run("reboot", "arch", "--when=+1h", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts)
	f.acts, f.endsBy = nil, "kexec"
	require.Equal(t, exitDone, f.run("hook", "shutdown").code)
	assert.Equal(t, []string{"rmmod efibc"}, f.acts)
	assert.Contains(t, f.left(), "end.json")
}

// TestDamagedWord is told once, and replaced.
func TestDamagedWord(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, f.machine.StateDir, map[string]string{"next.json": "{", "end.json": "{", "boot.json": "{"})
	got := f.run("load", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "next.json: unexpected EOF")
	assert.Contains(t, f.run("hook", "booted").stderr, "end.json: unexpected EOF")
	assert.Equal(t, []string{"boot.json", "next.json"}, f.left())
	assert.NotContains(t, f.run("status", "--esp-path="+esp).stderr, "EOF")
}

// TestNoPlaceForWord is a read-only /var: a warning, never a failure.
func TestNoPlaceForWord(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.machine.StateDir = filepath.Join(filepath.Join(f.dir, "proc"), "cmdline/none")
	f.setVar(t, "LoaderEntryOneShot", "kexec reboot")
	got := f.run("reboot", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "warning: ")
	assert.Contains(t, got.stderr, "only by its command line")
	assert.Equal(t, exitDone, f.run("hook", "shutdown").code)
	assert.Equal(t, exitDone, f.run("hook", "booted").code)
	assert.Equal(t, "absent", f.variable("LoaderEntryOneShot"), "cleared all the same")
	assert.Equal(t, exitDone, f.run("unload").code)
}

func TestKexeced(t *testing.T) {
	f, _ := newFake(t, nil)
	kexeced := func() bool { return f.machine.Host.Kexeced() == host.Yes }
	for kind, want := range map[string]bool{"208": true, "209": true, "114": false, "": false, "x": false, "3328": false} {
		write(t, filepath.Join(f.dir, "proc"), map[string]string{"sys/kernel/bootloader_type": kind + "\n"})
		assert.Equal(t, want, kexeced(), kind)
	}
	require.NoError(t, os.Remove(filepath.Join(filepath.Join(f.dir, "proc"), "sys/kernel/bootloader_type")))
	assert.False(t, kexeced())
	write(t, filepath.Join(f.dir, "sys"), map[string]string{"firmware/devicetree/base/chosen/linux,booted-from-kexec": ""})
	assert.True(t, kexeced(), "a machine with a device tree")
}
