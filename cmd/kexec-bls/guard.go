package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// guardLimit bounds the search for boot partitions while the system shuts down.
const guardLimit = 10 * time.Second

func newHookGuard(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "guard",
		Short: "Unload the kernel in a reboot that has to go through firmware",
		Args:  noArgs,
		// Instead of the parent's: a broken configuration must not turn such a
		// reboot into a kexec.
		PersistentPreRun: func(*cobra.Command, []string) {},
		RunE:             func(cmd *cobra.Command, _ []string) error { return a.guard(cmd.Context()) },
	}
}

func (a *app) guard(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, guardLimit)
	defer cancel()
	sys, err := a.quiet().open(limited)
	if err == nil {
		defer sys.Close()
	} else {
		sys = nil // without boot partitions there is no capsule on them
	}
	reasons, err := a.machine.GuardReboot(ctx, sys, a.checkOptions())
	for _, reason := range reasons {
		a.Note("this reboot goes through firmware: %s", reason)
	}
	return err
}
