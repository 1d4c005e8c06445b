// Command kexec-bls reboots a machine into its next boot entry with kexec,
// skipping firmware.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// version is set by the linker: -X main.version=1.2.3.
var version = "devel"

// Exit codes, as in the manual's EXIT STATUS.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitNoEntry = 3
	exitKernel  = 4
	exitBlocked = 5

	exitStale   = 11
	exitNone    = 12
	exitForeign = 13
)

func main() {
	_ = kexec.ProtectMemory() // where the kernel refuses, nothing else changes
	if calledAsKexec(os.Args[0]) {
		os.Exit(runAsKexec(loader.Running(), os.Args[1:], os.Stderr))
	}
	os.Exit(run(context.Background(), os.Args[1:], realEnvironment(), os.Stdout, os.Stderr))
}

// withSignalCancel lets a signal end a command's context, so that what it has
// begun is undone: also that of a terminal that goes away, unless it is ignored,
// as nohup(1) has it. Nothing that a reader of its output does ends it half-way.
// Commands that have nothing to undo just end.
func withSignalCancel(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ends := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}
		if !signal.Ignored(syscall.SIGHUP) {
			ends = append(ends, syscall.SIGHUP)
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), ends...)
		defer stop()
		// A closed pipe is an error of a write then, and not the end.
		pipes := make(chan os.Signal, 1)
		signal.Notify(pipes, syscall.SIGPIPE)
		defer signal.Stop(pipes)
		cmd.SetContext(ctx)
		return run(cmd, args)
	}
}

// run is the whole program: it returns the exit code and prints to stderr why.
func run(ctx context.Context, args []string, env *environment, stdout, stderr io.Writer) int {
	args = usage.JSONMode(args)
	a := &app{environment: env, args: args, UI: &term.UI{Out: stdout, Err: stderr, Env: env.lookup}, boot: sync.OnceValues(env.machine.Boot)}
	cmd := newRoot(a)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	var silent status
	if err != nil && !errors.As(err, &silent) {
		a.fail(err)
	}
	return exitCode(err)
}

// fail prints an error, as JSON too unless the command printed its report.
func (a *app) fail(err error) {
	err = usage.WithHint(err, a.machine.Host.UID)
	if !a.printed && a.flags.json != "" {
		if _, jerr := a.json(report.Failure{Schema: report.Schema, Error: err.Error(), Hint: hint.Of(err), ExitStatus: exitCode(err)}); jerr != nil {
			a.Warn("%v", jerr)
		}
	}
	summary, found := usage.FindingsOf(err)
	if found == nil {
		a.Fail(err)
		return
	}
	var lines []string
	for _, f := range report.Advised(found) {
		lines = append(lines, f.String())
	}
	a.FailList(fmt.Sprintf("%s (%s)", summary, hint.Of(err)), lines)
}

// A status is an exit code that is an answer, not a failure.
type status int

func (s status) Error() string { return fmt.Sprintf("status %d", int(s)) }

func usagef(format string, args ...any) error { return usage.Errorf(format, args...) }

// exitCode is the one place where errors become numbers.
func exitCode(err error) int {
	var answer status
	var invalid *usage.Error
	var kernel *kexec.LoadError
	var blocked *loader.BlockedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &answer):
		return int(answer)
	case errors.As(err, &invalid):
		return exitUsage
	case errors.Is(err, entries.ErrNoEntry), errors.Is(err, esp.ErrNotFound):
		return exitNoEntry
	case errors.As(err, &kernel), errors.Is(err, loader.ErrBusy):
		return exitKernel
	case errors.As(err, &blocked):
		return exitBlocked
	}
	return exitFailed
}
