package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// lockName is the file in the run directory that is locked, 0600. It is never
// removed: who waits for a file that is gone would lock it beside one who made
// a new one.
const lockName = "lock"

// DefaultLockTimeout is how long to wait for another process.
const DefaultLockTimeout = 5 * time.Second

// ErrBusy means that another process keeps changing what is loaded.
var ErrBusy = errors.New("device or resource busy")

// A Locker locks a run directory. Holder names the process that has a lock on a
// file, "" where that is not known; nil is never known.
type Locker struct {
	Dir     string
	Timeout time.Duration // 0: DefaultLockTimeout
	Holder  func(*os.File) string
}

// Lock makes the caller the only one to change what is loaded and the receipt
// of it, until the file is closed or the process ends: flock(2). It waits for
// another process until the timeout, then the error is [ErrBusy] and names it.
// The directory is made.
func (l Locker) Lock(ctx context.Context) (*os.File, error) {
	dir := l.Dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := l.wait(ctx, f, time.Now().Add(cmp.Or(l.Timeout, DefaultLockTimeout))); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func (l Locker) wait(ctx context.Context, f *os.File, deadline time.Time) error {
	const pause = 50 * time.Millisecond
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("%s: %w", f.Name(), err)
		case time.Now().After(deadline):
			return hint.Errorf("try again when it has ended", "%s: %w: %s is loading or rebooting", f.Name(), ErrBusy, l.holder(f))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: waiting for %s: %w", f.Name(), l.holder(f), ctx.Err())
		case <-time.After(pause):
		}
	}
}

func (l Locker) holder(f *os.File) string {
	if l.Holder != nil {
		if name := l.Holder(f); name != "" {
			return name
		}
	}
	return "another process"
}
