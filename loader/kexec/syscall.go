package kexec

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Every system call of this package that has no function in the standard
// library is made in this file.

// kernelCalls are the system calls that load and unload.
type kernelCalls struct {
	fileLoad                  func(kernel, initrd int, cmdline string, flags int) error
	classicLoad               func(kernel, initrd *os.File, cmdline string, rsdp uint64) error
	fileUnload, classicUnload func() error
}

func syscalls() kernelCalls {
	return kernelCalls{fileLoad, classicLoad, fileUnload, classicUnload}
}

func fileLoad(kernel, initrd int, cmdline string, flags int) error {
	return unix.KexecFileLoad(kernel, initrd, cmdline, flags)
}

func fileUnload() error { return unix.KexecFileLoad(-1, -1, "", unix.KEXEC_FILE_UNLOAD) }

// classicUnload is kexec_load(2) with no segments.
func classicUnload() error {
	if _, _, errno := unix.Syscall6(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func reboot() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_KEXEC) }

// A kmsgReader reads what the kernel logs after it was opened. The zero fd is
// not used: without /dev/kmsg, or without the right to read it, it is -1.
type kmsgReader struct{ fd int }

// openKmsg goes around package os, whose files wait for more at the end.
func openKmsg() kmsgReader {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return kmsgReader{-1}
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		_ = unix.Close(fd) // nothing was written
		return kmsgReader{-1}
	}
	return kmsgReader{fd}
}

// read returns the records so far, a read(2) each; see
// Documentation/ABI/testing/dev-kmsg.
func (r kmsgReader) read() []string {
	const maxRecords = 10_000 // a flood must not hold us
	var records []string
	buf := make([]byte, 8192) // the kernel's largest record
	for range maxRecords {
		n, err := unix.Read(r.fd, buf)
		switch {
		case err == unix.EPIPE: // some were overwritten, go on with the oldest
		case err == unix.EINTR:
		case err != nil || n == 0:
			return records
		default:
			records = append(records, string(buf[:n]))
		}
	}
	return records
}

func (r kmsgReader) close() {
	if r.fd >= 0 {
		_ = unix.Close(r.fd) // read only
	}
}

// accessMode says how a file is open, and whether it is a memfd.
func accessMode(f *os.File) (writable, memfd bool) {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd())) // no procfs: no memfd
	return err == nil && flags&unix.O_ACCMODE != unix.O_RDONLY, strings.HasPrefix(link, "/memfd:")
}

// mapFile maps a file for reading; unmap ends that. The file must not shrink
// meanwhile.
func mapFile(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("mmap %s: %w", f.Name(), err)
	}
	return b, nil
}

func unmap(b []byte) { _ = unix.Munmap(b) } // read only
