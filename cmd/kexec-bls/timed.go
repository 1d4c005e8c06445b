package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
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
	work := cmd.RunE
	// Instead of the parent's, which would read the configuration twice.
	cmd.PersistentPreRun = func(*cobra.Command, []string) {}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if a.flags.within != "" || a.self == nil {
			if a.flags.within != "" {
				view := term.ParseView(a.flags.within)
				a.parent, a.Given = a.asking(), &view
			}
			if err = a.start(); err == nil {
				err = work(cmd, args)
			}
		} else {
			err = exitOf(a.again(cmd.Context(), a.Out, watch.Options{Limit: a.queryLimit, Hold: true}))
		}
		var answer status
		if err == nil || errors.As(err, &answer) || unanswered == nil {
			return err
		}
		return unanswered(err)
	}
	return cmd
}

// again runs this command once more, as the process that does its work.
func (a *app) again(ctx context.Context, stdout io.Writer, opt watch.Options) error {
	within := "--within"
	if v := a.View(); v.Width > 0 {
		within += "=" + v.String()
	}
	child := a.self(append([]string{within}, a.args...))
	child.Stdout, child.Stderr = stdout, a.Err
	return watch.Run(ctx, child, opt)
}

// exitOf makes a process's exit code ours.
func exitOf(err error) error {
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return status(exit.ExitCode())
	}
	return err
}
