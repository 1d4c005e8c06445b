package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// A schemaCase is a command line whose output has a schema; ESP and OUT are
// directories.
type schemaCase struct {
	args    string
	code    int
	fails   bool
	prepare func(*testing.T, *fake)
}

// schemaFiles have entries of all kinds, one of them with what no JSON can hold.
func schemaFiles() map[string]string {
	files := archFiles()
	maps.Copy(files, map[string]string{
		"loader/entries/counted+2-1.conf": "title Counted\nlinux /vmlinuz\narchitecture x64\n",
		"loader/entries/broken.conf":      "title \xff\x1b[31m\nlinux /vmlinuz\ninitrd /gone\nmachine-id 00000000000000000000000000000001\n",
		"loader/entries/app.conf":         "efi /app.efi\n", "loader/entries/hidden.conf": "title nothing\n",
		"EFI/Linux/u.efi": string(fixtures.PE{Sections: []fixtures.Section{
			fixtures.Text(".osrel", "ID=u\nNAME=U\nVERSION_ID=1\n"), fixtures.Text(".cmdline", "quiet"), fixtures.Text(".uname", "6.12.1"),
			{Name: ".linux", Data: fixtures.BzImage{Version: "6.12.1 (test)"}.Bytes()}, {Name: ".initrd", Data: []byte(archive("a"))},
		}}.Bytes()),
		"EFI/Linux/u.efi.extra.d/key.cred": "x",
		"EFI/Linux/u.efi.extra.d/a.addon.efi": string(fixtures.PE{Sections: []fixtures.Section{
			fixtures.Text(".sbat", "x"), fixtures.Text(".cmdline", "addon"),
		}}.Bytes()),
		"junk.img": "neither archive nor stream",
	})
	return files
}

func schemaCases() []schemaCase {
	var cases []schemaCase
	for _, some := range [][]schemaCase{queryCases(), statusCases(), loadCases(), rebootCases(), fileCases()} {
		cases = append(cases, some...)
	}
	return cases
}

// failing makes an act of the machine fail.
func failing(act string, err error) func(*testing.T, *fake) {
	return func(_ *testing.T, f *fake) { f.fail[act] = err }
}

func queryCases() []schemaCase {
	noMemory := func(t *testing.T, f *fake) {
		write(t, f.dir, map[string]string{"proc/meminfo": "MemAvailable: 1 kB\n"})
	}
	return []schemaCase{
		{args: "list"}, {args: "list x", code: exitUsage, fails: true},
		{args: "show"}, {args: "show u.efi --pcrs"}, {args: "show counted"}, {args: "show nosuch", code: exitNoEntry, fails: true},
		{args: "show app", code: exitNoEntry, fails: true}, {args: "show broken", code: exitFailed, fails: true},
		{args: "show arch --try", prepare: func(t *testing.T, f *fake) {
			write(t, f.dir, map[string]string{"sys/class/watchdog/watchdog0/identity": "iTCO_wdt\n", "sys/module/watchdog/parameters/stop_on_reboot": "0\n"})
		}},
		{args: "check"}, {args: "check u.efi"}, {args: "check", code: exitBlocked, prepare: noMemory}, {args: "check --ignore=all", prepare: noMemory},
		{args: "check nosuch", code: exitNoEntry, fails: true},
		{args: "config"}, {args: "config x", code: exitUsage, fails: true},
		{args: "config", code: exitFailed, fails: true, prepare: func(t *testing.T, f *fake) {
			write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[initrd]\nflat = 3\n"})
		}},
		{args: "reboot-required"}, {args: "reboot-required", code: exitUnknown, prepare: func(t *testing.T, f *fake) {
			write(t, f.dir, map[string]string{"esp/vmlinuz": "junk"})
		}},
		{args: "reboot-required --nosuch", code: exitUsage, fails: true},
		{args: "show arch", code: exitFailed, prepare: func(t *testing.T, f *fake) {
			write(t, f.dir, map[string]string{"esp/loader/entries/arch.conf": "linux /vmlinuz\noptions " + strings.Repeat("x", 3000) + "\n"})
		}},
	}
}

func statusCases() []schemaCase {
	loaded := func(t *testing.T, f *fake) {
		require.Equal(t, exitDone, f.run("load", "u.efi", "--append=a", "--esp-path="+f.dir+"/esp", "--no-verify").code)
	}
	return []schemaCase{
		{args: "status", code: exitNone}, {args: "status", prepare: loaded},
		{args: "status", code: exitStale, prepare: func(t *testing.T, f *fake) {
			loaded(t, f)
			write(t, f.dir, map[string]string{"esp/EFI/Linux/u.efi.extra.d/key.cred": "longer", "esp/EFI/Linux/u.efi.extra.d/new.cred": ""})
		}},
		{args: "status", code: exitForeign, prepare: func(_ *testing.T, f *fake) { f.isThere = true }},
		{args: "status", code: exitNone, prepare: func(t *testing.T, f *fake) {
			scheduled(t, f, "kexec")
			begun := time.Now().UTC()
			image := &state.Receipt{Entry: "arch.conf", Title: "Arch", Version: "1", Release: "6.12.1", Time: begun}
			require.NoError(t, f.history().SaveBoot(state.Boot{
				Schema: 1, BootID: f.machine.Host.BootID(), Kexeced: true, Image: image, Requested: begun, Reached: begun.Add(time.Second),
				Firmware: &state.RebootDuration{Requested: begun, Seconds: 2}, Missed: &state.MissedKexec{Requested: begun, Image: image},
			}))
			require.NoError(t, f.history().SaveTrial(state.Trial{
				Schema: 1, BootID: "x", Entry: "a.conf", Fallback: "b.conf", Started: begun, Ended: begun.Add(time.Minute), Outcome: state.TrialPanicked, LastWords: "Oops\xff", Settled: true,
			}))
		}},
		{args: "status", code: exitFailed, fails: true, prepare: failing("loaded", errors.New("no sysfs"))},
	}
}

func loadCases() []schemaCase {
	return []schemaCase{
		{args: "load"}, {args: "load u.efi --append=x --remove=y"}, {args: "load --linux=ESP/vmlinuz --initrd=ESP/a.img"},
		{args: "load --if-none", prepare: func(_ *testing.T, f *fake) { f.isThere = true }},
		{args: "load", code: exitKernel, fails: true, prepare: failing("load", &kexec.LoadError{Errno: unix.EPERM})},
		{args: "load --linux=ESP/vmlinuz --initrd=ESP/junk.img", code: exitFailed, fails: true},
		{args: "unload"}, {args: "unload", prepare: func(_ *testing.T, f *fake) { f.isThere = true }},
		{args: "unload", code: exitFailed, fails: true, prepare: func(_ *testing.T, f *fake) { f.isThere, f.fail["unload"] = true, errors.New("no") }},
		{args: "enable"}, {args: "enable --policy=x", code: exitUsage, fails: true},
		{args: "disable"}, {args: "disable", code: exitFailed, fails: true, prepare: func(t *testing.T, f *fake) { f.runInit(t, host.OpenRC) }},
	}
}

func rebootCases() []schemaCase {
	return []schemaCase{
		{args: "reboot"}, {args: "reboot --firmware"}, {args: "reboot -n"}, {args: "reboot --firmware -n"}, {args: "reboot --when=cancel -n"}, {args: "reboot --when=cancel"},
		{args: "reboot --loaded -n", prepare: func(_ *testing.T, f *fake) { f.isThere = true }},
		{args: "reboot --or-firmware", prepare: failing("load", &kexec.LoadError{Errno: unix.ENOSYS})},
		{args: "reboot --when=show"}, {args: "reboot --when=show", prepare: func(t *testing.T, f *fake) { scheduled(t, f, "reboot") }},
		{args: "reboot --when=+5min", prepare: func(t *testing.T, f *fake) { scheduled(t, f, "kexec") }},
		{args: "reboot", code: exitFailed, fails: true, prepare: failing("systemctl", errors.New("inhibited"))},
		{args: "reboot app", code: exitNoEntry, fails: true}, {args: "reboot --when=", code: exitUsage, fails: true},
	}
}

func fileCases() []schemaCase {
	return []schemaCase{
		{args: "export u.efi --output=OUT"}, {args: "export", code: exitUsage, fails: true},
		{args: "initrd ls ESP/a.img ESP/b.img"}, {args: "initrd ls -l ESP/a.img ESP/b.img ESP/junk.img"}, {args: "initrd ls ESP/nosuch", code: exitFailed, fails: true},
		{args: "initrd merge --output=OUT ESP/a.img ESP/b.img"}, {args: "initrd merge --flat --output=OUT ESP/a.img ESP/b.img"},
		{args: "initrd merge ESP/a.img", code: exitUsage, fails: true},
		{args: "export --output=OUT", code: exitFailed, fails: true, prepare: func(t *testing.T, f *fake) {
			require.NoError(t, os.WriteFile(filepath.Join(f.dir, "out"), nil, 0o644))
		}},
	}
}
