package loader_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

const bootID = "11111111-2222-3333-4444-555555555555"

// A fake is a machine laid out in a directory that remembers what was done to it.
// It has a kernel that loads and unloads; whatever else a test does not expect
// fails the test.
type fake struct {
	*loader.Machine
	t     *testing.T
	dir   string
	acts  []string   // in order
	mutex sync.Mutex // of acts

	done map[string]error // the results of acts that are expected
	// What is loaded.
	there                   bool
	kernel, initrd, cmdline string
	call                    kexec.Options
	tested                  string            // a key
	loading                 func()            // called during a load
	properties              map[string]string // of units: "a.service UnitFileState"
	endsBy                  string
	reached                 time.Time
	kexecCount              uint64
}

func newFake(t *testing.T) *fake {
	t.Helper()
	dir := t.TempDir()
	f := &fake{t: t, dir: dir, properties: map[string]string{"systemd-reboot.service SuccessAction": "kexec-force"}, done: map[string]error{"load": nil, "unload": nil, "loaded": nil}}
	f.write(map[string]string{
		"proc/cmdline":                    "BOOT_IMAGE=/v root=/dev/vda2 quiet\n",
		"proc/sys/kernel/osrelease":       "6.1.0\n",
		"proc/sys/kernel/random/boot_id":  bootID + "\n",
		"proc/sys/kernel/bootloader_type": "114\n",
		"proc/self/mountinfo":             "",
		"run/systemd/system/x":            "",
		"usr/lib/modules/6.1.0/x":         "",
		"usr/lib/modules/6.12.1/x":        "",
		"program":                         "a static program",
		"esp/vmlinuz":                     kernelOf("6.12.1 (b@h) #1 SMP"),
		"esp/app.efi":                     string(fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".text", "x")}}.Bytes()),
		"esp/a.img":                       archive("a") + "\x00", // so that it has to be padded
		"esp/b.img":                       archive("b"),
		"esp/loader/loader.conf":          "default arch*\n",
		"esp/loader/entries/arch.conf":    "title Arch\nversion 6.12.1\nlinux /vmlinuz\ninitrd /b.img\noptions root=/dev/vda2 rw\noptions quiet\n",
		"esp/loader/entries/other.conf":   "title Other\nlinux /vmlinuz\ninitrd /b.img\noptions other\n",
		"esp/loader/entries/bare.conf":    "linux /vmlinuz\n",
	})
	h := host.At(dir)
	h.GOARCH = "amd64"
	f.Machine = &loader.Machine{
		Host: h, Vars: efivar.Vars{Dir: f.path("efivars")}, Kernel: f.calls(), Init: f.system(),
		RunDir: f.path("run/kexec-bls"), StateDir: f.path("var/lib/kexec-bls"), Program: f.path("program"),
		LockTimeout: time.Nanosecond, Settle: time.Nanosecond,
	}
	return f
}

func (f *fake) path(name string) string { return filepath.Join(f.dir, name) }

func (f *fake) write(files map[string]string) {
	f.t.Helper()
	for name, text := range files {
		require.NoError(f.t, os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
		require.NoError(f.t, os.WriteFile(f.path(name), []byte(text), 0o644))
	}
}

// link makes name a link to target, in place of what is there.
func (f *fake) link(target, name string) {
	f.t.Helper()
	require.NoError(f.t, os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	_ = os.Remove(f.path(name)) // there may be none
	require.NoError(f.t, os.Symlink(target, f.path(name)))
}

// expect lets acts happen, without an error.
func (f *fake) expect(acts ...string) {
	for _, a := range acts {
		f.done[a] = nil
	}
}

func (f *fake) act(name string) error {
	f.mutex.Lock() // a trial holds the watchdog beside all else
	defer f.mutex.Unlock()
	f.acts = append(f.acts, name)
	return f.ask(name)
}

func (f *fake) ask(name string) error {
	err, expected := f.done[name]
	if !expected {
		f.t.Errorf("unexpected: %s", name)
		return errors.New("unexpected")
	}
	return err
}

func (f *fake) calls() kexec.Calls {
	return kexec.Calls{
		Load: func(_ context.Context, kernel, initrd *os.File, cmdline string, call kexec.Options) error {
			f.call = call
			if f.loading != nil {
				f.loading()
			}
			if err := f.act("load"); err != nil {
				return err
			}
			f.kernel, f.initrd, f.cmdline, f.there = f.content(kernel), f.content(initrd), cmdline, true
			return nil
		},
		Unload: func() error {
			err := f.act("unload")
			f.there = f.there && err != nil
			return err
		},
		Loaded: func() (bool, error) { return f.there, f.ask("loaded") },
		Jump:   func() error { return f.act("jump") },
	}
}

func (f *fake) system() reboot.System {
	does := func(name string) func(context.Context, reboot.Options) error {
		return func(context.Context, reboot.Options) error { return f.act(name) }
	}
	return reboot.System{
		Init:   func() host.Kind { f.t.Error("unexpected: init"); return host.Other },
		Check:  func(context.Context, reboot.Options) error { return f.done["check"] },
		Kexec:  func(_ context.Context, o reboot.Options) error { return f.act("systemctl " + o.Message) },
		Reboot: does("reboot"), SoftReboot: does("soft-reboot"), NativeKexec: does("native kexec"), NativeReboot: does("native reboot"), Cancel: does("cancel"),
		Ending:  func(context.Context) (string, error) { return f.endsBy, f.ask("ending") },
		Reached: func(context.Context, string) (time.Time, error) { return f.reached, f.ask("reached") },
		LoadModule: func(_ context.Context, name string, parameters ...string) error {
			return f.act(strings.Join(append([]string{"modprobe", name}, parameters...), " "))
		},
		Property: func(_ context.Context, name string) (uint64, error) { return f.kexecCount, f.act("get " + name) },
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
		UnloadModule: func(name string) error { return f.act("rmmod " + name) },
		ExtendPCR:    func(n int, digest [32]byte) error { return f.extendPCR(n, digest) },
		ResetPCR:     func(n int) error { return f.resetPCR(n) },
		Enroll:       func(_ context.Context, e reboot.Enrolment) error { return f.enroll(e) },
		TestKey:      func(_ context.Context, device string, key *reboot.Secret) error { return f.testKey(device, key) },
		WipeSlots:    func(_ context.Context, device string, slots []int) error { return f.wipeSlots(device, slots) },
	}
}

// TestFakeIsWhole: no function is missing, and so none is the real one.
func TestFakeIsWhole(t *testing.T) {
	f := newFake(t)
	for _, s := range []any{f.Kernel, f.Init} {
		v := reflect.ValueOf(s)
		for i := range v.NumField() {
			assert.False(t, v.Field(i).IsNil(), v.Type().Field(i).Name)
		}
	}
}

func (f *fake) content(file *os.File) string {
	if file == nil {
		return ""
	}
	info, err := file.Stat()
	require.NoError(f.t, err)
	b, err := io.ReadAll(io.NewSectionReader(file, 0, info.Size()))
	require.NoError(f.t, err)
	return string(b)
}

func (f *fake) open() *entries.System {
	f.t.Helper()
	s, err := f.openSystem()
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, s.Close()) })
	return s
}

func (f *fake) openSystem() (*entries.System, error) {
	return entries.Open(f.t.Context(), entries.Options{ESP: f.path("esp"), Host: f.Host, Vars: f.Vars, Getenv: func(string) string { return "" }})
}

// plan plans an entry, "" for the default.
func (f *fake) plan(name string, opt loader.PlanOptions) *loader.Plan {
	f.t.Helper()
	s := f.open()
	e, err := s.Pick(name)
	require.NoError(f.t, err)
	opt.Named = name != ""
	p, err := loader.NewPlan(f.t.Context(), s, e, opt)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, p.Close()) })
	return p
}

// load loads an entry, "" for the default.
func (f *fake) load(name string) loader.Receipt {
	f.t.Helper()
	r, err := f.Load(f.t.Context(), f.plan(name, loader.PlanOptions{Request: &loader.Request{}}), loader.LoadOptions{})
	require.NoError(f.t, err)
	return r
}

// left lists the files of a directory below the machine's.
func (f *fake) left(dir string) []string {
	list, err := os.ReadDir(f.path(dir))
	require.NoError(f.t, err)
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// setVar lays out a variable of the boot loader, ASCII.
func (f *fake) setVar(name, text string) {
	data := "\x07\x00\x00\x00"
	for _, c := range text + "\x00" {
		data += string(c) + "\x00"
	}
	f.write(map[string]string{"efivars/" + name + "-" + bli.LoaderVendor: data})
}

// variable is the bytes of a variable, "" where it is absent.
func (f *fake) variable(name string) string {
	b, err := os.ReadFile(f.path("efivars/" + name + "-" + bli.LoaderVendor))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(f.t, err)
	}
	return string(b)
}

func kernelOf(version string) string { return string(fixtures.BzImage{Version: version}.Bytes()) }

// archive is a small uncompressed initrd with one file.
func archive(name string) string { return archiveOf(name, "content of "+name) }

func archiveOf(name, content string) string {
	var b writer
	w := cpio.Newc.Writer(&b)
	if err := errors.Join(w.WriteRecord(cpio.StaticFile(name, content, 0o644)), cpio.WriteTrailer(w)); err != nil {
		return err.Error() // no archive: the plan's findings show it
	}
	return string(b)
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// watchdog is an open watchdog that records what is done to it.
func (f *fake) watchdog(path string, timeout int) (reboot.Watchdog, error) {
	act := func(name string) func() error { return func() error { return f.act(name) } }
	return reboot.Watchdog{Ping: func() error { return nil }, Release: act("release"), Abandon: act("abandon")},
		f.act(fmt.Sprint("watchdog ", filepath.Base(path), " ", timeout))
}

// endings are what ends, before its kexec, what was set up for one.
func endings() map[string]func(*testing.T, *fake) {
	return map[string]func(*testing.T, *fake){
		"unload": func(t *testing.T, f *fake) {
			_, err := f.Unload(t.Context())
			require.NoError(t, err)
		},
		"load": func(_ *testing.T, f *fake) { f.load("other.conf") },
		"firmware": func(t *testing.T, f *fake) {
			f.expect("reboot")
			require.NoError(t, f.RebootFirmware(t.Context(), loader.RebootOptions{}))
		},
	}
}
