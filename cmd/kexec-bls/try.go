package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newHookTry(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "try",
		Short: "Watch the system of a trial, or settle a trial that has ended",
		Long: `Run by kexec-bls-try.service. In the system that is tried: ping the watchdog until
boot-complete.target is reached, or the command of try.healthy succeeds, and reboot
through firmware when the time is over. In the boot after: record what became of the
trial, and restore the settings of the boot loader.`,
		Args: noArgs,
		RunE: withSignalCancel(func(cmd *cobra.Command, _ []string) error {
			err := a.machine.FollowTrial(cmd.Context(), loader.FollowOptions{
				Healthy: a.config.Try.Healthy, OnWarning: func(err error) { a.Warn("%v", err) }, OnOutcome: a.tried,
			})
			if errors.Is(err, context.Canceled) {
				return nil // the unit was stopped
			}
			return err
		}),
	}
}

// tried records what became of a trial.
func (a *app) tried(t loader.Trial) {
	a.journal(journal.Act{
		Kind: journal.Trial, Entry: string(t.Entry), Outcome: string(t.Outcome), Fallback: string(t.Fallback), Why: t.Reason, Took: t.Took(),
	})
	for _, line := range report.TrialOf(t).Lines() {
		a.Note("%s", line)
	}
}

func newHookUnlock(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "unlock",
		Short: "Drop the keys that reboot --unlock made",
		Args:  noArgs,
		// Instead of the parent's: a broken configuration must not keep a key.
		PersistentPreRun: func(*cobra.Command, []string) {},
		RunE: func(cmd *cobra.Command, _ []string) error {
			names, err := a.machine.EndUnlock(cmd.Context())
			if err == nil && len(names) > 0 {
				a.Note("the key of %s for one kexec is removed", strings.Join(names, ", "))
			}
			return err
		},
	}
}
