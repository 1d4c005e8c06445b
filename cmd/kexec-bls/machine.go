package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/menu"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// A machine is everything a command does to, or learns from, the running
// system. Tests fill in the fields they need.
type machine struct {
	goarch     string
	getenv     func(string) string
	configFile string   // its drop-ins are in a directory beside it
	vendorDirs []string // where others leave such a file and drop-ins
	efivars    string   // directory of EFI variables
	proc, sys  string   // mount points
	runDir     string   // where the receipt is kept
	stateDir   string   // where one boot leaves word for the next
	rootFS     fs.FS    // the root file system
	uid        func() int
	self       func(args []string) *exec.Cmd // this program once more

	volumes func(esp.Options) ([]*esp.Volume, error)
	load    func(ctx context.Context, kernel, initrd *os.File, cmdline string, opt kexec.Options) error
	unload  func() error
	loaded  func() (bool, error)
	jump    func() error // into the loaded kernel, at once
	init    func() host.Kind
	// Ways to end: into the loaded kernel through systemd, or through another
	// init system; through the firmware; and to take that back.
	systemctl, native, reset, nativeReset, unschedule func(context.Context, reboot.Options) error

	dropShot func() (undo func() error, err error)
	// journal takes an entry for the system's journal.
	journal func(message string, priority journal.Priority, fields map[string]string)
	// ask lets the user choose on the terminal.
	ask func(context.Context, menu.Options) (menu.Choice, error)

	ending       func(context.Context) (string, error) // how systemd shuts down
	reached      func(ctx context.Context, unit string) (time.Time, error)
	unloadModule func(name string) error
	loadModule   func(ctx context.Context, name string) error
	settle       time.Duration // how long a file has to stay as it is
	rootDir      string        // where rootFS is, to write to
	program      string        // our own
}

func realMachine() *machine {
	vars := efivar.Vars{Dir: efivar.DefaultDir}
	calls, system := kexec.Syscalls(), reboot.Running()
	return &machine{
		goarch:      runtime.GOARCH,
		getenv:      os.Getenv,
		configFile:  configPath,
		vendorDirs:  vendorConfigDirs(),
		efivars:     efivar.DefaultDir,
		proc:        "/proc",
		sys:         "/sys",
		runDir:      "/run/kexec-bls",
		stateDir:    "/var/lib/kexec-bls",
		rootFS:      os.DirFS("/"),
		uid:         os.Geteuid,
		self:        again,
		volumes:     esp.Find,
		load:        calls.Load,
		unload:      calls.Unload,
		loaded:      calls.Loaded,
		jump:        jumpNow,
		init:        system.Init,
		systemctl:   system.Kexec,
		native:      system.NativeKexec,
		reset:       system.Reboot,
		nativeReset: system.NativeReboot,
		unschedule:  system.Cancel,
		dropShot: func() (func() error, error) {
			saved, err := vars.Consume("LoaderEntryOneShot")
			return func() error { return vars.Restore(saved) }, err
		},
		journal: sendToJournal,
		ask: func(ctx context.Context, opt menu.Options) (menu.Choice, error) {
			opt.In, opt.Out = os.Stdin, os.Stdout
			return menu.Run(ctx, opt)
		},
		ending:       system.Ending,
		reached:      system.Reached,
		unloadModule: system.UnloadModule,
		loadModule:   system.LoadModule,
		settle:       time.Second,
		rootDir:      "/",
		program:      "/proc/self/exe",
	}
}

// again is this program once more, whatever has become of its file.
func again(args []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0] // for ps(1)
	return cmd
}

// arch is EFI's name of the machine's architecture, as in the key
// "architecture" of an entry.
func (m *machine) arch() string { return uki.ArchName(uki.MachineFor(m.goarch)) }

// readLine reads a small file of procfs or sysfs, without its newline; "" when
// it cannot be read.
func readLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\n")
}

func (m *machine) cmdline() string { return m.facts().Cmdline() }

func (m *machine) release() string { return m.facts().Release() }

func (m *machine) bootID() string { return m.facts().BootID() }

// kexeced reports whether the running kernel is known to be started by kexec.
func (m *machine) kexeced() bool { return m.facts().Kexeced() == host.Yes }
