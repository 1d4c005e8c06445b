package flags

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
)

// Try is the flags of a reboot on trial.
type Try struct {
	limit           Timespan // 0: no trial
	fallback        string
	withoutWatchdog bool
	promote         bool
}

// Add adds the flags. Only a reboot can promote.
func (t *Try) Add(cmd *cobra.Command) {
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

// Given reports whether a trial is asked for.
func (t *Try) Given() bool { return t.limit.Duration != 0 }

// Check refuses flags that have no meaning without --try.
func (t *Try) Check() error {
	if !t.Given() && (t.fallback != "" || t.withoutWatchdog || t.promote) {
		return errors.New("--fallback, --try-without-watchdog and --promote require --try")
	}
	return nil
}

// Options are nil without --try. Open opens the system again.
func (t *Try) Options(open func(context.Context) (*entries.System, error)) *loader.TryOptions {
	if !t.Given() {
		return nil
	}
	return &loader.TryOptions{Limit: t.limit.Duration, Fallback: t.fallback, WithoutWatchdog: t.withoutWatchdog, Promote: t.promote, Open: open}
}
