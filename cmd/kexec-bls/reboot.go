package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// rebootFlags are the ones that systemctl has too, and ours.
type rebootFlags struct {
	systemd        reboot.Options
	dryRun, loaded bool
	menu           bool
	// firmware asks for an ordinary reboot, orFirmware for one where kexec is
	// impossible.
	firmware, orFirmware bool
	blob                 blobFlags
	report               *rebootReport
}

func newReboot(a *app) *cobra.Command {
	var line lineFlags
	var opt rebootFlags
	cmd := &cobra.Command{
		Use:   "reboot [ENTRY]",
		Short: "load an entry and reboot into it",
		Long: `Load what the boot loader would boot next, or ENTRY, and reboot into it through
systemd. Nothing is half done: if anything fails, no kernel stays loaded and
the system goes on as it was.`,
		Args: maxArgs(1),
		RunE: undoing(func(cmd *cobra.Command, args []string) error {
			line.replaceSet = cmd.Flags().Changed("command-line")
			line.given = given(cmd)
			if err := opt.check(len(args) > 0); err != nil {
				return err
			}
			if opt.menu {
				return a.rebootMenu(cmd.Context(), opt, &line)
			}
			return a.reboot(cmd.Context(), argument(args), opt, &line)
		}),
	}
	f := cmd.Flags()
	f.BoolVarP(&opt.dryRun, "dry-run", "n", false, "show what would be loaded and stop")
	f.BoolVar(&opt.menu, "menu", false, "choose the entry on the terminal, with its plan and findings in view")
	f.BoolVar(&opt.loaded, "loaded", false, "jump into what is loaded already, whoever loaded it")
	f.BoolVar(&opt.firmware, "firmware", false, "an ordinary reboot, which no loaded kernel turns into a kexec")
	f.BoolVar(&opt.orFirmware, "or-firmware", false, "that, where kexec is impossible")
	f.StringVar(&opt.systemd.When, "when", "", "reboot at `TIME`; cancel takes it back")
	f.StringVar(&opt.systemd.Message, "message", "", "the `TEXT` that users on terminals are shown")
	f.BoolVar(&opt.systemd.NoWall, "no-wall", false, "do not tell users on terminals")
	f.BoolVar(&opt.systemd.NoBlock, "no-block", false, "do not wait for the reboot to begin")
	f.StringVar(&opt.systemd.CheckInhibitors, "check-inhibitors", "", "auto, yes or no")
	f.BoolVar(&opt.systemd.Force, "force", false, "do not stop services first; without systemd: sync and jump at once")
	line.add(cmd)
	opt.blob.add(cmd)
	return cmd
}

// check refuses flags that exclude each other.
func (o rebootFlags) check(named bool) error {
	switch {
	case o.menu && (named || o.loaded || o.firmware || o.systemd.When == "cancel"):
		return usagef("--menu chooses the ENTRY, and goes without --loaded, --firmware and --when=cancel")
	case o.loaded && named:
		return usagef("either an ENTRY or --loaded")
	case o.firmware && (named || o.loaded || o.orFirmware):
		return usagef("--firmware goes alone: the firmware chooses what boots")
	case o.loaded && o.orFirmware:
		return usagef("either --loaded or --or-firmware")
	}
	return nil
}

// reboot chooses the way, and records a reboot that will not be.
func (a *app) reboot(ctx context.Context, name string, opt rebootFlags, line *lineFlags) error {
	opt.report = newRebootReport(opt.systemd.When)
	opt.report.Entry = name
	err := a.rebootBy(ctx, name, opt, line)
	if err != nil && !opt.dryRun {
		a.record(opt.report.act(err))
	}
	return err
}

// rebootBy is the order of acts: choose, plan, check, load, confirm, receipt,
// one-shot, reboot. What fails after the load undoes what was done.
func (a *app) rebootBy(ctx context.Context, name string, opt rebootFlags, line *lineFlags) error {
	switch {
	case opt.systemd.When != "" && a.init() != host.Systemd:
		return errors.New("systemd does not run here, and nothing else takes a time: this would be a reboot at once; leave out --when")
	case opt.systemd.When == "cancel":
		return a.cancel(ctx, opt)
	case opt.firmware:
		return a.throughFirmware(ctx, opt)
	case opt.loaded:
		return a.rebootLoaded(ctx, opt)
	}
	begun, err := a.kexecInto(ctx, name, opt, line)
	if err != nil && !begun && opt.orFirmware && ctx.Err() == nil && !namesNothing(name, err) {
		a.warn("no kexec: %v", err)
		opt.report.Why = err.Error()
		return a.throughFirmware(ctx, opt)
	}
	return err
}

// namesNothing says that the user asked for an entry that there is not, or that
// only the firmware can start: no reboot through it would bring that up.
func namesNothing(name string, err error) bool {
	return name != "" && name != "@default" && errors.Is(err, entries.ErrNoEntry)
}

// kexecInto loads an entry and reboots into it. begun says that the kernel was
// loaded: what failed then was not the kexec but the reboot.
func (a *app) kexecInto(ctx context.Context, name string, opt rebootFlags, line *lineFlags) (begun bool, err error) {
	t, err := a.target(name, line)
	if err != nil {
		return false, err
	}
	defer t.close()
	opt.report.Entry = t.label()
	opt.blob.ignore = a.ignored(opt.blob.ignore)
	if err := a.accept(t, opt.blob); err != nil {
		return false, err
	}
	blocked := a.preflight(t, opt.blob.ignore)
	if opt.dryRun {
		return false, errors.Join(a.showTarget(t), blocked)
	}
	if blocked != nil {
		return false, blocked
	}
	if err := a.canReboot(opt); err != nil {
		return false, err
	}
	if err := a.flattenTarget(t, opt.blob); err != nil {
		return false, err
	}
	t.once = !t.named && t.survey.choice.OneShot
	if err := a.stage(ctx, t, opt.blob); err != nil {
		return false, err
	}
	opt.report.Release = t.release()
	undo, err := a.useUpOneShot(t)
	if err == nil {
		err = a.end(ctx, opt, "kexec into "+t.label())
	}
	if err != nil {
		restored := undo()
		return true, errors.Join(a.undoLoad(t, fmt.Errorf("%w; nothing was rebooted", err)), restored)
	}
	return true, nil
}

func (a *app) rebootLoaded(ctx context.Context, opt rebootFlags) error {
	if !opt.dryRun {
		lock, err := a.lock(ctx)
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	loaded, err := a.loaded()
	if err != nil {
		return err
	}
	if !loaded {
		return errors.New("no kernel is loaded; load one with kexec-bls load, or leave out --loaded")
	}
	blocked := a.preflightLoaded(a.ignored(opt.blob.ignore))
	if opt.dryRun {
		a.note("the loaded kernel would be started")
	}
	if opt.dryRun || blocked != nil {
		return blocked
	}
	if err := a.canReboot(opt); err != nil {
		return err
	}
	if err := a.putStandIn(); err != nil { // the image may be another program's
		return err
	}
	what := "the loaded kernel"
	if opt.report.Entry = a.receiptLabel(); opt.report.Entry != "" {
		what = opt.report.Entry
	}
	return a.end(ctx, opt, "kexec into "+what)
}

// useUpOneShot deletes the one-shot setting if it chose the entry, as the boot
// loader would have; undo puts it back.
func (a *app) useUpOneShot(t *target) (undo func() error, err error) {
	nothing := func() error { return nil }
	if !t.once {
		return nothing, nil
	}
	if t.survey.grub != nil {
		undo, err = t.survey.grub.UseUpNext()
	} else {
		undo, err = a.dropShot()
	}
	if err != nil {
		return nothing, fmt.Errorf("%s: %w", t.why, err)
	}
	return undo, nil
}
