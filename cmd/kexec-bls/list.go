package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newList(a *app) *cobra.Command {
	var opt report.ListOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List every boot entry in boot-loader order",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.list(cmd.Context(), opt) },
	}
	cmd.Flags().BoolVar(&opt.NoLegend, "no-legend", false, "Print the entries alone, without heading and summary")
	return cmd
}

func (a *app) list(ctx context.Context, opt report.ListOptions) error {
	sys, err := a.open(ctx)
	if err != nil {
		return a.withoutEntries(err)
	}
	defer sys.Close()
	a.warnProblems(sys)
	if a.flags.json != term.JSONOff {
		a.printed = true
		return term.JSONArray(a.UI, a.flags.json, report.Entries(sys, a.known(ctx, sys)))
	}
	next, err := sys.Default() // none is said below the table
	if err != nil && !hasEntries(sys) {
		a.Note("%s", term.Message(a.withoutEntries(err)))
	}
	for _, missed := range next.Missed {
		a.Warn("%s", missed)
	}
	opt.Width, _ = a.Screen()
	opt.Colour = a.Colour()
	return a.Page(ctx, report.List(sys, a.known(ctx, sys), opt))
}

// known is what is known of the running machine. What cannot be read is not.
func (a *app) known(ctx context.Context, sys *entries.System) report.Known {
	var k report.Known
	if !sys.Offline() {
		k.Boot, _ = a.boot()
		k.Trial, _, _ = a.machine.Trial()
		k.Loaded, _ = a.machine.Status(ctx, sys, loader.StatusOptions{})
	}
	return k
}
