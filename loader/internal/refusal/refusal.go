// Package refusal is what the kernel's refusal of a load consists of, for the
// package that makes the call and the one that explains it.
package refusal

import (
	"fmt"
	"strings"
	"syscall"
)

// A Call is a system call as messages name it.
type Call string

// The calls. Unload is kexec_file_load(2) with KEXEC_FILE_UNLOAD.
const (
	File    Call = "kexec_file_load"
	Classic Call = "kexec_load"
	Unload  Call = "unload"
)

// An Error is a refusal by the kernel, without its explanation.
type Error struct {
	Errno syscall.Errno
	Call  Call
	// KernelLog are lines of the kernel log about the call, oldest first.
	KernelLog []string
	// Image is what was to be loaded; the zero value for an unload.
	Image Image
	// NoClassic reports that the program cannot call kexec_load(2) instead.
	NoClassic bool
}

// Error names the call and the errno, and has the first lines of what the kernel
// logged.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %v", e.Call, e.Errno)
	if len(e.KernelLog) > 0 {
		const shown = 2
		text += fmt.Sprintf(" (kernel log: %s)", strings.Join(e.KernelLog[:min(shown, len(e.KernelLog))], " / "))
	}
	return text
}

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Errno }

// Image is what is to be loaded.
type Image struct {
	Kernel, Initrd Part
	Cmdline        int // bytes, without the NUL
	CmdlineMax     int // the most that the kernel image takes; 0 is not known
	Format         Format
}

// Part is one of the files of an Image; without a Name there is none.
type Part struct {
	Name     string
	Size     int64 // bytes
	Regular  bool
	Memfd    bool
	Writable bool // open for writing
}

// Format of a kernel image, by its magic; "" is not known.
type Format string

// The formats that refusals differ for.
const (
	BzImage    Format = "bzImage"
	ARM64      Format = "arm64 Image"
	RISCV      Format = "RISC-V Image"
	Zboot      Format = "self-decompressing EFI image"
	EFIProgram Format = "EFI program"
	ELF        Format = "ELF file"
	GzipFile   Format = "gzip file"
	ZstdFile   Format = "zstd file"
	XZFile     Format = "xz file"
)

// Memory returns what the kernel needs at least while it loads, in bytes: it
// reads both files into memory of its own and copies them into the image.
func (m Image) Memory() int64 { return 2 * m.Size() }

// Size returns the size of both files, in bytes.
func (m Image) Size() int64 { return m.Kernel.Size + m.Initrd.Size }
