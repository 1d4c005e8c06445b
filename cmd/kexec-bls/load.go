package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	cmd := &cobra.Command{
		Use:   "load [ENTRY | --linux FILE [--initrd FILE]...]",
		Short: "load an entry, or files by hand, for the next kexec; no reboot",
		Args:  maxArgs(1),
		RunE: undoing(func(cmd *cobra.Command, args []string) error {
			line.replaceSet = cmd.Flags().Changed("command-line")
			switch {
			case kernel == "" && len(initrds) > 0:
				return usagef("--initrd goes with --linux")
			case kernel != "" && len(args) > 0:
				return usagef("either an ENTRY or --linux")
			}
			t, err := a.loadTarget(argument(args), kernel, initrds, &line)
			if err != nil {
				return err
			}
			defer t.close()
			return a.loadOnly(cmd.Context(), t, blob)
		}),
	}
	cmd.Flags().StringVar(&kernel, "linux", "", "load this kernel `FILE` instead of an entry")
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
	return nil
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

// stage loads a target: image, system call, the kernel's word that it is
// there, receipt. An image that was loaded before stays if the call fails;
// after it, everything that goes wrong takes the new image down again.
func (a *app) stage(ctx context.Context, t *target, blob blobFlags) error {
	for _, w := range t.Warnings {
		a.warn("%s", w)
	}
	bar := a.progress("joining initrds")
	image, err := t.Image(bar.tick)
	bar.done()
	if err != nil {
		return t.failed(err)
	}
	defer image.Close()
	if err := ctx.Err(); err != nil {
		return err
	}
	if before, err := a.loaded(); err == nil && before {
		t.replaced = "; the kernel that was loaded before is gone too"
	}
	opt := kexec.Options{Syscall: blob.syscall, Debug: a.flags.verbose > 1}
	if opt.Debug {
		opt.Said = func(line string) { a.note("kernel: %s", line) }
	}
	if err := a.load(ctx, image.Kernel, image.Initrd, t.Cmdline, opt); err != nil {
		return t.failed(err)
	}
	if err := a.confirm(t); err != nil {
		return errors.Join(fmt.Errorf("%s: %w; unloaded again%s", t.label(), err, t.replaced), a.forget())
	}
	return nil
}

// confirm asks the kernel whether the image is there, and writes the receipt.
func (a *app) confirm(t *target) error {
	loaded, err := a.loaded()
	if err != nil {
		return err
	}
	if !loaded {
		return errors.New("the kernel took the image and has none loaded")
	}
	r, err := a.receipt(t)
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	if err := r.Write(a.runDir); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	return nil
}

func (a *app) receipt(t *target) (loader.Receipt, error) {
	r := loader.Receipt{
		Schema: 1, BootID: a.bootID(), Named: t.named, Cmdline: t.Cmdline, Time: time.Now().UTC(),
	}
	r.Release, _, _ = strings.Cut(t.kernel.Version, " ")
	if t.entry != nil {
		r.Entry, r.Title, r.Version = t.entry.ID, t.entry.Title, t.entry.Version
		for _, v := range t.survey.volumes {
			r.Volumes = append(r.Volumes, loader.VolumeStamp{Source: v.Kind.String(), Dir: v.Dir, Device: v.Device, PartUUID: v.PartUUID})
		}
	}
	var err error
	r.Files, err = t.Stamps()
	return r, err
}

// forget drops the loaded image and the receipt of it.
func (a *app) forget() error {
	return errors.Join(a.unload(), loader.RemoveReceipt(a.runDir))
}

func newUnload(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "unload",
		Short: "drop the loaded kernel",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := a.forget(); err != nil {
				return err
			}
			a.note("no kernel is loaded now")
			return nil
		},
	}
}
