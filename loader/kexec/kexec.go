// Package kexec loads a kernel for a kexec reboot and jumps into it:
// kexec_file_load(2), where the kernel has no such call kexec_load(2), and
// reboot(2). What the kernel refuses comes back as a [LoadError] that names the
// cause, found by looking at the machine, and the mend.
package kexec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Syscall is a way to hand a kernel over.
type Syscall string

// The ways. Classic is kexec_load(2), for amd64 and arm64: everything is read
// into our memory and nothing is verified, so it is refused under lockdown and
// where the kernel takes only signed images.
const (
	Auto    Syscall = "auto" // File; Classic only where the kernel has no File
	File    Syscall = "file"
	Classic Syscall = "classic"
)

// Options change how an image is loaded. The zero value is the plain call.
type Options struct {
	// Syscall to use; empty is Auto.
	Syscall Syscall
	// Debug asks the kernel to log what it does (KEXEC_FILE_DEBUG). One that
	// cannot, before 6.8, is asked again without.
	Debug bool
	// NoCMA keeps the image out of memory that is set aside for devices
	// (KEXEC_FILE_NO_CMA). Kernels before 6.18 never place it there.
	NoCMA bool
	// Patience is how long to wait for another load to end; zero is 5 s, less
	// is not at all.
	Patience time.Duration
	// Said, if any, is called after the load with every line that the kernel
	// logged about it.
	Said func(line string)
}

// patience is how long a load waits for another one to end.
const patience = 5 * time.Second

// Load replaces the loaded kernel. initrd may be nil. It needs CAP_SYS_BOOT in
// the first user namespace. The files are read from their start, whatever their
// position; they may be closed afterwards. A refusal is a *LoadError; the image
// that was loaded before stays then. When the descriptors are memfds and
// [ErrMemfdRefused] is what the error is, the files themselves may do better.
func Load(ctx context.Context, kernel, initrd *os.File, cmdline string, opt Options) error {
	if strings.IndexByte(cmdline, 0) >= 0 {
		return errors.New("command line with a NUL inside; the kernel would drop the rest, take it out")
	}
	call, err := way(opt.Syscall)
	if err != nil {
		return err
	}
	root := os.DirFS("/")
	image := describe(kernel, initrd, cmdline)
	kmsg := openKmsg()
	defer kmsg.close()
	op, err := call(ctx, job{root, kernel, initrd, cmdline, opt})
	words := kernelWords(kmsg.read())
	if opt.Said != nil {
		for _, line := range words {
			opt.Said(line)
		}
	}
	return explained(op, err, func() System {
		s := Inspect(root)
		s.Image, s.Words = image, words
		return s
	})
}

// Unload drops the loaded kernel; without one it does nothing. Its errors are
// those of Load. It waits for a load under way.
func Unload() error {
	op, err := opUnload, busy(context.Background(), patience, fileUnload)
	if errors.Is(err, unix.ENOSYS) { // loaded by kexec_load, if at all
		err = busy(context.Background(), patience, classicUnload)
	}
	return explained(op, err, func() System { return Inspect(os.DirFS("/")) })
}

// Loaded reports whether a kernel waits to be booted. A kernel without
// CONFIG_KEXEC_CORE has no such file, and nothing can be loaded in it.
func Loaded() (bool, error) { return loaded(os.DirFS("/")) }

// loaded looks where Linux 7 moved the file and at its old place.
func loaded(root fs.FS) (bool, error) {
	if _, err := fs.Stat(root, "sys/kernel"); err != nil {
		return false, fmt.Errorf("cannot tell whether a kernel is loaded: %w; is sysfs mounted?", err)
	}
	for _, name := range []string{"sys/kernel/kexec/loaded", "sys/kernel/kexec_loaded"} {
		b, err := fs.ReadFile(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return strings.TrimSpace(string(b)) == "1", err
	}
	return false, nil
}

// Reboot jumps into the loaded kernel at once: nothing is synced, unmounted or
// stopped before. It returns only on failure.
func Reboot() error { return jumpError(reboot()) }

// jumpError explains why reboot(2) came back at all.
func jumpError(err error) error {
	why := ""
	switch {
	case errors.Is(err, unix.EINVAL):
		// No image; or not in the first PID namespace, where the command is
		// unknown (kernel/pid_namespace.c).
		why = ": no kernel is loaded, or this is a container; load one first"
	case errors.Is(err, unix.EPERM):
		why = ": this needs CAP_SYS_BOOT; be root, outside of containers"
	case errors.Is(err, unix.EBUSY):
		why = ": a load is under way; try again when it has ended"
	case err == nil, errors.Is(err, unix.ENOSYS):
		err, why = unix.ENOSYS, ": this kernel was built without CONFIG_KEXEC_CORE"
	}
	return fmt.Errorf("reboot(KEXEC): %w%s", err, why)
}

// A job is one call of Load.
type job struct {
	root           fs.FS
	kernel, initrd *os.File
	cmdline        string
	opt            Options
}

// way returns what loads by a Syscall and names the system call that had the
// last word.
func way(s Syscall) (func(context.Context, job) (op, error), error) {
	switch s {
	case Auto, "":
		return loadAuto, nil
	case File:
		return loadFile, nil
	case Classic:
		return loadClassic, nil
	}
	return nil, fmt.Errorf("system call %q is not known; take auto, file or classic", string(s))
}

// loadAuto falls back on ENOSYS alone: a kernel that has kexec_file_load has
// the last word on the image.
func loadAuto(ctx context.Context, j job) (op, error) {
	op, err := loadFile(ctx, j)
	if !errors.Is(err, unix.ENOSYS) || classicRefusal(Inspect(j.root), runtime.GOARCH) != nil {
		return op, err
	}
	if op, again := loadClassic(ctx, j); !errors.Is(again, unix.ENOSYS) {
		return op, again
	}
	return op, err
}

func loadFile(ctx context.Context, j job) (op, error) {
	initrd, must := -1, unix.KEXEC_FILE_NO_INITRAMFS
	if j.initrd != nil {
		initrd, must = int(j.initrd.Fd()), 0
	}
	wish := 0
	if j.opt.Debug {
		wish |= unix.KEXEC_FILE_DEBUG
	}
	if j.opt.NoCMA {
		wish |= unix.KEXEC_FILE_NO_CMA
	}
	return opFile, persist(ctx, j.opt.Patience, wish, func(flags int) error {
		return fileLoad(int(j.kernel.Fd()), initrd, j.cmdline, must|flags)
	})
}

func loadClassic(ctx context.Context, j job) (op, error) {
	s := Inspect(j.root)
	if err := classicRefusal(s, runtime.GOARCH); err != nil {
		return opClassic, err
	}
	return opClassic, busy(ctx, j.opt.Patience, func() error {
		return classicLoad(j.kernel, j.initrd, j.cmdline, s)
	})
}
