// Command kexec-bls reboots a machine into its next boot entry with kexec,
// past the firmware.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

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
	if isStandIn(os.Args[0]) {
		os.Exit(standIn(realMachine(), os.Args[1:], os.Stderr))
	}
	os.Exit(run(context.Background(), os.Args[1:], realMachine(), os.Stdout, os.Stderr))
}

// undoing lets a signal end a command's context, so that what it has begun is
// undone: also that of a terminal that goes away, unless it is ignored, as
// nohup(1) has it. Commands that have nothing to undo just die of it.
func undoing(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
		if !signal.Ignored(syscall.SIGHUP) {
			ends = append(ends, syscall.SIGHUP)
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), ends...)
		defer stop()
		cmd.SetContext(ctx)
		return run(cmd, args)
	}
}

// run is the whole program: it returns the exit code and says on stderr why.
func run(ctx context.Context, args []string, m *machine, stdout, stderr io.Writer) int {
	ui := &ui{out: stdout, err: stderr}
	cmd := newRoot(&app{machine: m, ui: ui})
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	var silent status
	if err != nil && !errors.As(err, &silent) {
		ui.fail(withHint(err))
	}
	return exitCode(err)
}

// A status is an exit code that is an answer, not a failure.
type status int

func (s status) Error() string { return fmt.Sprintf("status %d", int(s)) }

// A usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitCode is the one place where errors become numbers.
func exitCode(err error) int {
	var answer status
	var usage usageError
	var kernel *kexec.LoadError
	var blocked blockedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &answer):
		return int(answer)
	case errors.As(err, &usage):
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
