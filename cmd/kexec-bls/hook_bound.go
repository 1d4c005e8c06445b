package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// An exit is how a process ended.
type exit struct{ err error }

// bounded runs the process that does a hook's work and passes on what it says.
// After the limit it is asked to undo what it began, then killed, and then left
// alone: it may hang in the kernel. It holds none of our own files, so that a
// package manager which reads until the end does not wait for it.
func (a *app) bounded(ctx context.Context, work *exec.Cmd, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		a.warn("the hook cannot start: %v", err)
		return
	}
	defer r.Close()
	work.Stdout, work.Stderr = w, w
	err = work.Start()
	_ = w.Close() // ours; the process has its own
	if err != nil {
		a.warn("the hook cannot start: %v", err)
		return
	}
	ended := make(chan exit, 1)
	go func() { ended <- exit{work.Wait()} }()
	chunks := make(chan []byte)
	go passOn(ctx, r, chunks)
	for chunk := range chunks {
		_, _ = a.err.Write(chunk) // nobody listens: nothing to do about it
	}
	select {
	case exit := <-ended:
		if exit.err != nil {
			a.warn("the hook ended early: %v", exit.err)
		}
	case <-ctx.Done():
		a.giveUp(work.Process, ended)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			a.warn("gave up after %v: something does not answer, a boot partition perhaps; kexec-bls status says what is loaded", limit)
		}
	}
}

// passOn reads until the end of the pipe, or until nobody wants to hear more.
func passOn(ctx context.Context, r *os.File, chunks chan<- []byte) {
	defer close(chunks)
	stop := context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Now()) })
	defer stop()
	for {
		b := make([]byte, 4<<10)
		n, err := r.Read(b)
		if n > 0 {
			chunks <- b[:n]
		}
		if err != nil {
			return
		}
	}
}

// giveUp ends the process, if it can be ended.
func (a *app) giveUp(p *os.Process, ended <-chan exit) {
	_ = p.Signal(syscall.SIGTERM) // it may have ended by now
	select {
	case <-ended:
	case <-time.After(termGrace):
		_ = p.Kill()
	}
}
