package main

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/complete"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/entries"
)

// completionTimeout is how long the shell waits for entries; an automount or
// firmware that hangs must not hold a key press longer.
const completionTimeout = time.Second

// completes reports whether a command is run by or for a shell's completion, where
// nothing may fail or be printed.
func completes(cmd *cobra.Command) bool {
	return cmd.Name() == cobra.ShellCompRequestCmd || cmd.HasParent() && cmd.Parent().Name() == "completion"
}

// completion gives the arguments and flags of a command, and of those below
// it, their completions.
func (a *app) completion(cmd *cobra.Command) error {
	switch {
	case strings.Contains(cmd.Use, "[ENTRY"):
		cmd.ValidArgsFunction = a.completeEntry
	case cmd.ValidArgsFunction == nil && !strings.Contains(cmd.Use, "FILE..."):
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	var failed error
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, has := cmd.GetFlagCompletionFunc(f.Name); !has {
			failed = errors.Join(failed, cmd.RegisterFlagCompletionFunc(f.Name, a.completeFlag(f)))
			_, f.Usage = pflag.UnquoteUsage(f) // it is what a shell shows, and shells run what is in backticks
		}
		_, f.Usage = pflag.UnquoteUsage(f) // without the backticks around the value's name
	})
	for _, sub := range cmd.Commands() {
		failed = errors.Join(failed, a.completion(sub))
	}
	return failed
}

func (a *app) completeFlag(f *pflag.Flag) cobra.CompletionFunc {
	switch f.Name {
	case "ignore":
		return complete.IDs
	case "remove":
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return complete.Keys(a.machine.Host.Cmdline()), cobra.ShellCompDirectiveNoFileComp
		}
	}
	value, _ := pflag.UnquoteUsage(f)
	return complete.Value(f.Name, value)
}

// completeEntry offers the entries that can be loaded. Without any, or when
// they are not known in time, there is nothing to offer, and nothing is printed.
func (a *app) completeEntry(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if linux := cmd.Flags().Lookup("linux"); len(args) > 0 || linux != nil && linux.Changed {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	silent := a.quiet()
	found := make(chan []cobra.Completion, 1)
	go func() {
		sys, err := silent.open(cmd.Context())
		if err != nil {
			found <- nil
			return
		}
		defer sys.Close()
		known := silent.known(cmd.Context(), sys)
		found <- complete.Entries(sys, func(e *entries.Entry) []string { return report.Notes(sys, known, e) })
	}()
	select {
	case names := <-found:
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	case <-time.After(completionTimeout):
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}
