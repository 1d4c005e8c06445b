// Package loader takes one entry of a system through kexec: NewPlan works out
// what the kernel would be given and what it would make of it, Load gives it to
// the kernel and records that, Reboot goes on into it. Everything that a load or
// a reboot has changed is undone where it fails.
//
// Nothing is printed. Errors may carry a hint, see package hint.
package loader

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// What is found about a plan and a machine.
type (
	// A Finding is one thing that a look at an initrd or a machine brings up: ID,
	// Severity, Text (one clause: what it is), Hint (one clause: what to do, ""
	// for nothing), and where they apply Member, Offset, Stream, Volume, PCRs and
	// Predicted, as in the JSON of check, which it becomes. Ignored reports
	// whether its ID is among some, String is one line.
	Finding = finding.Finding
	// A Severity is what a finding means: SeverityError, SeverityWarning or
	// SeverityInfo.
	Severity = finding.Severity
	// A FindingID names a kind of finding. It is stable: Topics lists them,
	// ParseFinding reads one.
	FindingID = finding.ID
)

// Severities, the gravest first.
const (
	SeverityError   = finding.Error
	SeverityWarning = finding.Warning
	SeverityInfo    = finding.Info
	// AllFindings is every FindingID where some are ignored.
	AllFindings = finding.All
)

// What is recorded of loads and reboots.
type (
	// A Receipt records what was loaded, by which request and from what; package
	// state has the fields of this and the next three.
	Receipt = state.Receipt
	// A Request is what a load was asked for.
	Request = state.Request
	// A Boot is how the running system was started.
	Boot = state.Boot
	// A RebootDuration is how long a reboot took.
	RebootDuration = state.RebootDuration
	// Text is a string of any bytes. In JSON one that is not UTF-8, or begins with
	// a backslash, is a backslash and its bytes in hexadecimal.
	Text = raw.String
	// A Change is a kernel parameter that the running system has and the next has
	// not, or the reverse: Parameter, and Added for one of the next.
	Change = cmdline.Change
)

// BlessMask is the one kernel parameter that is added by default, where boot
// counting is active.
const BlessMask = cmdline.BlessMask

// ErrBusy means that another process keeps changing what is loaded.
var ErrBusy = state.ErrBusy

// A Machine is what a load and a reboot act on. Running returns the real one;
// tests replace its functions.
type Machine struct {
	Host   host.Machine
	Vars   efivar.Vars
	Kernel kexec.Calls
	Init   reboot.System
	// RunDir has the receipt of what is loaded and the lock, StateDir what one boot
	// leaves for the next.
	RunDir, StateDir string
	// Program is a static executable that answers to the name kexec.
	Program string
	// LockTimeout is how long to wait for another load; 0 is 5 seconds.
	LockTimeout time.Duration
	// Settle is how long files have to stay unchanged before they are loaded again;
	// 0 is 2 seconds.
	Settle time.Duration
}

// Running returns the machine that the process runs on.
func Running() *Machine {
	return &Machine{
		Host: host.Running(), Kernel: kexec.Syscalls(), Init: reboot.Running(),
		RunDir: "/run/kexec-bls", StateDir: "/var/lib/kexec-bls", Program: "/proc/self/exe",
	}
}

// Load loads a plan on the running machine, see Machine.Load.
func Load(ctx context.Context, p *Plan, opt LoadOptions) (Receipt, error) {
	return Running().Load(ctx, p, opt)
}

// Unload drops what is loaded on the running machine, see Machine.Unload.
func Unload(ctx context.Context) error {
	_, err := Running().Unload(ctx)
	return err
}

// Status returns what is loaded on the running machine, see Machine.Status.
func Status(ctx context.Context, sys *entries.System) (Loaded, error) {
	return Running().Status(ctx, sys, StatusOptions{})
}

// Reboot loads a plan and reboots into it, see Machine.Reboot.
func Reboot(ctx context.Context, p *Plan, opt RebootOptions) error {
	return Running().Reboot(ctx, p, opt)
}

// lock keeps other processes from changing what is loaded. Who lacks the right to
// load is told so, and not that a directory cannot be written.
func (m *Machine) lock(ctx context.Context) (*os.File, error) {
	l := state.Locker{Dir: m.RunDir, Timeout: m.LockTimeout, Holder: m.Host.LockHolder}
	f, err := l.Lock(ctx)
	if errors.Is(err, fs.ErrPermission) {
		err = cmp.Or(m.forbidden(), err)
	}
	return f, err
}

// forbidden is the error of a load, where it is certain that the process may not
// load a kernel, and so not change what is loaded; else nil.
func (m *Machine) forbidden() error {
	why, certain := preflight.Permission(m.Host)
	if !certain {
		return nil
	}
	err := &kexec.LoadError{Errno: syscall.EPERM, Call: "kexec_file_load"}
	return hint.Errorf(why.Hint, "%w: %s", err, why.Text)
}

func (m *Machine) history() state.History { return state.History{Dir: m.StateDir} }

// runningSystem is what is known of the running system without any record.
func (m *Machine) runningSystem() state.RunningSystem {
	return state.RunningSystem{
		BootID: m.Host.BootID(), Cmdline: m.Host.Cmdline(), Release: m.Host.Release(),
		Kexeced: m.Host.Kexeced() == host.Yes, Started: m.Host.Started,
		Firmware: m.Host.Kexeced() == host.No,
	}
}

// Boot returns how the running system was started, as far as that is recorded.
// The error is that of reading; what was read in spite of it is valid.
func (m *Machine) Boot() (Boot, error) { return m.history().Boot(m.runningSystem()) }

// initramfs is where systemd-shutdown looks for a program to hand over to.
func (m *Machine) initramfs() string { return filepath.Join(m.Host.Dir, "run/initramfs") }
