package kexec

import (
	"encoding/binary"
	"os"

	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
)

// header is how many bytes of a kernel its format and the limit of the command line take.
const header = 0x23c

// sniff looks at the first bytes of a kernel image. cmdlineMax is that of x86
// boot protocol 2.06 and newer, less the room that the kernel keeps for
// " elfcorehdr=0x…" (arch/x86/kernel/kexec-bzimage64.c) and the NUL.
func sniff(b []byte) (f refusal.Format, cmdlineMax int) {
	magic := func(at int, text string) bool {
		return len(b) >= at+len(text) && string(b[at:at+len(text)]) == text
	}
	switch {
	case magic(0x202, "HdrS"):
		const elfcorehdr = 30
		if len(b) >= header {
			cmdlineMax = max(0, int(binary.LittleEndian.Uint32(b[0x238:]))-elfcorehdr-1)
		}
		return refusal.BzImage, cmdlineMax
	case magic(56, "ARM\x64"):
		return refusal.ARM64, 0
	case magic(56, "RSC\x05"):
		return refusal.RISCV, 0
	case magic(0, "MZ") && magic(4, "zimg"):
		return refusal.Zboot, 0
	case magic(0, "MZ"):
		return refusal.EFIProgram, 0
	case magic(0, "\x7fELF"):
		return refusal.ELF, 0
	case magic(0, "\x1f\x8b"):
		return refusal.GzipFile, 0
	case magic(0, "\x28\xb5\x2f\xfd"):
		return refusal.ZstdFile, 0
	case magic(0, "\xfd7zXZ"):
		return refusal.XZFile, 0
	}
	return "", 0
}

// describe looks at what is to be loaded, for the case that it is refused.
func describe(kernel, initrd *os.File, cmdline string) refusal.Image {
	image := refusal.Image{Kernel: part(kernel), Cmdline: len(cmdline)}
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

func part(f *os.File) refusal.Part {
	p := refusal.Part{Name: f.Name()}
	if info, err := f.Stat(); err == nil {
		p.Size, p.Regular = info.Size(), info.Mode().IsRegular()
	}
	p.Writable, p.Memfd = accessMode(f)
	return p
}
