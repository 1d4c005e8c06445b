package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/loader"
)

// guardLimit bounds the search for boot partitions while the system shuts down.
const guardLimit = 10 * time.Second

func newHookGuard(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "guard",
		Short: "Let a reboot be a kexec, unless it has to go through firmware",
		Args:  noArgs,
		// Instead of the parent's: a broken configuration must not turn such a
		// reboot into a kexec.
		PersistentPreRun: func(*cobra.Command, []string) {},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.guard(cmd.Context(), a.start()) // without a configuration nothing is ignored
		},
	}
}

// guard loads nothing where the configuration is unread: what it would add to the
// command line is not known.
func (a *app) guard(ctx context.Context, unread error) error {
	opt := loader.GuardOptions{Check: a.checkOptions(), Ignore: a.ignored(planFlags{})}
	opt.Load = func(ctx context.Context) error {
		if unread != nil {
			return unread
		}
		_, err := a.loadChecked(ctx, nil)
		return err
	}
	limited, cancel := context.WithTimeout(ctx, guardLimit)
	defer cancel()
	sys, err := a.quiet().open(limited)
	if err == nil {
		defer sys.Close()
	} else {
		sys = nil // without boot partitions there is no capsule on them
	}
	reasons, err := a.machine.GuardReboot(ctx, sys, opt)
	for _, reason := range reasons {
		a.Note("this reboot goes through firmware: %s", reason)
	}
	return err
}
