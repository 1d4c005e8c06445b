package uki

import (
	"encoding/binary"
	"fmt"
)

const (
	elfHeaderSize  = 64
	elfSegmentSize = 56
	elfLoad        = 1 // PT_LOAD
)

// elf reads the header of a vmlinux and checks that its segments are all in
// the file. A 32-bit one is recognised and left at that: no kernel takes it.
func (f kernelFile) elf() (Kernel, error) {
	if len(f.head) < elfHeaderSize {
		return Kernel{}, fmt.Errorf("ELF header: %w", ErrTruncated)
	}
	var order binary.ByteOrder = le
	if f.head[5] == 2 {
		order = binary.BigEndian
	}
	k := Kernel{Format: FormatELF, Machine: elfMachine(order.Uint16(f.head[18:]))}
	if f.head[4] != 2 {
		return k, nil
	}
	table, err := f.elfSegments(order)
	if err != nil {
		return Kernel{}, err
	}
	for ; len(table) >= elfSegmentSize; table = table[elfSegmentSize:] {
		at, n := order.Uint64(table[8:]), order.Uint64(table[32:])
		if order.Uint32(table) == elfLoad && !f.inside(at, n) {
			return Kernel{}, fmt.Errorf("ELF: segment of %d bytes at %d, but the file has %d: %w", n, at, f.size, ErrTruncated)
		}
	}
	return k, nil
}

// elfSegments reads the program headers, at most 65535 of them.
func (f kernelFile) elfSegments(order binary.ByteOrder) ([]byte, error) {
	at := order.Uint64(f.head[32:])
	each, count := order.Uint16(f.head[54:]), order.Uint16(f.head[56:])
	if each != elfSegmentSize || count == 0 {
		return nil, fmt.Errorf("%w: ELF file without program headers", ErrNotKernel)
	}
	n := int64(each) * int64(count)
	if !f.inside(at, uint64(n)) {
		return nil, fmt.Errorf("ELF: program headers at %d, but the file has %d: %w", at, f.size, ErrTruncated)
	}
	return readAt(f.r, int64(at), n)
}

// inside reports whether n bytes at offset at are part of the file, whatever the
// numbers are.
func (f kernelFile) inside(at, n uint64) bool {
	size := uint64(f.size)
	return at <= size && n <= size-at
}

// elfMachine translates e_machine; 0 for architectures without EFI.
func elfMachine(e uint16) uint16 {
	switch e {
	case 3:
		return MachineIA32
	case 40:
		return MachineARM
	case 62:
		return MachineX64
	case 183:
		return MachineAA64
	case 243:
		return MachineRISCV64
	case 258:
		return MachineLoongArch64
	}
	return 0
}
