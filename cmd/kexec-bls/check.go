package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newCheck(a *app) *cobra.Command {
	var p planFlags
	var machine bool
	cmd := timed(a, &cobra.Command{
		Use:   "check [ENTRY]",
		Short: "Check whether this machine will boot again after a kexec",
		Long: `Look for what would prevent a kexec: errors, which surely fail or do harm,
warnings and information, with what to do about each. Nothing is changed. The
exit code is 5 where there is an error that is not ignored.`,
		Args: entryArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch err := p.try.Check(); {
			case err != nil:
				return usagef("%w", err)
			case !machine:
				return a.check(cmd.Context(), argument(args), p)
			case len(args) > 0 || p.try.Given() || a.flags.json != term.JSONOff:
				return usagef("--report cannot be combined with an ENTRY, --try and --json")
			}
			for line := range strings.Lines("# kexec-bls " + version + "\n" + a.machine.ReportMachine(a.checkOptions())) {
				a.Print("%s", strings.TrimSpace(line))
			}
			return nil
		},
	}, nil)
	cmd.Flags().BoolVar(&machine, "report", false, "Print a row of the table of machines for this one, to report a kexec that failed")
	p.addLine(cmd)
	p.addInitrd(cmd)
	p.try.Add(cmd)
	return cmd
}

func (a *app) check(ctx context.Context, name string, p planFlags) error {
	p.broken = true
	t, err := a.target(ctx, name, p)
	if err != nil {
		return err
	}
	defer t.close()
	boot, _ := a.boot() // what cannot be read is not known
	r := report.CheckOf(t.Plan, a.machine.Inspect(ctx, t.Plan, a.checkOptions()), report.CheckOptions{
		Ignore: a.ignored(p), Evidence: a.flags.verbose > 0, Untried: !boot.Kexeced && boot.Kexec == nil,
	})
	if err := a.report(r); err != nil {
		return err
	}
	if a.flags.json == term.JSONOff && a.View().Width == 0 {
		for _, note := range r.Notes() {
			a.Note("%s", note)
		}
	}
	if r.Blocked {
		return status(exitBlocked)
	}
	return nil
}

// checkOptions leave it to a process that watches this one to notice what hangs.
func (a *app) checkOptions() loader.CheckOptions {
	if a.parent != nil {
		return loader.CheckOptions{Timeout: time.Hour}
	}
	return loader.CheckOptions{}
}
