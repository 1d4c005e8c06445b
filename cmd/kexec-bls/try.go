package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
)

// tryFlags are those of a reboot on trial.
type tryFlags struct {
	limit           timeFlag // 0: no trial
	fallback        string
	withoutWatchdog bool
	promote         bool
}

// add adds the flags. Only a reboot can promote.
func (t *tryFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	about := "Show what a reboot on trial of that `TIME` would be"
	if cmd.Name() == "reboot" {
		about = "Return to the fallback unless boot-complete.target is reached within `TIME` (default 3min)"
		f.BoolVar(&t.promote, "promote", false, "Make the entry the default if its trial succeeds")
	}
	f.Var(&t.limit, "try", about)
	f.Lookup("try").NoOptDefVal = "3min"
	f.StringVar(&t.fallback, "fallback", "", "Return to this `ENTRY` from a trial")
	f.BoolVar(&t.withoutWatchdog, "try-without-watchdog", false, "Try without a watchdog: a panic returns, a hang does not")
}

// check refuses flags that have no meaning without --try.
func (t *tryFlags) check() error {
	if t.limit == 0 && (t.fallback != "" || t.withoutWatchdog || t.promote) {
		return usagef("--fallback, --try-without-watchdog and --promote require --try")
	}
	return nil
}

// options are nil without --try.
func (t *tryFlags) options(a *app) *loader.TryOptions {
	if t.limit == 0 {
		return nil
	}
	return &loader.TryOptions{
		Limit: time.Duration(t.limit), Fallback: t.fallback, WithoutWatchdog: t.withoutWatchdog, Promote: t.promote,
		Open: func(ctx context.Context) (*entries.System, error) { return a.openSystem(ctx, a.systemOptions()) },
	}
}

// timeFlag is a time span as systemd.time(7) has it: "3min", "90s", "1h 30min",
// or a number of seconds.
type timeFlag time.Duration

// Bounds of a trial.
const (
	minTrial = 10 * time.Second
	maxTrial = 24 * time.Hour
)

// String, Set and Type make timeFlag a flag value.
func (f *timeFlag) String() string {
	if *f == 0 {
		return ""
	}
	return time.Duration(*f).String()
}

// Set takes a time span within the bounds.
func (f *timeFlag) Set(text string) error {
	var sum time.Duration
	units := map[string]time.Duration{
		"": time.Second, "s": time.Second, "sec": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour, "hr": time.Hour,
	}
	rest := strings.ReplaceAll(text, " ", "")
	part := regexp.MustCompile(`^([0-9]{1,5})([a-z]*)`)
	for rest != "" {
		found := part.FindStringSubmatch(rest)
		if found == nil || units[found[2]] == 0 {
			return fmt.Errorf("must be a time span such as 3min; got %q", text)
		}
		n, err := time.ParseDuration(found[1] + "ns")
		if err != nil {
			return err
		}
		sum += n * units[found[2]]
		rest = rest[len(found[0]):]
	}
	if sum < minTrial || sum > maxTrial {
		return fmt.Errorf("must be between %v and %v; got %q", minTrial, maxTrial, text)
	}
	*f = timeFlag(sum)
	return nil
}

// Type names the value in the help text.
func (f *timeFlag) Type() string { return "TIME" }

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

// setTrial adds the last trial to a status. What only root may read is not known.
func (a *app) setTrial(r *report.Status) {
	t, ok, err := a.machine.Trial()
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		a.Warn("%s: %v", a.machine.StateDir, err)
	}
	if ok {
		r.Trial = report.TrialOf(t)
	}
}
