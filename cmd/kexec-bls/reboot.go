package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/flags"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
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
	// auto asks for the least reboot, soft allows one of userspace alone.
	auto, soft bool
	plan       planFlags
	unlock     flags.Unlock
}

func newReboot(a *app) *cobra.Command {
	var o rebootFlags
	cmd := &cobra.Command{
		Use:   "reboot [ENTRY]",
		Short: "Load an entry and reboot into it",
		Long: `Load what the boot loader would boot next, or ENTRY, and reboot into it through
systemd. Nothing is half done: if anything fails, no kernel stays loaded and
the system goes on as it was.`,
		Args: entryArg,
		RunE: withSignalCancel(func(cmd *cobra.Command, args []string) error {
			if err := o.check(len(args) > 0); err != nil {
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
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "Run all checks, show what would be loaded, and stop")
	f.BoolVar(&o.menu, "menu", false, "Choose the entry on the terminal, with its plan and findings in view")
	f.BoolVar(&o.loaded, "loaded", false, "Start what is loaded already, whoever loaded it")
	f.BoolVar(&o.firmware, "firmware", false, "Reboot through firmware, whatever is loaded")
	f.BoolVar(&o.orFirmware, "or-firmware", false, "Reboot through firmware if kexec is not possible")
	f.BoolVar(&o.auto, "auto", false, "Reboot no more than is needed: not at all, userspace, kexec or through firmware")
	f.BoolVar(&o.soft, "allow-soft-reboot", false, "With --auto: reboot userspace alone where only that has changed")
	f.StringVar(&o.init.When, "when", "", "Reboot at `TIME` (default: now); show shows a scheduled reboot, cancel cancels it")
	f.StringVar(&o.init.Message, "message", "", "Show this `TEXT` to users on terminals (default: kexec into ENTRY)")
	f.BoolVar(&o.init.NoWall, "no-wall", false, "Do not notify users on terminals")
	f.BoolVar(&o.init.NoBlock, "no-block", false, "Do not wait for the reboot to begin")
	f.StringVar(&o.init.CheckInhibitors, "check-inhibitors", "", "Respect inhibitors, `WHEN` is auto, yes or no (default: auto)")
	f.BoolVar(&o.init.Force, "force", false, "Do not stop services first; without systemd: sync and start at once")
	o.plan.addLine(cmd)
	o.plan.addInitrd(cmd)
	o.plan.try.Add(cmd)
	o.unlock.Add(f)
	return cmd
}

// check refuses flags that exclude each other.
func (o rebootFlags) check(named bool) error {
	trying, other := o.plan.try.Given(), o.loaded || o.firmware || o.menu || o.init.When != ""
	if err := errors.Join(o.plan.try.Check(), o.unlock.Check(other || trying || o.orFirmware || o.auto || o.init.Force)); err != nil {
		return usagef("%w", err)
	}
	if err := o.init.Valid(); err != nil {
		return usagef("--check-inhibitors: %w", err)
	}
	switch {
	case o.auto && (named || o.loaded || o.firmware || o.menu || trying || o.init.When == "cancel"):
		return usagef("--auto cannot be combined with an ENTRY, --loaded, --firmware, --menu, --try and --when=cancel")
	case o.soft && !o.auto:
		return usagef("--allow-soft-reboot requires --auto")
	case trying && other:
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

// reboot chooses the way, and records a reboot that will not be.
func (a *app) reboot(ctx context.Context, name string, o rebootFlags) error {
	r := report.NewReboot(string(journal.Kexec), o.init.When, name)
	err := a.rebootBy(ctx, name, o, r)
	if err != nil && !o.dryRun {
		a.record(r, err)
	}
	return err
}

// record puts a reboot into the journal; err is why it failed, nil where it was
// accepted.
func (a *app) record(r *report.Reboot, err error) {
	act := journal.Act{Kind: journal.Reboot, Way: journal.Way(r.Way), Why: r.Why, Took: r.Took(), Err: err}
	if r.Entry != nil {
		act.Entry = string(r.Entry.ID)
	}
	a.journal(act)
}

func (a *app) rebootBy(ctx context.Context, name string, o rebootFlags, r *report.Reboot) error {
	switch {
	case o.init.When == "cancel":
		return a.cancel(ctx, o, r)
	case o.firmware:
		return a.throughFirmware(ctx, o, r)
	case o.loaded:
		return a.rebootLoaded(ctx, o, r)
	case o.auto:
		return a.rebootAuto(ctx, o, r)
	}
	return a.kexecOrFirmware(ctx, name, o, r)
}

func (a *app) kexecOrFirmware(ctx context.Context, name string, o rebootFlags, r *report.Reboot) error {
	err := a.kexecInto(ctx, name, o, r)
	if err == nil || !o.orFirmware || ctx.Err() != nil || !kexecFailed(name, err) {
		return err
	}
	r.Why = usage.Cause(err)
	warning := "no kexec: " + r.Why
	if name != "" {
		warning += "; firmware boots its own choice, not " + name
	}
	a.Warn("%s", warning)
	return a.throughFirmware(ctx, o, r)
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
func (a *app) rebootOptions(o rebootFlags, r *report.Reboot) loader.RebootOptions {
	f, ok := a.Err.(*os.File)
	o.init.Stdout, o.init.Terminal, o.init.Quiet = a.Err, ok && term.IsTerminal(int(f.Fd())), a.flags.quiet
	return loader.RebootOptions{
		Init: o.init, DryRun: o.dryRun, Load: a.loadOptions(o.plan), OnAccepted: func() { a.accepted(r) },
		OnFindings: func(found []loader.Finding) { a.warnFindings(found, a.ignored(o.plan)) },
		OnStart:    func() { a.announce(r, o) }, Unlock: o.unlock.Options(a.Note),
	}
}

// accepted reports to scripts and the journal that the reboot will be. That nobody reads
// it is no reason to fail.
func (a *app) accepted(r *report.Reboot) {
	r.Accepted = time.Now().UTC()
	a.record(r, nil)
	a.announceSchedule(r)
	if line := r.Done(); line != "" {
		a.Note("%s", line)
	}
	if _, err := a.json(r); err != nil {
		a.Warn("%v", err)
	}
}

func (a *app) kexecInto(ctx context.Context, name string, o rebootFlags, r *report.Reboot) error {
	t, err := a.target(ctx, name, o.plan)
	if err != nil {
		return err
	}
	defer t.close()
	if r.Entry = report.RefOf(t.Entry()); r.Entry == nil {
		r.Entry = report.Named(t.Name())
	}
	opt := a.rebootOptions(o, r)
	if o.dryRun {
		return a.rebootDry(ctx, t, opt)
	}
	if o.orFirmware {
		if err := a.machine.Untried(t.Plan, a.ignored(o.plan)...); err != nil {
			return fmt.Errorf("%w; --ignore=%s tries it again", err, loader.FindingKexecMissed)
		}
	}
	r.Release = t.Release()
	begun := time.Now()
	opt.OnTry = func(try loader.Try) { a.Note("%s", try) }
	opt.OnLoaded = func(_ loader.Receipt, err error) {
		a.journal(journal.Act{Kind: journal.Load, Entry: t.Name(), Took: time.Since(begun), Err: err})
	}
	return a.machine.Reboot(ctx, t.Plan, opt)
}

// announce tells a person what happens next; a trial has said so.
func (a *app) announce(r *report.Reboot, o rebootFlags) {
	if !o.init.Terminal || o.init.When != "" || o.plan.try.Given() {
		return
	}
	boot, _ := a.boot() // what cannot be read is not known
	for _, line := range r.Steps(a.machine.Host.Release(), o.init.Force, boot) {
		a.Note("%s", line)
	}
}

// rebootDry shows the plan, and ends in a verdict.
func (a *app) rebootDry(ctx context.Context, t *target, opt loader.RebootOptions) error {
	var found []loader.Finding
	warn := opt.OnFindings
	opt.OnFindings = func(l []loader.Finding) { found = l; warn(l) }
	plan := a.planReport(t)
	asJSON, err := a.json(plan)
	if !asJSON {
		plan.OnlyIgnored(opt.Load.Ignore) // Reboot tells of the others
		plan.Print(a.UI)
	}
	err = errors.Join(err, a.machine.Reboot(ctx, t.Plan, opt))
	if err == nil {
		a.Note("%s", report.Verdict(t.Name(), found, opt.Load.Ignore))
	}
	return err
}

func (a *app) rebootLoaded(ctx context.Context, o rebootFlags, r *report.Reboot) error {
	if receipt, err := a.machine.Receipt(); err == nil {
		r.Entry, r.Release = report.Named(receipt.Name()), string(receipt.Release)
	}
	err := a.machine.RebootLoaded(ctx, a.rebootOptions(o, r))
	if err == nil && o.dryRun {
		err = a.would(r, a.machine.LoadedName()+" would be started by kexec; nothing was changed")
	}
	return err
}

// would reports what --dry-run did not do.
func (a *app) would(r *report.Reboot, what string) error {
	a.Note("%s", what)
	_, err := a.json(r)
	return err
}

// throughFirmware is an ordinary reboot that no loaded image can turn into a
// kexec.
func (a *app) throughFirmware(ctx context.Context, o rebootFlags, r *report.Reboot) error {
	r.Way, r.Release, r.Entry = string(journal.Firmware), "", nil
	err := a.machine.RebootFirmware(ctx, a.rebootOptions(o, r))
	if err == nil && o.dryRun {
		err = a.would(r, "the machine would reboot through firmware; nothing was changed")
	}
	return err
}

// cancel cancels a scheduled reboot, and drops our image with it.
func (a *app) cancel(ctx context.Context, o rebootFlags, r *report.Reboot) error {
	r.Way = string(journal.Cancelled)
	_, scheduled := a.machine.Schedule()
	r.SetIdle(!scheduled)
	if o.dryRun {
		return a.would(r, "a scheduled reboot would be cancelled, and what kexec-bls has loaded be unloaded")
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
