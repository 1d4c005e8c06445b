package loader

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockName is the file in the run directory that is locked, 0600. It is never
// removed: who waits for a file that is gone would lock it beside one who made
// a new one.
const lockName = "lock"

// lockPatience is how long to wait for another process.
const lockPatience = 5 * time.Second

// ErrBusy means that another process keeps changing what is loaded.
var ErrBusy = errors.New("device or resource busy")

// Lock makes the caller the only one to change what is loaded and the receipt
// of it, until the file is closed or the process ends: flock(2). It waits for
// another one 5 seconds, then the error is [ErrBusy] and tells who that is, if
// it can be seen. dir is made.
func Lock(ctx context.Context, dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(ctx, f, time.Now().Add(lockPatience)); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func lock(ctx context.Context, f *os.File, deadline time.Time) error {
	const pause = 50 * time.Millisecond
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("%s: %w", f.Name(), err)
		case time.Now().After(deadline):
			return fmt.Errorf("%s: %w: %s is loading or rebooting; try again when it has ended", f.Name(), ErrBusy, holder(f))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: waiting for %s: %w", f.Name(), holder(f), ctx.Err())
		case <-time.After(pause):
		}
	}
}

// holder names the process that has a lock on f, by proc_locks(5): the fields
// are ID FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE START END.
func holder(f *os.File) string {
	const unknown = "another process"
	var st unix.Stat_t
	locks, err := os.Open("/proc/locks")
	if err != nil || unix.Fstat(int(f.Fd()), &st) != nil {
		return unknown
	}
	defer locks.Close()
	inode := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino) //nolint:unconvert // uint32 on some
	for s := bufio.NewScanner(locks); s.Scan(); {
		field := strings.Fields(s.Text())
		if len(field) < 6 || field[1] != "FLOCK" || field[5] != inode || strings.HasPrefix(field[4], "-") || field[4] == "0" {
			continue
		}
		name, err := os.ReadFile("/proc/" + field[4] + "/comm")
		if err != nil {
			return "process " + field[4]
		}
		return fmt.Sprintf("process %s (%s)", field[4], strings.TrimSpace(string(name)))
	}
	return unknown
}
