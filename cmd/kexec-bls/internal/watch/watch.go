// Package watch runs work in a process of its own, and bounds how long that
// waits for the machine. A process that reads from a dead device, or calls
// firmware that does not return, cannot even be killed: it is left running, and
// the command ends in time all the same.
package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// Options are the bounds of a process.
type Options struct {
	// Limit is how long the process may wait for the machine, all its waits
	// together; what it computes and reads meanwhile is no wait.
	Limit time.Duration
	// Grace is how long it has to undo what it began, after SIGTERM and before
	// SIGKILL; 0: it is killed at once.
	Grace time.Duration
	// Hold holds back what the process prints until it has ended by itself, and
	// drops it otherwise: half an answer is none. Else it is passed on as it
	// comes.
	Hold bool
}

// A HungError means that the machine did not answer in time.
type HungError struct {
	What  string // what it was asked for, see Asking; "" where that is not known
	Limit time.Duration
}

// Error names what does not answer.
func (e *HungError) Error() string {
	what := e.What
	if what == "" {
		what = "the machine"
	}
	return fmt.Sprintf("%s: no answer within %v", what, e.Limit)
}

const (
	// tick is the time between two looks at whether the process waits.
	tick = 20 * time.Millisecond
	// drain is how long the pipes of a process that has ended are read, where a
	// child of it keeps them open.
	drain = 2 * time.Second
)

// Run starts a process and returns when it has ended, with the error of
// exec.Cmd.Wait; when it has waited longer than the limit, with a *HungError;
// or when ctx has, with its error. What the process prints to cmd.Stdout and
// cmd.Stderr goes through pipes, so that it holds no file of ours, and a caller
// that reads these to the end does not wait for a process that was left running.
func Run(ctx context.Context, cmd *exec.Cmd, opt Options) error {
	asked, parent, err := askedPipe()
	if err != nil {
		return err
	}
	defer asked.close()
	flush := gates(cmd, opt.Hold)
	cmd.ExtraFiles = []*os.File{parent}
	cmd.WaitDelay = cmp.Or(cmd.WaitDelay, drain)
	err = cmd.Start()
	_ = parent.Close() // ours; the process has its own
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- wait(cmd) }()
	c := child{
		ended:    ended,
		signal:   func(s os.Signal) { _ = cmd.Process.Signal(s) }, // it may have ended by now
		progress: func() string { return progress(cmd.Process.Pid) },
		asked:    asked.open,
	}
	err, itself := c.supervise(ctx, opt)
	return flush(err, itself)
}

// wait takes no notice of pipes that were left open.
func wait(cmd *exec.Cmd) error {
	if err := cmd.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
		return err
	}
	return nil
}

// A child is what supervise needs of a process.
type child struct {
	ended    <-chan error
	signal   func(os.Signal)
	progress func() string // see the function of that name
	asked    func() string
}

// supervise returns the error of Run, and whether the process ended by itself.
func (c *child) supervise(ctx context.Context, opt Options) (err error, itself bool) {
	var m meter
	m.add(time.Now(), c.progress())
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case err := <-c.ended:
			return err, true
		case <-ctx.Done():
			c.end(opt.Grace)
			return ctx.Err(), false
		case <-ticker.C:
		}
		if m.add(time.Now(), c.progress()) >= opt.Limit {
			what := c.asked()
			c.end(opt.Grace)
			return hint.Wrap(&HungError{what, opt.Limit}, fix(what)), false
		}
	}
}

// end ends the process, if it can be ended.
func (c *child) end(grace time.Duration) {
	if grace > 0 {
		c.signal(syscall.SIGTERM)
		select {
		case <-c.ended: //nolint:errcheck // how it ends does not matter
			return
		case <-time.After(grace):
		}
	}
	c.signal(syscall.SIGKILL) // it takes effect when the process returns from the kernel
}
