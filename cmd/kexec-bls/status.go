package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newStatus(a *app) *cobra.Command {
	var verify bool
	var metrics string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is loaded, what runs, what would boot next",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if metrics != "" {
				return a.writeMetrics(cmd.Context(), metrics, verify)
			}
			return a.status(cmd.Context(), verify)
		},
	}
	cmd.Flags().StringVar(&metrics, "metrics", "", "Write `FILE` for the textfile collector of node_exporter, and print nothing")
	cmd.Flags().BoolVar(&verify, "verify", false, "Read the files again, even where size and time are the same")
	return cmd
}

func (a *app) status(ctx context.Context, verify bool) error {
	r, err := a.statusReport(ctx, verify)
	if err != nil {
		return err
	}
	if err := a.report(r); err != nil {
		return err
	}
	switch r.State {
	case loader.Stale:
		return status(exitStale)
	case loader.None:
		return status(exitNone)
	case loader.Foreign:
		return status(exitForeign)
	}
	return nil
}

func (a *app) statusReport(ctx context.Context, verify bool) (*report.Status, error) {
	sys, missing := a.open(ctx)
	if missing == nil {
		defer sys.Close()
		_, missing = sys.Default()
	}
	loaded, err := a.machine.Status(ctx, sys, loader.StatusOptions{Verify: verify})
	if err != nil {
		return nil, err
	}
	r := report.StatusOf(loaded, a.machine.Host, sys)
	if missing != nil {
		r.SetUnknown(term.Message(usage.WithHint(a.withoutEntries(missing), a.machine.Host.UID)))
	}
	boot, err := a.boot()
	a.warnUnread(err)
	r.SetBoot(boot)
	trial, ok, err := a.machine.Trial()
	a.warnUnread(err)
	if ok {
		r.Trial = report.TrialOf(trial)
	}
	if s, ok := a.machine.Schedule(); ok {
		r.Scheduled = report.ScheduleOf(s)
	}
	policy, err := a.machine.Enabled()
	if r.EveryReboot = policy != ""; err == nil {
		r.Policy = policy
	}
	a.warnUnread(err)
	return r, nil
}

// warnUnread prints why a record cannot be read. What only root may read is not
// known.
func (a *app) warnUnread(err error) {
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		a.Warn("%s: %v", a.machine.StateDir, err)
	}
}

// writeMetrics writes what status and reboot-required report. A file that was
// written is a success, whatever its content.
func (a *app) writeMetrics(ctx context.Context, path string, verify bool) error {
	r, err := a.statusReport(ctx, verify)
	if err != nil {
		return err
	}
	required := a.quiet().requirement(ctx, false) // the warnings were printed
	if err := renameio.WriteFile(path, report.Metrics(version, r, required), 0o644, renameio.IgnoreUmask()); err != nil {
		if cause, ok := errors.AsType[*fs.PathError](err); ok {
			err = fmt.Errorf("%s: %w", path, cause.Err) // not the name of the temporary file
		}
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}
