package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/flags"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
)

// tryFlags are those of a reboot on trial.
type tryFlags struct {
	limit           flags.Timespan // 0: no trial
	fallback        string
	withoutWatchdog bool
	promote         bool
}

// add adds the flags. Only a reboot can promote.
func (t *tryFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	about := "Show what a reboot on trial of that `TIME` would be (default: 3min)"
	if cmd.Name() == "reboot" {
		about = "Return to the fallback unless boot-complete.target is reached within `TIME` (default: 3min)"
		f.BoolVar(&t.promote, "promote", false, "Make the entry the default if its trial succeeds")
	}
	t.limit.Min, t.limit.Max = 10*time.Second, 24*time.Hour
	f.Var(&t.limit, "try", about)
	f.Lookup("try").NoOptDefVal = "3min"
	f.StringVar(&t.fallback, "fallback", "", "Return to this `ENTRY` from a trial (default: what runs)")
	f.BoolVar(&t.withoutWatchdog, "try-without-watchdog", false, "Try without a watchdog: a panic returns, a hang does not")
}

// check refuses flags that have no meaning without --try.
func (t *tryFlags) check() error {
	if t.limit.Duration == 0 && (t.fallback != "" || t.withoutWatchdog || t.promote) {
		return usagef("--fallback, --try-without-watchdog and --promote require --try")
	}
	return nil
}

// options are nil without --try.
func (t *tryFlags) options(a *app) *loader.TryOptions {
	if t.limit.Duration == 0 {
		return nil
	}
	return &loader.TryOptions{
		Limit: t.limit.Duration, Fallback: t.fallback, WithoutWatchdog: t.withoutWatchdog, Promote: t.promote,
		Open: func(ctx context.Context) (*entries.System, error) { return a.openSystem(ctx, a.systemOptions()) },
	}
}

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
