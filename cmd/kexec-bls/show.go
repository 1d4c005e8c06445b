package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
)

func newShow(a *app) *cobra.Command {
	var p planFlags
	cmd := &cobra.Command{
		Use:   "show [ENTRY]",
		Short: "Show what would be loaded, and why",
		Args:  maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.given(cmd)
			if err := p.try.check(); err != nil {
				return err
			}
			return a.show(cmd.Context(), argument(args), p)
		},
	}
	p.addLine(cmd)
	p.addInitrd(cmd)
	p.try.add(cmd)
	return cmd
}

func (a *app) show(ctx context.Context, name string, p planFlags) error {
	t, err := a.target(ctx, name, p)
	if err != nil {
		return err
	}
	defer t.close()
	if err := a.showTarget(t); err != nil {
		return err
	}
	return t.Broken()
}

func (a *app) showTarget(t *target) error {
	r, err := report.PlanOf(t.Plan, t.rule, t.missed)
	if err != nil {
		return err
	}
	if t, found, trying := a.machine.Try(t.Plan); trying {
		r.SetTrial(t, found)
	}
	if done, err := a.json(r); done {
		return err
	}
	r.Print(a.UI)
	return nil
}
