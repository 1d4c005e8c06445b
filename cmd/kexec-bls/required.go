package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newRebootRequired(a *app) *cobra.Command {
	var retry bool
	cmd := timed(a, &cobra.Command{
		Use:   "reboot-required",
		Short: "Exit 0 if the next boot would change the kernel or its command line",
		Long: `Exit 0 when the next boot would bring another kernel or command line than the
running one, 1 when it would not, 6 when that cannot be determined. What failed in
a trial is not required until it changes.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.answer(a.requirement(cmd.Context(), retry)) },
	}, a.unanswered)
	cmd.Flags().BoolVar(&retry, "retry", false, "Require what failed in a trial too")
	return cmd
}

// Exit codes of reboot-required, which scripts use.
const (
	exitNotRequired = 1
	exitUnknown     = 6
)

func (a *app) answer(r report.Requirement) error {
	if err := a.report(r); err != nil {
		return err
	}
	switch {
	case r.Required == nil:
		return status(exitUnknown)
	case !*r.Required:
		return status(exitNotRequired)
	}
	return nil
}

func (a *app) requirement(ctx context.Context, retry bool) report.Requirement {
	return report.RequirementOf(a.next(ctx, retry))
}

// next compares what would be booted next with what runs.
func (a *app) next(ctx context.Context, retry bool) (loader.NextBoot, error) {
	if a.flags.root != "" {
		return loader.NextBoot{}, fmt.Errorf("nothing runs below %s", a.flags.root)
	}
	sys, err := a.open(ctx)
	if err != nil {
		return loader.NextBoot{Running: a.machine.Host.Release()}, err
	}
	defer sys.Close()
	if choice, err := sys.Default(); err == nil {
		a.warnAll(choice.Missed)
		a.warnAll(choice.Warnings)
	}
	next, err := loader.Next(ctx, sys, a.options(planFlags{}))
	if err == nil && !retry {
		a.machine.ForgoTried(sys, &next)
	}
	return next, err
}

// unanswered is reboot-required's answer where something hangs.
func (a *app) unanswered(err error) error {
	return a.answer(report.RequirementOf(loader.NextBoot{Running: a.machine.Host.Release()}, err))
}
