//go:build !noclassic

package kexec

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/u-root/u-root/pkg/boot/bzimage"
	kexecload "github.com/u-root/u-root/pkg/boot/kexec"
	"github.com/u-root/u-root/pkg/boot/purgatory"
)

// loadSegments lays out what the 64-bit boot protocol asks for
// (Documentation/arch/x86/boot.rst): the unpacked kernel, the initrd, the
// command line, the zero page, and the few instructions that jump from the old
// kernel to the new one.
//
// Not u-root's linux.KexecLoad: its zero page points to the tables of EFI as
// the first kernel found them, and on a machine with EFI the second one follows
// the pointers and dies.
func loadSegments(kernel, initrd *os.File, cmdline string, rsdp uint64) error {
	running, err := os.ReadFile("/sys/kernel/boot_params/data")
	if err != nil {
		return fmt.Errorf("zero page of the running kernel: %w", err)
	}
	image, err := io.ReadAll(io.NewSectionReader(kernel, 0, 1<<31-1))
	if err != nil {
		return err
	}
	if err := payloadInside(image); err != nil {
		return err
	}
	var unpacked bzimage.BzImage
	if err := unpacked.UnmarshalBinary(image); err != nil {
		return err
	}
	ram, err := kexecload.MemoryMapFromSysfsMemmap()
	if err != nil {
		return fmt.Errorf("memory map: %w", err)
	}
	memory := &kexecload.Memory{Phys: ram}
	elf, err := memory.LoadElfSegments(bytes.NewReader(unpacked.KernelCode))
	if err != nil {
		return fmt.Errorf("unpacked kernel: %w", err)
	}
	z := zeroPage{rsdp: rsdp}
	if initrd != nil {
		content, err := mapFile(initrd)
		if err != nil {
			return err
		}
		defer unmap(content)
		where, err := memory.AddKexecSegment(content)
		if err != nil {
			return fmt.Errorf("place for the initrd: %w", err)
		}
		z.initrd, z.initrdSize = uint64(where.Start), uint64(len(content))
	}
	entry, err := placeSmall(memory, elf.Entry(), cmdline, func(line uint64) ([]byte, error) {
		z.cmdline = line
		return z.build(running, image)
	})
	if err != nil {
		return err
	}
	return kexecload.Load(entry, memory.Segments, 0)
}

// placeSmall places the command line, the zero page that points to it, and the
// jump to the kernel with the zero page in RSI.
func placeSmall(memory *kexecload.Memory, kernel uint64, cmdline string, page func(line uint64) ([]byte, error)) (uintptr, error) {
	line, err := memory.AddKexecSegment(append([]byte(cmdline), 0))
	if err != nil {
		return 0, fmt.Errorf("place for the command line: %w", err)
	}
	b, err := page(uint64(line.Start))
	if err != nil {
		return 0, err
	}
	zero, err := memory.AddPhysSegment(b, kexecload.RangeFromInterval(0x1000, 1<<32-1))
	if err != nil {
		return 0, fmt.Errorf("place for the zero page: %w", err)
	}
	return purgatory.Load(memory, uintptr(kernel), zero.Start)
}
