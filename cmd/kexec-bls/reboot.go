package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// rebootFlags are the ones that systemctl has too, and ours.
type rebootFlags struct {
	init                 reboot.Options
	dryRun, loaded, menu bool
	// firmware asks for an ordinary reboot, orFirmware for one where kexec is
	// impossible.
	firmware, orFirmware bool
	plan                 planFlags
}

func newReboot(a *app) *cobra.Command {
	var o rebootFlags
	cmd := &cobra.Command{
		Use:   "reboot [ENTRY]",
		Short: "Load an entry and reboot into it",
		Long: `Load what the boot loader would boot next, or ENTRY, and reboot into it through
systemd. Nothing is half done: if anything fails, no kernel stays loaded and
the system goes on as it was.`,
		Args: maxArgs(1),
		RunE: withSignalCancel(func(cmd *cobra.Command, args []string) error {
			o.plan.given(cmd)
			if err := errors.Join(notEmpty(cmd, args), o.check(len(args) > 0)); err != nil {
				return err
			}
			if o.init.When == "show" {
				return a.showSchedule(len(args) > 0)
			}
			if o.menu {
				return a.rebootMenu(cmd.Context(), o)
			}
			return a.reboot(cmd.Context(), argument(args), o)
		}),
	}
	f := cmd.Flags()
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "Show what would be loaded and stop")
	f.BoolVar(&o.menu, "menu", false, "Choose the entry on the terminal, with its plan and findings in view")
	f.BoolVar(&o.loaded, "loaded", false, "Start what is loaded already, whoever loaded it")
	f.BoolVar(&o.firmware, "firmware", false, "Reboot through firmware, whatever is loaded")
	f.BoolVar(&o.orFirmware, "or-firmware", false, "Reboot through firmware if kexec is not possible")
	f.StringVar(&o.init.When, "when", "", "Reboot at `TIME`; show shows a scheduled reboot, cancel cancels it")
	f.StringVar(&o.init.Message, "message", "", "Show this `TEXT` to users on terminals")
	f.BoolVar(&o.init.NoWall, "no-wall", false, "Do not notify users on terminals")
	f.BoolVar(&o.init.NoBlock, "no-block", false, "Do not wait for the reboot to begin")
	f.StringVar(&o.init.CheckInhibitors, "check-inhibitors", "", "Respect inhibitors: auto, yes or no")
	f.BoolVar(&o.init.Force, "force", false, "Do not stop services first; without systemd: sync and start at once")
	o.plan.addLine(cmd)
	o.plan.addInitrd(cmd)
	o.plan.try.add(cmd)
	return cmd
}

// check refuses flags that exclude each other.
func (o rebootFlags) check(named bool) error {
	if err := o.plan.try.check(); err != nil {
		return err
	}
	if err := o.init.Valid(); err != nil {
		return usagef("--check-inhibitors: %w", err)
	}
	switch {
	case o.plan.try.limit != 0 && (o.loaded || o.firmware || o.menu || o.init.When != ""):
		return usagef("--try cannot be combined with --loaded, --firmware, --menu and --when")
	case o.menu && (named || o.loaded || o.firmware || o.init.When == "cancel"):
		return usagef("--menu chooses the ENTRY and cannot be combined with --loaded, --firmware and --when=cancel")
	case o.loaded && named:
		return usagef("an ENTRY cannot be combined with --loaded")
	case o.firmware && (named || o.loaded || o.orFirmware):
		return usagef("--firmware cannot be combined with an ENTRY, --loaded and --or-firmware: the firmware chooses what boots")
	case o.loaded && o.orFirmware:
		return usagef("--loaded cannot be combined with --or-firmware")
	}
	return nil
}

// A rebootReport is reboot --json, printed once the reboot is accepted.
type rebootReport struct {
	Schema int `json:"schema"`
	// Way is kexec or firmware; cancelled for --when=cancel.
	Way journal.Way `json:"way"`
	// Entry is absent where the firmware chooses, or where a kernel that others
	// loaded is started.
	Entry   *report.EntryRef `json:"entry,omitempty"`
	Release string           `json:"release,omitempty"` // of the kernel, where it is known
	Why     string           `json:"why,omitempty"`     // the firmware: why no kexec
	When    string           `json:"when"`              // now, or the value of --when=
	// At is when a scheduled reboot will be, where systemd shows that.
	At time.Time `json:"at,omitzero"`
	// Accepted is when the init system accepted the request.
	Accepted time.Time `json:"accepted"`

	begun time.Time
}

func newRebootReport(o rebootFlags, name string) *rebootReport {
	r := &rebootReport{Schema: report.Schema, Way: journal.Kexec, When: o.init.When, begun: time.Now()}
	if r.When == "" {
		r.When = "now"
	}
	r.setEntry(name)
	return r
}

func (r *rebootReport) setEntry(name string) {
	if r.Entry = nil; name != "" {
		r.Entry = &report.EntryRef{ID: loader.Text(name)}
	}
}

func (r *rebootReport) act(err error) journal.Act {
	act := journal.Act{Kind: journal.Reboot, Way: r.Way, Why: r.Why, Took: time.Since(r.begun), Err: err}
	if r.Entry != nil {
		act.Entry = string(r.Entry.ID)
	}
	return act
}

// reboot chooses the way, and records a reboot that will not be.
func (a *app) reboot(ctx context.Context, name string, o rebootFlags) error {
	r := newRebootReport(o, name)
	err := a.rebootBy(ctx, name, o, r)
	if err != nil && !o.dryRun {
		a.journal(r.act(err))
	}
	return err
}

func (a *app) rebootBy(ctx context.Context, name string, o rebootFlags, r *rebootReport) error {
	switch {
	case o.init.When == "cancel":
		return a.cancel(ctx, o, r)
	case o.firmware:
		return a.throughFirmware(ctx, o, r)
	case o.loaded:
		return a.rebootLoaded(ctx, o, r)
	}
	err := a.kexecInto(ctx, name, o, r)
	if err != nil && o.orFirmware && ctx.Err() == nil && kexecFailed(name, err) {
		a.Warn("no kexec: %v", err)
		r.Why = err.Error()
		return a.throughFirmware(ctx, o, r)
	}
	return err
}

// kexecFailed reports whether a reboot through the firmware would help: not where
// the user named an entry that is not there, or that only firmware can start, and
// not where the reboot itself was refused.
func kexecFailed(name string, err error) bool {
	var refused *loader.RebootError
	named := name != "" && name != "@default"
	return !errors.As(err, &refused) && !(named && errors.Is(err, entries.ErrNoEntry))
}

// rebootOptions let the user see what systemctl prints. Its complaints are in the
// error.
func (a *app) rebootOptions(o rebootFlags, r *rebootReport) loader.RebootOptions {
	f, ok := a.Err.(*os.File)
	o.init.Stdout, o.init.Terminal, o.init.Quiet = a.Err, ok && term.IsTerminal(int(f.Fd())), a.flags.quiet
	return loader.RebootOptions{
		Init: o.init, Load: a.loadOptions(o.plan), OnFindings: a.reportFindings(a.ignored(o.plan)), OnAccepted: func() { a.accepted(r) },
	}
}

// accepted reports to scripts and the journal that the reboot will be. That nobody reads
// it is no reason to fail.
func (a *app) accepted(r *rebootReport) {
	r.Accepted = time.Now().UTC()
	a.journal(r.act(nil))
	a.announceSchedule(r)
	if _, err := a.json(r); err != nil {
		a.Warn("%v", err)
	}
}

func (a *app) kexecInto(ctx context.Context, name string, o rebootFlags, r *rebootReport) error {
	t, err := a.target(ctx, name, o.plan)
	if err != nil {
		return err
	}
	defer t.close()
	r.setEntry(t.Name())
	if o.dryRun {
		return a.dryRun(ctx, t, o)
	}
	if o.orFirmware {
		if err := a.machine.Untried(t.Plan, a.ignored(o.plan)...); err != nil {
			return fmt.Errorf("%w; --ignore=%s tries it again", err, loader.FindingKexecMissed)
		}
	}
	r.Release = t.Release()
	begun := time.Now()
	opt := a.rebootOptions(o, r)
	opt.OnTry = func(try loader.Try) { a.Note("%s", try) }
	opt.OnLoaded = func(_ loader.Receipt, err error) {
		a.journal(journal.Act{Kind: journal.Load, Entry: t.Name(), Took: time.Since(begun), Err: err})
	}
	return a.machine.Reboot(ctx, t.Plan, opt)
}

// dryRun shows the plan, and fails where the reboot would.
func (a *app) dryRun(ctx context.Context, t *target, o rebootFlags) error {
	ignore := a.ignored(o.plan)
	found := a.findings(ctx, t)
	a.reportFindings(ignore)(found)
	if err := errors.Join(a.showTarget(t), a.machine.Acceptable(t.Plan, loader.LoadOptions{Ignore: ignore})); err != nil {
		return err
	}
	if blocking := loader.Blocking(found, ignore...); len(blocking) > 0 {
		return &loader.BlockedError{Name: t.Name(), Findings: blocking}
	}
	return a.machine.CanReboot(ctx, a.rebootOptions(o, nil))
}

func (a *app) rebootLoaded(ctx context.Context, o rebootFlags, r *rebootReport) error {
	if receipt, err := a.machine.Receipt(); err == nil {
		r.setEntry(receipt.Name())
	}
	if !o.dryRun {
		return a.machine.RebootLoaded(ctx, a.rebootOptions(o, r))
	}
	loaded, err := a.machine.IsLoaded()
	if err != nil {
		return err
	}
	if !loaded {
		return loader.ErrNothingLoaded
	}
	ignore := a.ignored(o.plan)
	found := a.machine.CheckLoaded(a.checkOptions())
	a.reportFindings(ignore)(found)
	a.Note("the loaded kernel would be started")
	if blocking := loader.Blocking(found, ignore...); len(blocking) > 0 {
		return &loader.BlockedError{Name: a.machine.LoadedName(), Findings: blocking}
	}
	return nil
}

// throughFirmware is an ordinary reboot that no loaded image can turn into a
// kexec.
func (a *app) throughFirmware(ctx context.Context, o rebootFlags, r *rebootReport) error {
	r.Way, r.Release = journal.Firmware, ""
	r.setEntry("")
	if o.dryRun {
		a.Note("the machine would reboot through firmware")
		return nil
	}
	return a.machine.RebootFirmware(ctx, a.rebootOptions(o, r))
}

// cancel cancels a scheduled reboot, and drops our image with it.
func (a *app) cancel(ctx context.Context, o rebootFlags, r *rebootReport) error {
	r.Way = journal.Cancelled
	if o.dryRun {
		a.Note("a scheduled reboot would be cancelled, and what kexec-bls has loaded be unloaded")
		return nil
	}
	kept, err := a.machine.Cancel(ctx, a.rebootOptions(o, r))
	if err != nil {
		return err
	}
	if kept != "" {
		a.Note("the loaded kernel remains loaded: %s; kexec-bls unload drops it", kept)
	}
	a.accepted(r)
	return nil
}
