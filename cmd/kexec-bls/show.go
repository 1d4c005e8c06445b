package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
)

func newShow(a *app) *cobra.Command {
	var p planFlags
	var pcrs bool
	cmd := &cobra.Command{
		Use:   "show [ENTRY]",
		Short: "Show what would be loaded, and why",
		Args:  entryArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.try.Check(); err != nil {
				return usagef("%w", err)
			}
			return a.show(cmd.Context(), argument(args), p, pcrs)
		},
	}
	cmd.Flags().BoolVar(&pcrs, "pcrs", false, "Show the PCRs of the TPM, now and as the next initrd will find them")
	p.addLine(cmd)
	p.addInitrd(cmd)
	p.try.Add(cmd)
	return cmd
}

func (a *app) show(ctx context.Context, name string, p planFlags, pcrs bool) error {
	p.decode = pcrs
	t, err := a.target(ctx, name, p)
	if err != nil {
		return err
	}
	defer t.close()
	forecast, err := a.machine.TPM(ctx, t.Plan, a.checkOptions())
	if err != nil {
		a.Warn("%v", err)
	}
	r := a.planReport(t)
	r.Findings = append(r.Findings, report.Advised(forecast.Findings)...)
	if pcrs {
		r.PCRs = report.PCRsOf(forecast.Prediction)
	}
	if err := a.report(r); err != nil {
		return err
	}
	return t.Broken()
}

// planReport is the plan with the trial that it is for.
func (a *app) planReport(t *target) *report.Plan {
	r := report.PlanOf(t.Plan, t.rule, t.missed)
	if trial, found, trying := a.machine.Try(t.Plan); trying {
		r.SetTrial(trial, found)
	}
	return r
}
