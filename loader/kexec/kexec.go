// Package kexec wraps kexec_file_load(2) and the reboot into what it loaded.
package kexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Flags of kexec_file_load(2) that x/sys/unix does not have.
const (
	flagDebug = 0x8 // KEXEC_FILE_DEBUG, Linux 6.8
)

// Options change how an image is loaded. The zero value is the plain call.
type Options struct {
	// Debug asks the kernel to print what it does; one that cannot (before
	// 6.8) is asked again without.
	Debug bool
}

// patience is how long a load waits for another one to end.
const patience = 5 * time.Second

// Load replaces the loaded kernel. initrd may be nil. It needs CAP_SYS_BOOT in
// the first user namespace. A refusal is a *LoadError; the image that was
// loaded before stays then.
func Load(ctx context.Context, kernel, initrd *os.File, cmdline string, opt Options) error {
	if strings.IndexByte(cmdline, 0) >= 0 {
		return errors.New("command line with a NUL inside, the kernel would drop the rest")
	}
	initrdFD, flags := -1, unix.KEXEC_FILE_NO_INITRAMFS
	if initrd != nil {
		initrdFD, flags = int(initrd.Fd()), 0
	}
	call := func() error { return unix.KexecFileLoad(int(kernel.Fd()), initrdFD, cmdline, flags) }
	if opt.Debug {
		flags |= flagDebug
		if err := retry(ctx, call); !errors.Is(err, unix.EINVAL) {
			return explained(err)
		}
		flags &^= flagDebug
	}
	return explained(retry(ctx, call))
}

// retry repeats a call that another load keeps out, with growing pauses.
func retry(ctx context.Context, call func() error) error {
	deadline := time.Now().Add(patience)
	for pause := 10 * time.Millisecond; ; pause = min(pause*2, 500*time.Millisecond) {
		err := call()
		if !errors.Is(err, unix.EBUSY) || time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Unload drops the loaded kernel; without one it does nothing.
func Unload() error { return explained(unix.KexecFileLoad(-1, -1, "", unix.KEXEC_FILE_UNLOAD)) }

// Loaded reports whether a kernel waits to be booted. Without CONFIG_KEXEC
// there is no such file, and none can be.
func Loaded() (bool, error) {
	b, err := os.ReadFile("/sys/kernel/kexec_loaded")
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return strings.TrimSpace(string(b)) == "1", err
}

// Reboot jumps into the loaded kernel at once: nothing is synced, unmounted or
// stopped before. It returns only on failure.
func Reboot() error {
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_KEXEC)
	if err == nil {
		return nil
	}
	return fmt.Errorf("reboot(KEXEC): %w", err)
}

// A LoadError is a refusal by the kernel and what it means for the user.
type LoadError struct {
	Errno syscall.Errno
	Cause string // one clause: what is behind the number
	Mend  string // what to do about it
}

// Error says what happened, then how to mend it.
func (e *LoadError) Error() string {
	return fmt.Sprintf("kexec_file_load: %v: %s; %s", e.Errno, e.Cause, e.Mend)
}

// Unwrap returns the errno.
func (e *LoadError) Unwrap() error { return e.Errno }

func explained(err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	e := &LoadError{Errno: errno, Cause: "the kernel refused the image", Mend: "dmesg may say more"}
	switch errno {
	case unix.EPERM:
		e.Cause, e.Mend = "not permitted", "be root; if you are, see /proc/sys/kernel/kexec_load_disabled and /sys/kernel/security/lockdown"
	case unix.ENOSYS:
		e.Cause, e.Mend = "this kernel was built without CONFIG_KEXEC_FILE", "boot one that has it, or reboot with systemctl reboot"
	case unix.EBUSY:
		e.Cause, e.Mend = "another load has been going on for 5 s", "try again"
	case unix.ENOEXEC:
		e.Cause = "the kernel does not know the image's format"
	case unix.ENOMEM:
		e.Cause, e.Mend = "not enough memory for kernel and initrd", "stop something large first"
	}
	return e
}
