package kexec

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// op is a system call as it is named in messages.
type op string

const (
	opFile    op = "kexec_file_load"
	opClassic op = "kexec_load"
	opUnload  op = "unload"
)

// ErrMemfdRefused is a security module (IMA, LoadPin, SELinux) that takes files
// from a trusted file system only. When nothing had to be joined or unpacked,
// the load may be tried again with the files themselves.
var ErrMemfdRefused = errors.New("security policy refuses files in memory")

// A LoadError is a refusal by the kernel and what it means for the user.
type LoadError struct {
	Errno syscall.Errno
	Cause string // one clause: what is behind the number
	Mend  string // one clause: what to do about it
	// Call names the system call; empty is kexec_file_load.
	Call string
	// Words are lines of the kernel log about this load, oldest first.
	Words []string

	memfd bool
}

// Error says what happened, then how to mend it, then the first lines of what
// the kernel logged.
func (e *LoadError) Error() string {
	call := e.Call
	if call == "" {
		call = string(opFile)
	}
	text := fmt.Sprintf("%s: %v: %s; %s", call, e.Errno, e.Cause, e.Mend)
	if len(e.Words) > 0 {
		const shown = 2
		text += fmt.Sprintf(" (kernel log: %s)", strings.Join(e.Words[:min(shown, len(e.Words))], " / "))
	}
	return text
}

// Unwrap returns the errno.
func (e *LoadError) Unwrap() error { return e.Errno }

// Is makes the error an [ErrMemfdRefused] where that fits.
func (e *LoadError) Is(target error) bool { return target == ErrMemfdRefused && e.memfd }

// explained turns an errno into a *LoadError and leaves other errors alone, also
// those with an errno inside: that is about a file, not about the call. The
// machine is looked at only for need.
func explained(call op, err error, look func() System) error {
	errno, ok := err.(syscall.Errno) //nolint:errorlint // see above
	if !ok {
		return err
	}
	return explain(call, errno, look())
}

// Explain says what an errno of kexec_file_load(2) means on a machine.
func Explain(errno syscall.Errno, s System) *LoadError { return explain(opFile, errno, s) }
