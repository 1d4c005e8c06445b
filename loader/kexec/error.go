package kexec

import (
	"errors"
	"syscall"

	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
)

// A LoadError is a refusal by the kernel: the errno, the call, what the kernel
// logged and what was to be loaded. Package preflight explains it.
type LoadError = refusal.Error

// refused turns an errno into a *LoadError and returns other errors as they are,
// also those with an errno inside: that is about a file, not about the call.
func refused(call refusal.Call, err error, log []string, image refusal.Image) error {
	errno, ok := err.(syscall.Errno) //nolint:errorlint // see above
	if !ok {
		return err
	}
	return &LoadError{Errno: errno, Call: call, KernelLog: log, Image: image, NoClassic: !classicBuilt}
}

var errNUL = errors.New("command line with a NUL inside: the kernel would drop the rest")
