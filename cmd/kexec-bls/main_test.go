package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/menu"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// A fake is a machine that remembers what was done to it.
type fake struct {
	*environment
	dir     string   // the root directory of the machine
	efivars string   // directory of EFI variables
	acts    []string // in order
	kernel  string   // content of what is loaded
	initrd  string
	cmdline string
	isThere bool
	entries []map[string]string // of the journal
	fail    map[string]error    // act to error
	// loading is called during a load, ending while systemd is asked to reboot.
	loading, ending func()
	endsBy          string            // target that systemd shuts down to
	properties      map[string]string // of units: "a.service UnitFileState"
	upSince         time.Time
}

// newFake is an amd64 machine with systemd, an ESP at the directory files are
// laid out in, and no EFI variables. Every function of the machine is the fake's.
func newFake(t *testing.T, files map[string]string) (*fake, string) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"proc/cmdline":                    "BOOT_IMAGE=/v root=/dev/vda2 quiet\n",
		"proc/sys/kernel/osrelease":       "6.1.0\n",
		"proc/sys/kernel/random/boot_id":  "11111111-2222-3333-4444-555555555555\n",
		"proc/sys/kernel/bootloader_type": "114\n",
		"proc/self/mountinfo":             "",
		"run/systemd/system/x":            "",
		"lib/modules/6.1.0/x":             "",
		"lib/modules/6.12.1/x":            "",
		"program":                         "kexec-bls itself",
		"etc/os-release":                  "ID=test\n",
		"esp/vmlinuz":                     string(fixtures.BzImage{Version: "6.12.1 (test)"}.Bytes()),
		"esp/app.efi":                     string(fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".text", "x")}}.Bytes()),
	})
	write(t, filepath.Join(dir, "esp"), files)
	f := &fake{dir: dir, efivars: filepath.Join(dir, "efivars"), fail: map[string]error{}}
	f.properties = map[string]string{"systemd-reboot.service SuccessAction": "kexec-force"}
	h := host.At(dir)
	h.GOARCH = "amd64"
	h.CPUID = func(uint32, uint32) (eax, ebx, ecx, edx uint32) { return 0, 0, 0, 0 } // no guest
	f.environment = &environment{
		machine: &loader.Machine{
			Host: h, Vars: efivar.Vars{Dir: f.efivars}, Kernel: f.calls(t), Init: f.system(),
			RunDir: filepath.Join(dir, "run/kexec-bls"), StateDir: filepath.Join(dir, "var/lib/kexec-bls"), Program: filepath.Join(dir, "program"),
			Settle: time.Millisecond,
		},
		openSystem: entries.Open,
		getenv:     func(string) string { return "" },
		lookup:     func(string) (string, bool) { return "", false },
		paths:      config.Paths{File: filepath.Join(dir, "etc/kexec-bls.toml"), Vendor: []string{filepath.Join(dir, "usr/lib")}},
		journal: func(act journal.Act) {
			act.Version = version
			m := act.Message()
			fields := maps.Clone(m.Fields)
			fields["MESSAGE"], fields["PRIORITY"] = m.Text, strconv.Itoa(int(m.Priority))
			f.entries = append(f.entries, fields)
		},
		choose: func(context.Context, menu.Options) (menu.Choice, error) { return menu.Choice{}, menu.ErrNoTerminal },
		asking: func() io.Writer { return io.Discard }, queryLimit: 60 * time.Millisecond,
	}
	return f, filepath.Join(dir, "esp")
}

func (f *fake) calls(t *testing.T) kexec.Calls {
	return kexec.Calls{
		Load: func(_ context.Context, kernel, initrd *os.File, cmdline string, _ kexec.Options) error {
			if f.loading != nil {
				f.loading()
			}
			if err := f.act("load"); err != nil {
				return err
			}
			f.kernel, f.initrd, f.cmdline, f.isThere = content(t, kernel), content(t, initrd), cmdline, true
			return nil
		},
		Unload: func() error { f.isThere = false; return f.act("unload") },
		Loaded: func() (bool, error) { return f.isThere, f.fail["loaded"] },
		Jump:   func() error { return f.act("jump") },
	}
}

func (f *fake) system() reboot.System {
	does := func(name string) func(context.Context, reboot.Options) error {
		return func(context.Context, reboot.Options) error { return f.act(name) }
	}
	return reboot.System{
		Check: func(context.Context, reboot.Options) error { return f.fail["check"] },
		Kexec: func(_ context.Context, o reboot.Options) error {
			if f.ending != nil {
				f.ending()
			}
			return f.act("systemctl " + o.Message)
		},
		NativeKexec: does("native"), Reboot: does("reset"), SoftReboot: does("soft-reboot"), NativeReboot: does("native-reset"), Cancel: does("unschedule"),
		Ending:       func(context.Context) (string, error) { return f.endsBy, f.fail["ending"] },
		Reached:      func(context.Context, string) (time.Time, error) { return f.upSince, f.fail["reached"] },
		UnloadModule: func(name string) error { return f.act("rmmod " + name) },
		LoadModule: func(_ context.Context, name string, parameters ...string) error {
			return f.act(strings.Join(append([]string{"modprobe", name}, parameters...), " "))
		},
		Property: func(_ context.Context, name string) (uint64, error) { return 0, f.act("get " + name) },
		SetProperty: func(_ context.Context, name string, value uint64) error {
			return f.act(fmt.Sprint("set ", name, " ", value))
		},
		EnableUnit: func(_ context.Context, unit string, on bool) error {
			return f.act(fmt.Sprint("enable ", unit, " ", on))
		},
		StartUnit: func(_ context.Context, unit string) error { return f.act("start " + unit) },
		UnitProperty: func(_ context.Context, unit, name string) (string, error) {
			return f.properties[unit+" "+name], nil
		},
		ReloadUnits:  func(context.Context) error { return f.act("daemon-reload") },
		RebootNow:    func(context.Context) error { return f.act("reboot now") },
		RunProgram:   func(_ context.Context, argv []string) error { return f.act("run " + strings.Join(argv, " ")) },
		OpenWatchdog: func(path string, timeout int) (reboot.Watchdog, error) { return f.watchdog(path, timeout) },
	}
}

// runInit makes the machine one with another init system than systemd.
func (f *fake) runInit(t *testing.T, kind host.Kind) {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(f.dir, "run/systemd")))
	switch kind {
	case host.OpenRC:
		write(t, f.dir, map[string]string{"run/openrc/softlevel": "", "proc/1/comm": "openrc-init\n"})
	case host.Runit:
		write(t, f.dir, map[string]string{"run/runit/x": "", "proc/1/comm": "runit\n"})
	case host.S6:
		write(t, f.dir, map[string]string{"run/s6/x": "", "proc/1/comm": "s6-svscan\n"})
	}
	require.Equal(t, kind, f.machine.Host.InitSystem())
}

func (f *fake) act(name string) error {
	f.acts = append(f.acts, name)
	return f.fail[strings.Fields(name)[0]]
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

func content(t *testing.T, f *os.File) string {
	if f == nil {
		return ""
	}
	info, err := f.Stat()
	require.NoError(t, err)
	b, err := io.ReadAll(io.NewSectionReader(f, 0, info.Size()))
	require.NoError(t, err)
	return string(b)
}

// setVar lays out an EFI variable of the boot loader.
func (f *fake) setVar(t *testing.T, name, text string) {
	data := []byte{7, 0, 0, 0}
	for _, c := range text + "\x00" {
		data = append(data, byte(c), byte(c>>8))
	}
	write(t, f.efivars, map[string]string{name + "-" + bli.LoaderVendor: string(data)})
}

// oneShot is the content of the variable that chooses an entry for one boot; ""
// without it.
func (f *fake) oneShot() string {
	data, err := os.ReadFile(filepath.Join(f.efivars, "LoaderEntryOneShot-"+bli.LoaderVendor))
	if err != nil {
		return ""
	}
	return string(data)
}

// placeAt changes where the boot partitions of the machine are.
func (f *fake) placeAt(change func(*esp.Volume)) {
	f.openSystem = func(ctx context.Context, o entries.Options) (*entries.System, error) {
		sys, err := entries.Open(ctx, o)
		if err == nil {
			for _, v := range sys.Volumes() {
				change(v)
			}
		}
		return sys, err
	}
}

type answer struct {
	code           int
	stdout, stderr string
}

func (f *fake) run(args ...string) answer {
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args, f.environment, &stdout, &stderr)
	return answer{code, stdout.String(), stderr.String()}
}

// capture returns what is printed to stderr by an app on the machine.
func capture(f *fake, act func(*app)) string {
	var stderr bytes.Buffer
	act(&app{environment: f.environment, UI: &term.UI{Out: io.Discard, Err: &stderr}})
	return stderr.String()
}

const (
	archConf  = "title Arch Linux\nversion 6.12.1\nlinux /vmlinuz\ninitrd /a.img\ninitrd /b.img\noptions root=/dev/vda2 rw\noptions quiet\n"
	otherConf = "title Other\nlinux /vmlinuz\ninitrd /b.img\noptions other\n"
)

// archive is a small uncompressed initrd with one file.
func archive(name string) string {
	var b bytes.Buffer
	w := cpio.Newc.Writer(&b)
	if err := errors.Join(w.WriteRecord(cpio.StaticFile(name, "content of "+name, 0o644)), cpio.WriteTrailer(w)); err != nil {
		panic(err)
	}
	return b.String()
}

func zstdOf(data string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return string(w.EncodeAll([]byte(data), nil))
}

func archFiles() map[string]string {
	return map[string]string{
		"loader/loader.conf": "default arch*\n", "loader/entries/arch.conf": archConf, "loader/entries/other.conf": otherConf,
		"a.img": zstdOf(archive("a")), "b.img": archive("b"),
	}
}

func TestRebootInOrder(t *testing.T) {
	f, esp := newFake(t, archFiles())
	got := f.run("reboot", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts)
	a, b := zstdOf(archive("a")), archive("b")
	assert.Equal(t, a+strings.Repeat("\x00", (4-len(a)%4)%4)+b, f.initrd, "padded to 4 between, not at the end")
	assert.Equal(t, "root=/dev/vda2 rw quiet", f.cmdline)
	assert.Empty(t, got.stdout)
	r, err := f.machine.Receipt()
	require.NoError(t, err)
	assert.EqualValues(t, "arch.conf", r.Entry)
	assert.EqualValues(t, "6.12.1", r.Release)
	assert.False(t, r.Named)
	assert.Len(t, r.Files, 3)
	assert.Equal(t, "esp", r.Volumes[0].Source)
}

// TestRebootUndoes holds the promise: after any failure the system is as it was.
func TestRebootUndoes(t *testing.T) {
	refusal := &kexec.LoadError{Errno: unix.EPERM}
	for name, v := range map[string]struct {
		fail map[string]error
		acts []string
		code int
	}{
		"load refused": {map[string]error{"load": refusal}, []string{"load"}, exitKernel},
		"not loaded":   {map[string]error{"loaded": errors.New("no")}, []string{"load", "unload"}, exitFailed},
		"systemd refused": {map[string]error{"systemctl": errors.New("inhibited")},
			[]string{"load", "systemctl kexec into other.conf", "unload"}, exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			f, esp := newFake(t, archFiles())
			f.setVar(t, "LoaderEntryOneShot", "other.conf")
			before := f.oneShot()
			f.ending = func() { assert.Empty(t, f.oneShot(), "consumed before systemd is asked") }
			f.fail = v.fail
			got := f.run("reboot", "--esp-path="+esp)
			assert.Equal(t, v.code, got.code)
			assert.Equal(t, v.acts, f.acts)
			assert.Equal(t, before, f.oneShot(), "restored, byte for byte")
			for _, err := range v.fail {
				assert.Contains(t, got.stderr, err.Error())
			}
			assert.NoFileExists(t, filepath.Join(f.machine.RunDir, "loaded.json"))
			left, _ := filepath.Glob(filepath.Join(f.machine.RunDir, "*"))
			assert.Equal(t, []string{filepath.Join(f.machine.RunDir, "lock")}, left)
		})
	}
}

// TestRebootUndoesWithoutOneShot is a one-shot setting that cannot be consumed.
func TestRebootUndoesWithoutOneShot(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.setVar(t, "LoaderEntryOneShot", "other.conf")
	f.loading = func() { require.NoError(t, os.RemoveAll(f.efivars)) }
	got := f.run("reboot", "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "LoaderEntryOneShot: ")
	assert.Contains(t, got.stderr, "; nothing was rebooted; unloaded again")
	assert.Equal(t, []string{"load", "unload"}, f.acts)
	assert.NoFileExists(t, filepath.Join(f.machine.RunDir, "loaded.json"))
}

// TestUndoTellsOfTheImageBefore: a load that is undone cannot bring back what
// was loaded before, and must say so.
func TestUndoTellsOfTheImageBefore(t *testing.T) {
	const gone = "the kernel that was loaded before is gone too"
	for _, before := range []bool{true, false} {
		f, esp := newFake(t, archFiles())
		f.isThere, f.fail["systemctl"] = before, errors.New("inhibited")
		assert.Equal(t, before, strings.Contains(f.run("reboot", "--esp-path="+esp).stderr, gone))

		f, esp = newFake(t, archFiles())
		f.isThere = before
		f.loading = func() { write(t, esp, map[string]string{"b.img": "an update in the middle of the load"}) }
		got := f.run("load", "--esp-path="+esp)
		assert.Equal(t, exitFailed, got.code)
		assert.Contains(t, got.stderr, "b.img: the file changed while it was loaded")
		assert.Equal(t, before, strings.Contains(got.stderr, gone), got.stderr)
		assert.False(t, f.isThere)

		f, esp = newFake(t, archFiles())
		f.isThere, f.fail["load"] = before, &kexec.LoadError{Errno: unix.EPERM}
		assert.NotContains(t, f.run("load", "--esp-path="+esp).stderr, gone, "a refused load keeps it")
	}
}

func TestOneShot(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.setVar(t, "LoaderEntryOneShot", "other.conf")
	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "systemctl kexec into other.conf"}, f.acts)
	assert.Empty(t, f.oneShot(), "consumed")

	f.setVar(t, "LoaderEntryOneShot", "other.conf")
	before := f.oneShot()
	f.acts = nil
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	require.Equal(t, exitDone, f.run("reboot", "arch", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "load", "systemctl kexec into arch.conf"}, f.acts)
	assert.Equal(t, before, f.oneShot(), "neither a load nor a named entry consumes it")

	f.setVar(t, "LoaderEntryOneShot", "kexec reboot")
	f.acts = nil
	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts, "efibc's junk is no entry")
}

// TestOneShotThatIsUsedUp: what it chose stays chosen until the reboot, which
// may be hours away.
func TestOneShotThatIsUsedUp(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.setVar(t, "LoaderEntryOneShot", "other.conf")
	require.Equal(t, exitDone, f.run("reboot", "--when=22:00", "--esp-path="+esp).code)
	got := f.run("status", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code, got.stdout)

	write(t, esp, map[string]string{"b.img": archive("newer")})
	got = f.run("hook", "reload", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Equal(t, archive("newer"), f.initrd)
	assert.Equal(t, "other", f.cmdline, "not the default")
}

func TestSpecialEntries(t *testing.T) {
	f, esp := newFake(t, archFiles())
	shown := func(names ...string) string {
		got := f.run(append([]string{"show", "--esp-path=" + esp}, names...)...)
		if got.code != exitDone {
			return got.stderr
		}
		return strings.Fields(got.stdout)[1]
	}
	assert.Contains(t, shown("@oneshot"), "no one-shot entry is set")
	assert.Contains(t, shown("@saved"), "cannot be determined")
	assert.Contains(t, shown("@current"), "cannot be determined")
	f.setVar(t, "LoaderEntryOneShot", "other.conf")
	f.setVar(t, "LoaderEntryLastBooted", "other.conf")
	f.setVar(t, "LoaderEntrySelected", "arch.conf")
	assert.Equal(t, "other.conf", shown("@oneshot"))
	assert.Equal(t, "other.conf", shown())
	assert.Equal(t, "arch.conf", shown("@default"), "what holds beyond the next boot")
	assert.Equal(t, "other.conf", shown("@saved"))
	assert.Equal(t, "arch.conf", shown("@current"))
}

func TestGrubMachine(t *testing.T) {
	block := "# GRUB Environment Block\nsaved_entry=m-6.2\nnext_entry=m-6.1\nkernelopts=root=x ro\n"
	f, boot := newFake(t, map[string]string{
		"grub2/grubenv":             block + strings.Repeat("#", 1024-len(block)),
		"loader/entries/m-6.1.conf": "linux /vmlinuz\noptions $kernelopts $tuned_params\n",
		"loader/entries/m-6.2.conf": "linux /vmlinuz\noptions $kernelopts $nosuch\n",
	})
	f.setVar(t, "LoaderInfo", "GRUB 2.12")
	args := []string{"--esp-path=" + t.TempDir(), "--boot-path=" + boot}
	got := f.run(append([]string{"show"}, args...)...)
	assert.Contains(t, got.stdout, "grubenv next_entry")
	assert.Contains(t, f.run(append([]string{"show", "@saved"}, args...)...).stderr, "m-6.2.conf: options: $nosuch has no value in grubenv, and the grub.cfg that may set it cannot be read")

	require.Equal(t, exitDone, f.run(append([]string{"reboot"}, args...)...).code)
	assert.Equal(t, "root=x ro", f.cmdline)
	env, err := os.ReadFile(filepath.Join(boot, "grub2/grubenv"))
	require.NoError(t, err)
	assert.Contains(t, string(env), "\nnext_entry=\n", "used up, as GRUB would")
	assert.Equal(t, []string{"load", "systemctl kexec into m-6.1.conf"}, f.acts)
}

func TestRebootWithoutSystemd(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.runInit(t, host.S6)
	got := f.run("reboot", "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "kexec-bls reboot --force")
	assert.Empty(t, f.acts, "refused before anything is loaded")
	assert.Equal(t, exitDone, f.run("reboot", "--force", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "jump"}, f.acts)
}

// TestTerminalGoesAway is a connection that breaks in the middle of a reboot.
func TestTerminalGoesAway(t *testing.T) {
	defer signal.Reset(syscall.SIGHUP)
	hangUp := func() answer {
		f, esp := newFake(t, archFiles())
		f.loading = func() { require.NoError(t, unix.Kill(os.Getpid(), syscall.SIGHUP)) }
		f.machine.Init.Kexec = func(ctx context.Context, _ reboot.Options) error {
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
			return ctx.Err()
		}
		got := f.run("reboot", "--esp-path="+esp)
		assert.Equal(t, got.code == exitDone, f.isThere)
		return got
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // else a failure would end all tests
	got := hangUp()
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "nothing was rebooted; unloaded again")

	signal.Ignore(syscall.SIGHUP)
	assert.Equal(t, exitDone, hangUp().code, "nohup")
}

// TestInterruptedJump: who interrupts the load does not want the jump.
func TestInterruptedJump(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.runInit(t, host.S6)
	ctx, cancel := context.WithCancel(context.Background())
	f.loading = cancel
	assert.Equal(t, exitFailed, run(ctx, []string{"reboot", "--force", "--esp-path=" + esp}, f.environment, io.Discard, io.Discard))
	assert.Equal(t, []string{"load", "unload"}, f.acts)
}

func TestRebootByAnotherInit(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.runInit(t, host.OpenRC)
	require.Equal(t, exitDone, f.run("reboot", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "native"}, f.acts)
}

// TestNoLaterWithoutSystemd: who wants a reboot at night must not get one now.
func TestNoLaterWithoutSystemd(t *testing.T) {
	for _, way := range []string{"", "--force", "--loaded", "--firmware", "--or-firmware"} {
		f, esp := newFake(t, archFiles())
		f.runInit(t, host.OpenRC)
		f.isThere = true
		got := f.run(slices.DeleteFunc([]string{"reboot", "--when=03:00", "--esp-path=" + esp, way}, func(s string) bool { return s == "" })...)
		assert.Equal(t, exitFailed, got.code, way)
		assert.Contains(t, got.stderr, "leave out --when", way)
		assert.Empty(t, f.acts, way)
	}
}

func TestFirmware(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("reboot", "--firmware", "--esp-path="+esp).code)
	assert.Equal(t, []string{"reset"}, f.acts)
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	f.acts = nil
	require.Equal(t, exitDone, f.run("reboot", "--firmware").code)
	assert.Equal(t, []string{"unload", "reset"}, f.acts, "no loaded image may turn it into a kexec")
	f.fail["unload"], f.isThere, f.acts = errors.New("no"), true, nil
	assert.Equal(t, exitFailed, f.run("reboot", "--firmware").code)
	assert.Equal(t, []string{"unload"}, f.acts, "rather no reboot than the wrong one")
	f.fail, f.isThere = map[string]error{"reset": errors.New("inhibited")}, true
	got := f.run("reboot", "--firmware")
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "inhibited; nothing was rebooted; the kernel that was loaded is gone\n")
	assert.NotContains(t, f.run("reboot", "--firmware").stderr, "gone", "none was")
	for _, args := range [][]string{{"--firmware", "arch"}, {"--firmware", "--loaded"}, {"--firmware", "--or-firmware"}, {"--loaded", "--or-firmware"}} {
		assert.Equal(t, exitUsage, f.run(append([]string{"reboot"}, args...)...).code, "%v", args)
	}
}

func TestFirmwareByAnotherInit(t *testing.T) {
	f, _ := newFake(t, archFiles())
	f.runInit(t, host.Runit)
	f.isThere = true
	require.Equal(t, exitDone, f.run("reboot", "--firmware").code)
	assert.Equal(t, []string{"unload", "native-reset"}, f.acts, "its last script would jump otherwise")
	f.fail["native-reset"] = reboot.ErrNoReboot
	got := f.run("reboot", "--firmware")
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "cannot be asked to reboot")
}

func TestOrFirmware(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("reboot", "--or-firmware", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts, "kexec where it is possible")

	f.acts, f.fail["load"], f.isThere = nil, &kexec.LoadError{Errno: unix.EPERM}, false
	got := f.run("reboot", "--or-firmware", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "no kexec: ")
	assert.NotContains(t, got.stderr, "firmware boots its own choice")
	assert.Equal(t, []string{"load", "reset"}, f.acts)

	f.acts, f.fail["load"], f.fail["systemctl"] = nil, nil, errors.New("inhibited")
	assert.Equal(t, exitFailed, f.run("reboot", "--or-firmware", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf", "unload"}, f.acts, "who forbids a reboot forbids the other too")

	f.acts, f.fail["systemctl"] = nil, nil
	assert.Equal(t, exitNoEntry, f.run("reboot", "nosuch", "--or-firmware", "--esp-path="+esp).code)
	assert.Empty(t, f.acts, "the firmware would not bring that entry up")
}

func TestCancel(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("reboot", "--when=cancel").code)
	assert.Equal(t, []string{"unschedule"}, f.acts, "loads nothing")
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	f.acts = nil
	require.Equal(t, exitDone, f.run("reboot", "--when=cancel").code)
	assert.Equal(t, []string{"unschedule", "unload"}, f.acts)
	f.isThere, f.acts = true, nil
	require.Equal(t, exitDone, f.run("reboot", "--when=cancel").code)
	assert.Equal(t, []string{"unschedule"}, f.acts, "what others loaded stays")
	f.acts = nil
	got := f.run("reboot", "--when=cancel", "--dry-run")
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "would be cancelled")
	assert.Empty(t, f.acts, "a dry run does nothing")
}

func TestDryRun(t *testing.T) {
	f, esp := newFake(t, archFiles())
	got := f.run("reboot", "-n", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code)
	assert.Empty(t, f.acts)
	for _, want := range []string{"loader.conf default arch*", "a.img", "b.img", "root=/dev/vda2 rw quiet", "+ rw"} {
		assert.Contains(t, got.stdout, want)
	}
}

func TestCmdlineFlags(t *testing.T) {
	for _, v := range []struct {
		args   []string
		config string
		want   string
	}{
		{nil, "", "root=/dev/vda2 rw quiet"},
		{[]string{"--append=a b", "--append=c"}, "", "root=/dev/vda2 rw quiet a b c"},
		{[]string{"--kernel-cmdline=a"}, "", "root=/dev/vda2 rw quiet a"},
		{[]string{"--remove=quiet", "--remove=root"}, "", "rw"},
		{[]string{"--command-line=x"}, "", "x"},
		{[]string{"--command-line="}, "", ""},
		{[]string{"--reuse-cmdline"}, "", "rw root=/dev/vda2 quiet"},
		{[]string{"--kernel-cmdline-reuse", "--append=y"}, "", "rw root=/dev/vda2 quiet y"},
		{[]string{"--append=c"}, "[cmdline]\nappend = [\"b\"]\nremove = [\"quiet\"]\n", "root=/dev/vda2 rw b c"},
	} {
		f, esp := newFake(t, archFiles())
		if v.config != "" {
			require.NoError(t, os.WriteFile(f.paths.File, []byte(v.config), 0o644))
		}
		got := f.run(append([]string{"load", "--esp-path=" + esp}, v.args...)...)
		assert.Equal(t, exitDone, got.code, got.stderr)
		assert.Equal(t, v.want, f.cmdline, "%v %s", v.args, v.config)
	}
}

func TestBlessMask(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.setVar(t, "LoaderBootCountPath", `\loader\entries\arch+1.conf`)
	assert.Contains(t, f.run("show", "--esp-path="+esp).stdout, loader.BlessMask)
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	assert.Equal(t, "root=/dev/vda2 rw quiet "+loader.BlessMask, f.cmdline)
	out := t.TempDir()
	require.Equal(t, exitDone, f.run("export", "--esp-path="+esp, "--output="+out).code)
	line, err := os.ReadFile(filepath.Join(out, "cmdline"))
	require.NoError(t, err)
	assert.Equal(t, "root=/dev/vda2 rw quiet\n", string(line))
}

// TestACPIParameter is a machine whose EFI runtime services are off.
func TestACPIParameter(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, f.dir, map[string]string{"sys/firmware/efi/systab": "ACPI20=0x7fe0a014\n", "sys/kernel/boot_params/data": strings.Repeat("\x00", 0x1ec) + "\x02" + strings.Repeat("\x00", 4096-0x1ed)})
	refused := f.run("show", "--esp-path="+esp)
	assert.Equal(t, exitNoEntry, refused.code)
	assert.Contains(t, refused.stderr, "the EFI variables that choose the next boot cannot be read: efivarfs is not mounted")
	got := f.run("show", "arch", "--esp-path="+esp).stdout
	assert.Contains(t, got, "+ acpi_rsdp=0x7fe0a014\n")
	require.Equal(t, exitDone, f.run("load", "arch", "--esp-path="+esp).code)
	assert.Equal(t, "root=/dev/vda2 rw quiet acpi_rsdp=0x7fe0a014", f.cmdline)
	require.Equal(t, exitDone, f.run("load", "arch", "--syscall=classic", "--esp-path="+esp).code)
	assert.Equal(t, "root=/dev/vda2 rw quiet", f.cmdline, "it has a place of its own there")
	out := t.TempDir()
	require.Equal(t, exitDone, f.run("export", "arch", "--esp-path="+esp, "--output="+out).code)
	line, err := os.ReadFile(filepath.Join(out, "cmdline"))
	require.NoError(t, err)
	assert.Equal(t, "root=/dev/vda2 rw quiet\n", string(line))
}

func TestExport(t *testing.T) {
	f, esp := newFake(t, archFiles())
	out := filepath.Join(t.TempDir(), "new")
	got := f.run("export", "--esp-path="+esp, "--output="+out)
	require.Equal(t, exitDone, got.code, got.stderr)
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	for name, want := range map[string]string{"linux": f.kernel, "initrd": f.initrd, "cmdline": f.cmdline + "\n"} {
		b, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		assert.Equal(t, want, string(b), "export writes what load passes: %s", name)
	}
	assert.Equal(t, exitUsage, f.run("export").code)
}

func TestList(t *testing.T) {
	files := archFiles()
	files["loader/entries/broken.conf"] = "title Broken\n"
	files["loader/entries/win.conf"] = "title Windows\nefi /app.efi\n"
	f, esp := newFake(t, files)
	var list []report.Entry
	got := f.run("list", "--json=short", "--esp-path="+esp)
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &list))
	assert.Equal(t, 1, strings.Count(got.stdout, "\n"), "short is one line")
	byID := map[string]report.Entry{}
	for _, e := range list {
		byID[e.ID] = e
	}
	assert.True(t, byID["arch.conf"].IsDefault)
	assert.True(t, byID["arch.conf"].Kexec.Possible)
	assert.Equal(t, []string{"/a.img", "/b.img"}, byID["arch.conf"].Initrd)
	assert.Contains(t, byID["broken.conf"].Hidden, "no linux")
	assert.False(t, byID["win.conf"].Kexec.Possible)
	assert.Contains(t, byID["win.conf"].Kexec.Reason, "EFI program")
	assert.Contains(t, got.stdout, `"addons":null`)

	text := f.run("list", "--esp-path="+esp).stdout
	assert.Contains(t, text, "* arch.conf")
	assert.Contains(t, text, "next boot: arch.conf, by loader.conf default arch*")
	assert.Contains(t, f.run("list", "--json", "--esp-path="+esp).stdout, "\n\t{", "bare --json is pretty")
	assert.Equal(t, exitUsage, f.run("list", "--json=xml", "--esp-path="+esp).code)
}

// TestListAddonsWithoutWords has bootctl 262's command line: an addon that adds
// no words adds no blank either, and what is no addon adds nothing.
func TestListAddonsWithoutWords(t *testing.T) {
	pe := func(sections ...fixtures.Section) string { return string(fixtures.PE{Sections: sections}.Bytes()) }
	line, kernel := fixtures.Text(".cmdline", "word=1"), fixtures.Text(".linux", "kernel")
	const dir = "EFI/Linux/u.efi.extra.d/"
	f, esp := newFake(t, map[string]string{
		"EFI/Linux/u.efi":       pe(fixtures.Text(".osrel", "ID=x\n"), fixtures.Text(".cmdline", "own=1"), kernel),
		dir + "a.addon.efi":     pe(fixtures.Text(".initrd", "x")),
		dir + "b.addon.efi":     pe(line),
		dir + "linux.addon.efi": pe(line, kernel),
	})
	got := f.run("list", "--json=short", "--esp-path="+esp)
	assert.Contains(t, got.stdout, `"cmdline":"own=1 word=1"`)
	assert.Contains(t, got.stdout, `"addons":[{"localAddon":"u.efi.extra.d/a.addon.efi"},{"localAddon":"u.efi.extra.d/b.addon.efi","options":"word=1"},{"localAddon":"u.efi.extra.d/linux.addon.efi"}]`)
}

func TestDefaultThatCannotBeKexeced(t *testing.T) {
	files := archFiles()
	files["loader/loader.conf"] = "default win*\n"
	files["loader/entries/win.conf"] = "title Windows\nefi /app.efi\n"
	f, esp := newFake(t, files)
	got := f.run("reboot", "--esp-path="+esp)
	assert.Equal(t, exitNoEntry, got.code)
	assert.Contains(t, got.stderr, "next boot, by loader.conf default win*: kexec cannot start win.conf: an EFI program")
	assert.Empty(t, f.acts, "never another entry instead")
}

// TestEntryForSystemdBootItself is first, and systemd-boot leaves it out.
func TestEntryForSystemdBootItself(t *testing.T) {
	f, esp := newFake(t, map[string]string{
		"EFI/BOOT/BOOTX64.EFI": "MZ", "vmlinuz": "k", "loader/entries/a.conf": "linux /vmlinuz\n",
		"loader/entries/self.conf": "efi /EFI/BOOT/BOOTX64.EFI\nsort-key a\n",
	})
	f.setVar(t, "LoaderInfo", "systemd-boot 262")
	assert.Contains(t, f.run("list", "--esp-path="+esp).stdout, "next boot: self.conf")
	f.setVar(t, "LoaderImageIdentifier", `\EFI\Boot\bootx64.efi`)
	assert.Contains(t, f.run("list", "--esp-path="+esp).stdout, "next boot: a.conf")
}

// TestNoSign is an EFI machine whose boot loader left no variables.
func TestNoSign(t *testing.T) {
	f, esp := newFake(t, archFiles())
	assert.NotContains(t, f.run("show", "--esp-path="+esp).stderr, "cannot detect systemd-boot or GRUB", "no EFI, no firmware to choose")
	f.setVar(t, "Unrelated", "x")
	assert.Contains(t, f.run("show", "--esp-path="+esp).stderr, "cannot detect systemd-boot or GRUB")
	assert.NotContains(t, f.run("show", "arch", "--esp-path="+esp).stderr, "cannot detect systemd-boot or GRUB", "named")
	f.setVar(t, "LoaderInfo", "systemd-boot 262")
	assert.NotContains(t, f.run("show", "--esp-path="+esp).stderr, "cannot detect systemd-boot or GRUB")
	assert.Zero(t, realEnvironment().machine.Vars, "the real variables")
	assert.Equal(t, "/sys/firmware/efi/efivars", efivar.DefaultDir)
}

func TestUsage(t *testing.T) {
	f, _ := newFake(t, nil)
	for _, args := range [][]string{{"nonsense"}, {"list", "x"}, {"load", "a", "b"}, {"--nosuch"}, {"load", "--initrd=x"}, {"load", "x", "--linux=y"}, {"reboot", "x", "--loaded"}} {
		got := f.run(args...)
		assert.Equal(t, exitUsage, got.code, "%v: %s", args, got.stderr)
		assert.True(t, strings.HasPrefix(got.stderr, "kexec-bls: "), got.stderr)
	}
	assert.Equal(t, "kexec-bls devel\n", f.run("--version").stdout)
	assert.Equal(t, exitDone, f.run("--help").code)
	assert.Equal(t, exitNone, f.run().code, "status")
}

func TestKernelRefusals(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		unix.ENOSYS: "CONFIG_KEXEC_FILE", unix.EPERM: "neither capability, sysctl nor lockdown forbid it", unix.EBUSY: "another load has not ended; try again later",
	} {
		f, esp := newFake(t, archFiles())
		f.fail["load"] = &kexec.LoadError{Errno: errno, Call: "kexec_file_load"}
		got := f.run("reboot", "--esp-path="+esp)
		assert.Equal(t, exitKernel, got.code)
		assert.Contains(t, got.stderr, want)
		assert.Contains(t, got.stderr, "kexec-bls: arch.conf: kexec_file_load: ")
		assert.Equal(t, []string{"load"}, f.acts)
	}
}

func TestPrintable(t *testing.T) {
	files := archFiles()
	files["loader/entries/arch.conf"] = "title \x1b[31mred\nlinux /vmlinuz\n"
	f, esp := newFake(t, files)
	assert.NotContains(t, f.run("list", "--esp-path="+esp).stdout, "\x1b")
	assert.NotContains(t, f.run("show", "--esp-path="+esp).stdout, "\x1b")
}

// watchdog is an open watchdog that records what is done to it.
func (f *fake) watchdog(path string, timeout int) (reboot.Watchdog, error) {
	act := func(name string) func() error { return func() error { return f.act(name) } }
	return reboot.Watchdog{Ping: func() error { return nil }, Release: act("release"), Abandon: act("abandon")},
		f.act(fmt.Sprint("watchdog ", filepath.Base(path), " ", timeout))
}
