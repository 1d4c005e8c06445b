package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newCheck(a *app) *cobra.Command {
	var p planFlags
	cmd := timed(a, &cobra.Command{
		Use:   "check [ENTRY]",
		Short: "Check whether this machine will boot again after a kexec",
		Long: `Look for what would prevent a kexec: errors, which surely fail or do harm,
warnings and information, with what to do about each. Nothing is changed. The
exit code is 5 where there is an error that is not ignored.`,
		Args: entryArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.try.check(); err != nil {
				return err
			}
			return a.check(cmd.Context(), argument(args), p)
		},
	}, nil)
	p.addLine(cmd)
	p.addInitrd(cmd)
	p.try.add(cmd)
	return cmd
}

func (a *app) check(ctx context.Context, name string, p planFlags) error {
	p.broken = true
	t, err := a.target(ctx, name, p)
	if err != nil {
		return err
	}
	defer t.close()
	r := report.CheckOf(t.Plan, a.findings(ctx, t), a.ignored(p))
	if err := a.report(r); err != nil {
		return err
	}
	if a.flags.json == term.JSONOff {
		a.checkNotes(t, r)
	}
	if r.Blocked {
		return status(exitBlocked)
	}
	return nil
}

// findings are those of the check, and of the trial that a plan is for.
func (a *app) findings(ctx context.Context, t *target) []loader.Finding {
	found := a.machine.Check(ctx, t.Plan, a.checkOptions())
	_, trial, _ := a.machine.Try(t.Plan)
	return loader.SortFindings(append(found, trial...))
}

// checkOptions leave it to a process that watches this one to notice what hangs.
func (a *app) checkOptions() loader.CheckOptions {
	if a.parent != nil {
		return loader.CheckOptions{Timeout: time.Hour}
	}
	return loader.CheckOptions{}
}

func (a *app) checkNotes(t *target, r *report.Check) {
	if len(r.Findings) == 0 {
		a.Note("nothing was found that would prevent a kexec into %s", t.Name())
	}
	if b, _ := a.machine.Boot(); !r.Blocked && !b.Kexeced && b.Kexec == nil {
		a.Note("no kexec of this machine is on record; TROUBLESHOOTING in kexec-bls(8) has how to try one without risk, and what helps where nothing comes after \"Starting new kernel\": acpi_rsdp=, earlycon, module_blacklist=")
	}
}
