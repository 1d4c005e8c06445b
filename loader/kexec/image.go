package kexec

import (
	"encoding/binary"
	"os"
)

// Image is what is to be loaded.
type Image struct {
	Kernel, Initrd Part
	Cmdline        int // bytes, without the NUL
	CmdlineMax     int // the most that the kernel image takes, 0 if not known
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

// Format of a kernel image, by its magic. Only enough of them to say why a
// kernel does not take one.
type Format string

// header is how much of a kernel Format and the limit of the command line take.
const header = 0x23c

// sniff looks at the first bytes of a kernel image. cmdlineMax is that of x86
// boot protocol 2.06 and newer, less the room that the kernel keeps for
// " elfcorehdr=0x…" (arch/x86/kernel/kexec-bzimage64.c) and the NUL.
func sniff(b []byte) (f Format, cmdlineMax int) {
	magic := func(at int, text string) bool {
		return len(b) >= at+len(text) && string(b[at:at+len(text)]) == text
	}
	switch {
	case magic(0x202, "HdrS"):
		const elfcorehdr = 30
		if len(b) >= header {
			cmdlineMax = max(0, int(binary.LittleEndian.Uint32(b[0x238:]))-elfcorehdr-1)
		}
		return "bzImage", cmdlineMax
	case magic(56, "ARM\x64"):
		return "arm64 Image", 0
	case magic(56, "RSC\x05"):
		return "RISC-V Image", 0
	case magic(0, "MZ") && magic(4, "zimg"):
		return "self-decompressing EFI image", 0
	case magic(0, "MZ"):
		return "EFI program", 0
	case magic(0, "\x7fELF"):
		return "ELF file", 0
	case magic(0, "\x1f\x8b"):
		return "gzip file", 0
	case magic(0, "\x28\xb5\x2f\xfd"):
		return "zstd file", 0
	case magic(0, "\xfd7zXZ"):
		return "xz file", 0
	}
	return "", 0
}

// describe looks at what is to be loaded, for the case that it is refused.
func describe(kernel, initrd *os.File, cmdline string) Image {
	image := Image{Kernel: part(kernel), Cmdline: len(cmdline)}
	if initrd != nil {
		image.Initrd = part(initrd)
	}
	if image.Kernel.Regular {
		var b [header]byte
		n, _ := kernel.ReadAt(b[:], 0) // short, or not readable: no format
		image.Format, image.CmdlineMax = sniff(b[:n])
	}
	return image
}

func part(f *os.File) Part {
	p := Part{Name: f.Name()}
	if info, err := f.Stat(); err == nil {
		p.Size, p.Regular = info.Size(), info.Mode().IsRegular()
	}
	p.Writable, p.Memfd = accessMode(f)
	return p
}

// memory is what the kernel needs at least while it loads: it reads both files
// into memory of its own and copies them into the image.
func (m Image) memory() uint64 { return 2 * uint64(m.Kernel.Size+m.Initrd.Size) }
