package kexec

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"golang.org/x/sys/unix"
)

// persist calls again where that changes nothing the user wanted: without a
// wished flag that the kernel may not know, and away from memory of devices
// when there is no other room.
func persist(ctx context.Context, wait time.Duration, optional int, call func(flags int) error) error {
	attempt := func(flags int) error {
		return busy(ctx, wait, func() error { return call(flags) })
	}
	err := attempt(optional)
	for optional != 0 && errors.Is(err, unix.EINVAL) {
		// Flags were added in the order of their bits: the newest goes first.
		optional &^= 1 << (bits.Len(uint(optional)) - 1)
		err = attempt(optional)
	}
	if errors.Is(err, unix.EADDRNOTAVAIL) && optional&unix.KEXEC_FILE_NO_CMA == 0 {
		// A kernel that does not know the flag says EINVAL; its first word is
		// the better one then.
		if again := attempt(optional | unix.KEXEC_FILE_NO_CMA); !errors.Is(again, unix.EINVAL) {
			return again
		}
	}
	return err
}

// busy repeats a call that another load keeps out, with growing pauses, or that
// a signal interrupted. The kernel does not queue loads, it tries a lock.
func busy(ctx context.Context, wait time.Duration, call func() error) error {
	if wait == 0 {
		wait = busyTimeout
	}
	deadline := time.Now().Add(wait)
	for pause := 10 * time.Millisecond; ; pause = min(pause*2, 500*time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := call()
		if !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EINTR) || time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for another load to end: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
}
