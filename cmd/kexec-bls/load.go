package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

func newLoad(a *app) *cobra.Command {
	var line lineFlags
	var blob blobFlags
	var kernel string
	var initrds []string
	var escaped, ifNone bool
	cmd := &cobra.Command{
		Use:   "load [ENTRY | --linux FILE [--initrd FILE]...]",
		Short: "load an entry, or files by hand, for the next kexec; no reboot",
		Args:  maxArgs(1),
		RunE: undoing(func(cmd *cobra.Command, args []string) error {
			line.replaceSet = cmd.Flags().Changed("command-line")
			line.given = given(cmd)
			switch {
			case kernel == "" && len(initrds) > 0:
				return usagef("--initrd goes with --linux")
			case kernel != "" && len(args) > 0:
				return usagef("either an ENTRY or --linux")
			}
			name := argument(args)
			if escaped {
				name = unescape(name)
			}
			if there, err := a.loaded(); ifNone && err == nil && there {
				a.note("a kernel is loaded already and stays")
				return nil
			}
			t, err := a.loadTarget(name, kernel, initrds, &line)
			if err != nil {
				return err
			}
			defer t.close()
			return a.loadOnly(cmd.Context(), t, blob)
		}),
	}
	cmd.Flags().StringVar(&kernel, "linux", "", "load this kernel `FILE` instead of an entry")
	cmd.Flags().BoolVar(&ifNone, "if-none", false, "do nothing where a kernel is loaded already")
	cmd.Flags().BoolVar(&escaped, "escaped", false, "ENTRY may be escaped, as the name of a unit is")
	cmd.Flags().StringArrayVar(&initrds, "initrd", nil, "an initrd `FILE` for --linux; repeat in order")
	line.add(cmd)
	blob.add(cmd)
	return cmd
}

func (a *app) loadTarget(name, kernel string, initrds []string, line *lineFlags) (*target, error) {
	if kernel != "" {
		return a.byHand(kernel, initrds, line)
	}
	return a.target(name, line)
}

func (a *app) loadOnly(ctx context.Context, t *target, blob blobFlags) error {
	blob.ignore = a.ignored(blob.ignore)
	if err := a.accept(t, blob); err != nil {
		return err
	}
	if err := a.flattenTarget(t, blob); err != nil {
		return err
	}
	if err := a.stage(ctx, t, blob); err != nil {
		return err
	}
	a.note("%s is loaded; systemctl reboot and systemctl kexec will jump into it, kexec-bls unload forgets it", t.label())
	return a.tellLoad()
}

// accept judges a target that is to be loaded, and refuses one of which the
// kernel would silently drop a part.
func (a *app) accept(t *target, blob blobFlags) error {
	if err := a.judge(t, blob); err != nil {
		return err
	}
	if err := a.weigh(t.report.Findings, t.report.Lossy(blob.ignore...)); err != nil {
		return t.failed(err)
	}
	return nil
}

// flattenTarget does what --flat or the configuration asks for.
func (a *app) flattenTarget(t *target, blob blobFlags) error {
	if !blob.flat && !a.config.Initrd.Flat || len(t.Initrd) == 0 {
		return nil
	}
	var err error
	t.Initrd, t.flat, err = a.flatten(t.Initrd)
	if err != nil {
		return fmt.Errorf("%s: flat initrd: %w", t.label(), err)
	}
	return nil
}

// stage loads a target and records that it did.
func (a *app) stage(ctx context.Context, t *target, blob blobFlags) error {
	begun := time.Now()
	err := a.stageUnrecorded(ctx, t, blob)
	a.record(act{kind: "load", entry: t.label(), took: time.Since(begun), err: err})
	return err
}

// stageUnrecorded loads: image, lock, pending receipt, system call, the kernel's
// word that it is there, receipt. An image that was loaded before stays if the
// call fails; after it, everything that goes wrong takes the new image down
// again. The lock is the target's from then on.
func (a *app) stageUnrecorded(ctx context.Context, t *target, blob blobFlags) error {
	for _, w := range t.Warnings {
		a.warn("%s", w)
	}
	if err := a.enoughMemory(t, blob.ignore); err != nil {
		return err
	}
	bar := a.progress("joining initrds")
	image, err := t.Image(bar.tick)
	bar.done()
	if err != nil {
		return t.failed(err)
	}
	defer image.Close()
	if t.lock, err = a.lock(ctx); err != nil {
		return t.failed(err)
	}
	r := a.receipt(t)
	if err := r.Announce(a.runDir); err != nil {
		return fmt.Errorf("%s: receipt: %w; nothing was loaded", t.label(), err)
	}
	if before, err := a.loaded(); err == nil && before {
		t.replaced = "; the kernel that was loaded before is gone too"
	}
	opt := kexec.Options{Syscall: blob.syscall, Debug: a.flags.verbose > 1}
	if opt.Debug {
		opt.OnKernelLog = func(line string) { a.note("kernel: %s", line) }
	}
	if err := a.load(ctx, image.Kernel, image.Initrd, t.Cmdline, opt); err != nil {
		return errors.Join(t.failed(withHint(a.explained(a.preflightPlan(t), err))), loader.Withdraw(a.runDir))
	}
	if err := a.confirm(t, r); err != nil {
		return a.undoLoad(t, fmt.Errorf("%s: %w", t.label(), err))
	}
	return nil
}

func newUnload(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "unload",
		Short: "drop the loaded kernel",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.unloadAll(cmd.Context()) },
	}
}
