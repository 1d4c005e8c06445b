package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/loader"
)

func newHookBooted(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "booted",
		Short: "record how this boot came about, put back what the last kexec overwrote",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.booted(cmd.Context()) },
	}
}

// booted is run once the system is up. A record that cannot be made is told,
// and no failure of a boot.
func (a *app) booted(ctx context.Context) error {
	h := a.history()
	end, damaged := h.End()
	if damaged != nil {
		a.warn("%v", damaged)
	}
	reached, err := a.reached(ctx, "multi-user.target")
	if err != nil {
		a.warn("%v", err)
	}
	if reached.IsZero() {
		reached = time.Now()
	}
	b, err := h.Arrive(a.now(), reached.UTC())
	if err != nil {
		a.warn("%v", err)
	}
	if said, err := a.restoreShot(end.OneShot); err != nil {
		a.warn("%v", err)
	} else if said != "" {
		a.note("%s", said)
	}
	if damaged != nil || end.BootID != "" && end.BootID != b.BootID {
		if err := h.DropEnd(); err != nil {
			a.warn("%v", err)
		}
	}
	a.recordBoot(b, end)
	how, report := "started by the firmware", reportBoot(b)
	if b.Kexeced {
		how = way(true, report)
	}
	if report != nil && report.Entry != "" {
		how = report.Entry + " " + how
	}
	for _, line := range append([]string{how}, report.lines()...) {
		a.note("%s", line)
	}
	return nil
}

func newHookShutdown(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "shutdown",
		Short: "note the time of a reboot, keep a one-shot setting over a kexec",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.ends(cmd.Context()) },
	}
}

// recent is how long ago a reboot may have been asked for that begins now.
const recent = 10 * time.Minute

// ends is run when the recorder's unit stops, which it does first of all in a
// shutdown, and at any time by hand.
func (a *app) ends(ctx context.Context) error {
	kind, err := a.ending(ctx)
	if err != nil {
		a.warn("%v", err)
	}
	if kind != "kexec" && kind != "reboot" {
		return nil
	}
	h := a.history()
	end := loader.End{Schema: 1, BootID: a.bootID(), Kind: kind, Requested: time.Now().UTC()}
	// reboot knows better when it was asked for.
	before, err := h.End()
	if ago := end.Requested.Sub(before.Requested); err == nil && before.BootID == end.BootID && ago >= 0 && ago < recent {
		end.Requested = before.Requested
	}
	if kind == "kexec" {
		end.OneShot, _ = a.keepShot(ctx)
	}
	if err := h.SaveEnd(end); err != nil {
		a.warn("%v", err)
	}
	return nil
}
