// Package kexec loads a kernel for a kexec reboot and jumps into it:
// kexec_file_load(2), where the kernel has no such call kexec_load(2), and
// reboot(2). What the kernel refuses is a [LoadError].
package kexec

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
)

// Calls are what this package asks of the kernel, so that a test can replace
// them.
type Calls struct {
	// Load replaces the loaded kernel. initrd may be nil. It needs CAP_SYS_BOOT
	// in the first user namespace. The files are read from their start, whatever
	// their position; they may be closed afterwards. A refusal is a *LoadError;
	// the image that was loaded before is kept then.
	Load func(ctx context.Context, kernel, initrd *os.File, cmdline string, opt Options) error
	// Unload drops the loaded kernel; without one it does nothing. It waits for a
	// load that has not ended. A refusal is a *LoadError.
	Unload func() error
	// Loaded reports whether a kernel is loaded.
	Loaded func() (bool, error)
	// Jump starts the loaded kernel at once: nothing is synced, unmounted or
	// stopped before. It returns only on failure.
	Jump func() error
}

// Syscalls returns the calls of the running kernel.
func Syscalls() Calls {
	m := host.Running()
	return Calls{
		Load: func(ctx context.Context, kernel, initrd *os.File, cmdline string, opt Options) error {
			return load(ctx, job{m, kernel, initrd, cmdline, opt, syscalls()})
		},
		Unload: func() error { return unload(syscalls()) },
		Loaded: func() (bool, error) { return loaded(m) },
		Jump:   func() error { return jumpError(reboot()) },
	}
}

// Syscall is the system call that loads a kernel.
type Syscall string

// The system calls. Classic is kexec_load(2), for amd64 and arm64: everything is
// read into our memory and nothing is verified, so it is refused under lockdown
// and where the kernel takes only signed images.
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
	// NoCMA keeps segments away from contiguous memory of devices from the start
	// (KEXEC_FILE_NO_CMA); without it that is tried where there is no other room. One
	// that cannot, before 6.17, is asked again without.
	NoCMA bool
	// BusyTimeout is how long to wait for another load to end; zero is 5 s, less
	// is not at all.
	BusyTimeout time.Duration
	// OnKernelLog, if set, is called after the load with every line that the
	// kernel logged about it.
	OnKernelLog func(line string)
}

// busyTimeout is how long a load waits for another one to end.
const busyTimeout = 5 * time.Second

// A job is one load.
type job struct {
	host           host.Machine
	kernel, initrd *os.File
	cmdline        string
	opt            Options
	sys            kernelCalls
}

func load(ctx context.Context, j job) error {
	if strings.IndexByte(j.cmdline, 0) >= 0 {
		return hint.Wrap(errNUL, "remove the NUL")
	}
	attempt, err := method(j.opt.Syscall)
	if err != nil {
		return err
	}
	image := describe(j.kernel, j.initrd, j.cmdline)
	kmsg := openKmsg()
	defer kmsg.close()
	call, err := attempt(ctx, j)
	lines := kernelLines(kmsg.read())
	if j.opt.OnKernelLog != nil {
		for _, line := range lines {
			j.opt.OnKernelLog(line)
		}
	}
	return refused(call, err, lines, image)
}

func unload(sys kernelCalls) error {
	err := busy(context.Background(), busyTimeout, sys.fileUnload)
	if errors.Is(err, unix.ENOSYS) { // loaded by kexec_load, if at all
		err = busy(context.Background(), busyTimeout, sys.classicUnload)
	}
	return refused(refusal.Unload, err, nil, refusal.Image{})
}

// loaded reports whether a kernel is loaded. A kernel without CONFIG_KEXEC_CORE
// has no such file, and nothing can be loaded in it. Linux 7 moved the file.
func loaded(m host.Machine) (bool, error) {
	if !m.Exists("sys/kernel") {
		return false, hint.Wrap(errors.New("cannot determine whether a kernel is loaded: no /sys/kernel"), "mount sysfs: mount -t sysfs sysfs /sys")
	}
	name := loadedFile(m)
	if name == "" {
		return false, nil
	}
	b, err := m.ReadFile(name, int64(os.Getpagesize()))
	return strings.TrimSpace(string(b)) == "1", err
}

// loadedFile is the file that shows whether a kernel is loaded, "" for none.
func loadedFile(m host.Machine) string {
	for _, name := range []string{"sys/kernel/kexec/loaded", "sys/kernel/kexec_loaded"} {
		if m.Exists(name) {
			return name
		}
	}
	return ""
}

// jumpError explains why reboot(2) returned at all.
func jumpError(err error) error {
	why, what := "", ""
	switch {
	case errors.Is(err, unix.EINVAL):
		// No image; or not in the first PID namespace, where the command is
		// unknown (kernel/pid_namespace.c).
		why, what = ": no kernel is loaded, or this is a container", "load a kernel first"
	case errors.Is(err, unix.EPERM):
		why, what = ": this needs CAP_SYS_BOOT", "be root, outside of containers"
	case errors.Is(err, unix.EBUSY):
		why, what = ": a load has not ended", "try again when it has"
	case err == nil, errors.Is(err, unix.ENOSYS):
		err, why = unix.ENOSYS, ": this kernel was built without CONFIG_KEXEC_CORE"
	}
	return hint.Errorf(what, "reboot(KEXEC): %w%s", err, why)
}

// method returns what loads by a Syscall and names the system call whose error
// it is.
func method(s Syscall) (func(context.Context, job) (refusal.Call, error), error) {
	switch s {
	case Auto, "":
		return loadAuto, nil
	case File:
		return loadFile, nil
	case Classic:
		return loadClassic, nil
	}
	return nil, hint.Errorf("use auto, file or classic", "unknown system call %q", string(s))
}

// loadAuto falls back on ENOSYS alone: a kernel that has kexec_file_load decides
// about the image.
func loadAuto(ctx context.Context, j job) (refusal.Call, error) {
	call, err := loadFile(ctx, j)
	if !errors.Is(err, unix.ENOSYS) || classicRefusal(j.host) != nil {
		return call, err
	}
	if call, again := loadClassic(ctx, j); !errors.Is(again, unix.ENOSYS) {
		return call, again
	}
	return call, err
}

func loadFile(ctx context.Context, j job) (refusal.Call, error) {
	initrd, required := -1, unix.KEXEC_FILE_NO_INITRAMFS
	if j.initrd != nil {
		initrd, required = int(j.initrd.Fd()), 0
	}
	return refusal.File, persist(ctx, j.opt.BusyTimeout, j.opt.flags(), func(flags int) error {
		return j.sys.fileLoad(int(j.kernel.Fd()), initrd, j.cmdline, required|flags)
	})
}

// flags are those that a kernel may not know.
func (o Options) flags() int {
	flags := 0
	if o.Debug {
		flags |= unix.KEXEC_FILE_DEBUG
	}
	if o.NoCMA {
		flags |= unix.KEXEC_FILE_NO_CMA
	}
	return flags
}

// loadClassic reads no image for a kernel that was built without kexec.
func loadClassic(ctx context.Context, j job) (refusal.Call, error) {
	if err := classicRefusal(j.host); err != nil {
		return refusal.Classic, err
	}
	if j.host.Exists("sys/kernel") && loadedFile(j.host) == "" {
		return refusal.Classic, unix.ENOSYS
	}
	rsdp := j.host.RSDP()
	return refusal.Classic, busy(ctx, j.opt.BusyTimeout, func() error {
		return j.sys.classicLoad(j.kernel, j.initrd, j.cmdline, rsdp)
	})
}
