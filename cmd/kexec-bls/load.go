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
	var kernel string
	var initrds []string
	cmd := &cobra.Command{
		Use:   "load [ENTRY | --linux FILE [--initrd FILE]...]",
		Short: "load an entry, or files by hand, for the next kexec; no reboot",
		Args:  maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			line.replaceSet = cmd.Flags().Changed("command-line")
			switch {
			case kernel == "" && len(initrds) > 0:
				return usagef("--initrd goes with --linux")
			case kernel != "" && len(args) > 0:
				return usagef("either an ENTRY or --linux")
			}
			return a.loadOnly(cmd.Context(), argument(args), kernel, initrds, &line)
		},
	}
	cmd.Flags().StringVar(&kernel, "linux", "", "load this kernel `FILE` instead of an entry")
	cmd.Flags().StringArrayVar(&initrds, "initrd", nil, "an initrd `FILE` for --linux; repeat in order")
	line.add(cmd)
	return cmd
}

func (a *app) loadOnly(ctx context.Context, name, kernel string, initrds []string, line *lineFlags) error {
	var t *target
	var err error
	if kernel != "" {
		t, err = a.byHand(kernel, initrds, line)
	} else {
		t, err = a.target(name, line)
	}
	if err != nil {
		return err
	}
	defer t.close()
	if err := a.judge(t); err != nil {
		return err
	}
	if err := a.stage(ctx, t); err != nil {
		return err
	}
	a.note("%s is loaded; systemctl reboot and systemctl kexec will jump into it, kexec-bls unload forgets it", t.label())
	return nil
}

// stage loads a target: image, system call, the kernel's word that it is
// there, receipt. An image that was loaded before stays if the call fails;
// after it, everything that goes wrong takes the new image down again.
func (a *app) stage(ctx context.Context, t *target) error {
	for _, w := range t.Warnings {
		a.warn("%s", w)
	}
	image, err := t.Image(nil)
	if err != nil {
		return fmt.Errorf("%s: %w", t.label(), err)
	}
	defer image.Close()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.load(ctx, image.Kernel, image.Initrd, t.Cmdline, kexec.Options{Debug: a.flags.verbose > 1}); err != nil {
		return fmt.Errorf("%s: %w", t.label(), err)
	}
	if err := a.confirm(t); err != nil {
		return errors.Join(fmt.Errorf("%s: %w; unloaded again", t.label(), err), a.forget())
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
