package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

const (
	// questionLimit is how long a command that only asks waits for the machine,
	// all its waits together; what it computes and reads meanwhile is no wait.
	questionLimit = 2 * time.Second
	// placeLimit is that for one mount point, which can be told apart and may
	// not be needed.
	placeLimit = 1500 * time.Millisecond
	// questionTick is how often is looked whether it waits.
	questionTick = 20 * time.Millisecond
)

// question makes a command answer in time. Its work, from the configuration on,
// is done by a process of its own: one that waits for firmware or a dead device
// may not even die. What is no answer is handed to unanswered; nil: it is the
// command's error.
func question(a *app, cmd *cobra.Command, unanswered func(error) error) *cobra.Command {
	var within bool
	cmd.Flags().BoolVar(&within, "within", false, "be that process")
	_ = cmd.Flags().MarkHidden("within") // it is there
	work := cmd.RunE
	// Instead of the parent's, which would read the configuration twice.
	cmd.PersistentPreRun = func(*cobra.Command, []string) {}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if within || a.self == nil {
			a.within = within
			if err = a.start(); err == nil {
				err = work(cmd, args)
			}
		} else {
			err = a.inTime(cmd.Context(), a.self(againArgs(cmd, args)), questionLimit)
		}
		var answer status
		if err == nil || errors.As(err, &answer) || unanswered == nil {
			return err
		}
		return unanswered(err)
	}
	return cmd
}

// againArgs are the arguments of the process that does a command's work.
func againArgs(cmd *cobra.Command, args []string) []string {
	again := append(strings.Fields(cmd.CommandPath())[1:], "--within")
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			again = append(again, "--"+f.Name+"="+v)
		}
	})
	return append(append(again, "--"), args...)
}

const theFirmware = "the firmware"

// A hungError names what does not answer.
type hungError struct {
	what  []string // most telling first; may be empty
	limit time.Duration
}

func (e hungError) Error() string {
	what, mend := "something that the machine was asked for", "see whether its device is there"
	if len(e.what) > 0 {
		what = strings.Join(e.what, ", ")
	}
	if strings.Contains(what, theFirmware) {
		mend = "power-cycle the machine, nothing else brings firmware back"
	}
	return fmt.Sprintf("%s: no answer within %v; %s", what, e.limit, mend)
}

// inTime runs a process and passes on what it says, and its exit code. Where it
// waits longer than the limit, it is killed, and left alone if that does not
// help: the error is a hungError then, and nothing that it said is passed on.
func (a *app) inTime(ctx context.Context, work *exec.Cmd, limit time.Duration) error {
	var out, say bytes.Buffer
	work.Stdout, work.Stderr = &out, &say
	if err := work.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- work.Wait() }()
	w := wait{pid: work.Process.Pid, at: time.Now()}
	tick := time.NewTicker(questionTick)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			_, _ = a.err.Write(say.Bytes()) // nobody listens: nothing to do about it
			_, werr := a.out.Write(out.Bytes())
			return errors.Join(exitOf(err), werr)
		case <-ctx.Done():
			_ = work.Process.Kill()
			return ctx.Err()
		case <-tick.C:
		}
		if w.sample() < limit {
			continue
		}
		e := hungError{w.places(), limit}
		for i, path := range e.what {
			e.what[i] = a.placeName(path)
		}
		_ = work.Process.Kill() // should it ever come back
		return e
	}
}

// placeTimeout bounds the wait for one mount point; 0: as long as is usual.
func (a *app) placeTimeout() time.Duration {
	if a.within {
		return placeLimit
	}
	return 0
}

// exitOf makes a process's exit code ours.
func exitOf(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return status(exit.ExitCode())
	}
	return err
}

// placeName says what a path is, where it is a question to the firmware.
func (a *app) placeName(path string) string {
	dir := a.efivars
	if dir == "" {
		dir = efivar.DefaultDir
	}
	name, ok := strings.CutPrefix(path, dir)
	if !ok {
		return path
	}
	name = strings.TrimPrefix(name, "/")
	for _, vendor := range []string{bli.LoaderVendor, bli.GlobalVendor} {
		name = strings.TrimSuffix(name, "-"+vendor)
	}
	return strings.TrimSpace(theFirmware + ", asked for its variable " + name)
}

// unansweredRequirement is reboot-required's answer when it cannot tell.
func (a *app) unansweredRequirement(err error) error {
	r := requirement{Schema: 1, Running: a.release(), Reasons: []string{err.Error()}}
	return a.answer(r, exitCannotTell)
}
