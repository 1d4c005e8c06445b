package main

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/watch"
)

// mountLimit is how long such a command waits for one mount point, which may not
// be needed.
const mountLimit = 1500 * time.Millisecond

// parent is the pipe to the process that watches this one.
func parent() io.Writer { return watch.Parent() }

// nameAsked names to that process what the machine is asked.
func (a *app) nameAsked(what string) (answered func()) { return watch.Asking(a.parent, what) }

// timed makes a command answer in time. Its work, from the configuration on, is
// done by a process of its own: one that waits for firmware or a dead device may
// not even be killed. unanswered makes an answer of what is none; nil: it is the
// command's error.
func timed(a *app, cmd *cobra.Command, unanswered func(error) error) *cobra.Command {
	within := a.addWithin(cmd)
	work := cmd.RunE
	// Instead of the parent's, which would read the configuration twice.
	cmd.PersistentPreRun = func(*cobra.Command, []string) {}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if *within || a.self == nil {
			if *within {
				a.parent = a.asking()
			}
			if err = a.start(); err == nil {
				err = work(cmd, args)
			}
		} else {
			child := a.self(childArgs(cmd, args))
			child.Stdout, child.Stderr = a.Out, a.Err
			err = exitOf(watch.Run(cmd.Context(), child, watch.Options{Limit: a.queryLimit, Hold: true}))
		}
		var answer status
		if err == nil || errors.As(err, &answer) || unanswered == nil {
			return err
		}
		return unanswered(err)
	}
	return cmd
}

// addWithin adds the flag of the process that does a command's work.
func (a *app) addWithin(cmd *cobra.Command) *bool {
	within := cmd.Flags().Bool("within", false, "Be that process")
	_ = cmd.Flags().MarkHidden("within") // it is there
	return within
}

// childArgs are the arguments of the process that does a command's work.
func childArgs(cmd *cobra.Command, args []string) []string {
	child := append(strings.Fields(cmd.CommandPath())[1:], "--within")
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			child = append(child, "--"+f.Name+"="+v)
		}
	})
	return append(append(child, "--"), args...)
}

// exitOf makes a process's exit code ours.
func exitOf(err error) error {
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return status(exit.ExitCode())
	}
	return err
}
