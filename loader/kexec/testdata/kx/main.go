// Command kx is the package kexec for the tests in a guest.
//
//	kx [-syscall=S] [-memfd] [-debug] [-times=N] [-busy=D] [-hide] load KERNEL INITRD CMDLINE
//	kx unload | loaded | jump
//
// -hide makes kexec_file_load a call that does not exist. An empty INITRD is none. With -memfd both files are copied into memory. Loads of -times run at once; the results are shown
// a line each.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

func main() {
	var opt kexec.Options
	flag.Func("syscall", "", func(s string) error { opt.Syscall = kexec.Syscall(s); return nil })
	flag.BoolVar(&opt.Debug, "debug", false, "")
	flag.DurationVar(&opt.BusyTimeout, "busy", 0, "")
	memfd := flag.Bool("memfd", false, "")
	times := flag.Int("times", 1, "")
	flag.BoolFunc("hide", "", func(string) error { return hide() })
	flag.Parse()
	if opt.Debug {
		opt.OnKernelLog = func(line string) { fmt.Println("kernel:", line) }
	}
	if err := run(flag.Args(), opt, *memfd, *times); err != nil {
		fmt.Fprintln(os.Stderr, explained(err))
		os.Exit(code(err))
	}
}

// explained is an error with its cause and hint, as kexec-bls prints them.
func explained(err error) string {
	cause, ok := preflight.Explain(preflight.Env{Host: host.Running()}, preflight.Plan{}, err)
	if !ok {
		return strings.TrimSuffix(err.Error()+"; "+hint.Of(err), "; ")
	}
	return fmt.Sprintf("%v: %s; %s", err, cause.Text, cause.Hint)
}

// result is explained, or <nil>.
func result(err error) string {
	if err == nil {
		return "<nil>"
	}
	return explained(err)
}

// code is the errno of a refusal, and 1 for all else.
func code(err error) int {
	refused, ok := errors.AsType[*kexec.LoadError](err)
	if ok {
		return int(refused.Errno)
	}
	return 1
}

func run(args []string, opt kexec.Options, memfd bool, times int) error {
	switch args[0] {
	case "unload":
		return kexec.Syscalls().Unload()
	case "loaded":
		loaded, err := kexec.Syscalls().Loaded()
		fmt.Println(loaded)
		return err
	case "jump":
		return kexec.Syscalls().Jump()
	}
	kernel, err := open(args[1], memfd)
	if err != nil {
		return err
	}
	var initrd *os.File
	if args[2] != "" {
		if initrd, err = open(args[2], memfd); err != nil {
			return err
		}
	}
	if times == 1 {
		return kexec.Syscalls().Load(context.Background(), kernel, initrd, args[3], opt)
	}
	var wait sync.WaitGroup
	for range times {
		wait.Go(func() { fmt.Println(result(kexec.Syscalls().Load(context.Background(), kernel, initrd, args[3], opt))) })
	}
	wait.Wait()
	return nil
}

func open(name string, memfd bool) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil || !memfd {
		return f, err
	}
	fd, err := unix.MemfdCreate("joined", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	m := os.NewFile(uintptr(fd), "joined")
	_, err = io.Copy(m, f)
	return m, err
}

// hide installs a seccomp filter for all threads: by the number of the call
// alone, which is enough here.
func hide() error {
	const data = 0 // offset of the number in seccomp_data
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: data},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_KEXEC_FILE_LOAD, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}
