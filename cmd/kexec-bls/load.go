package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/flags"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/hook"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newLoad(a *app) *cobra.Command {
	var p planFlags
	var kernel string
	var initrds []string
	var escaped, ifNone bool
	cmd := &cobra.Command{
		Use:   "load [ENTRY | --linux FILE [--initrd FILE]...]",
		Short: "Load an entry, or the given files, for the next kexec; no reboot",
		RunE: withSignalCancel(func(cmd *cobra.Command, args []string) error {
			name := argument(args)
			if escaped {
				name = flags.Unescape(name)
			}
			if there, err := a.machine.IsLoaded(); ifNone && err == nil && there {
				a.Note("a kernel is loaded already and remains loaded")
				_, err = a.json(report.Kept{Schema: report.Schema, Kept: true})
				return err
			}
			var t *target
			var err error
			if kernel != "" {
				t, err = a.files(cmd.Context(), kernel, initrds, p)
			} else {
				t, err = a.target(cmd.Context(), name, p)
			}
			if err != nil {
				return err
			}
			defer t.close()
			return a.loadOnly(cmd.Context(), t, p)
		}),
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case kernel == "" && len(initrds) > 0:
			return usagef("--initrd requires --linux")
		case kernel != "" && len(initrds) > 0 && len(args) > 0:
			return usagef("unexpected argument %q; repeat --initrd for each image", args[0])
		case kernel != "" && len(args) > 0:
			return usagef("an ENTRY cannot be combined with --linux")
		}
		return entryArg(cmd, args)
	}
	cmd.Flags().StringVar(&kernel, "linux", "", "Load this kernel `FILE` instead of an entry")
	cmd.Flags().BoolVar(&ifNone, "if-none", false, "Do nothing where a kernel is loaded already")
	cmd.Flags().BoolVar(&escaped, "escaped", false, "ENTRY may be escaped, as the name of a unit is")
	cmd.Flags().StringArrayVar(&initrds, "initrd", nil, "An initrd `FILE` for --linux; repeat in order")
	p.addLine(cmd)
	p.addInitrd(cmd)
	return cmd
}

func (a *app) loadOnly(ctx context.Context, t *target, p planFlags) error {
	a.warnFindings(t.Findings(), a.ignored(p))
	forecast, err := a.machine.TPM(ctx, t.Plan, a.checkOptions())
	if err != nil {
		a.Warn("%v", err)
	}
	for _, f := range report.Advised(forecast.Findings) {
		if f.Severity != loader.SeverityInfo && !f.Ignored(a.ignored(p)...) {
			a.Warn("%s", f)
		}
	}
	r, err := a.loadRecorded(ctx, t.Plan, a.loadOptions(p))
	if err != nil {
		return err
	}
	a.Note("%s is loaded: %s; kexec-bls unload drops it", t.Name(), hook.StartedBy(a.machine.Host))
	_, err = a.json(report.ReceiptOf(&r))
	return err
}

// loadRecorded loads a plan and puts that into the journal.
func (a *app) loadRecorded(ctx context.Context, plan *loader.Plan, opt loader.LoadOptions) (loader.Receipt, error) {
	begun := time.Now()
	r, err := a.machine.Load(ctx, plan, opt)
	a.journal(journal.Act{Kind: journal.Load, Entry: plan.Name(), Took: time.Since(begun), Err: err})
	return r, err
}

func newUnload(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "unload",
		Short: "Drop the loaded kernel",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.unload(cmd.Context()) },
	}
}

func (a *app) unload(ctx context.Context) error {
	u, err := a.machine.Unload(ctx)
	if u.Any || err != nil {
		a.journal(journal.Act{Kind: journal.Unload, Entry: u.Name, Err: err})
	}
	if err != nil {
		return err
	}
	r := report.UnloadOf(u)
	a.Note("%s", r)
	_, err = a.json(r)
	return err
}
