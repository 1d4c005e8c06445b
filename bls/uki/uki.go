// Package uki reads PE images from a boot partition: unified kernel images,
// their addons, plain EFI programs and kernels. It trusts nothing: anyone may
// have written the file, so every offset is held against the file's size
// before it is used, and nothing is allocated by a number read from the file.
//
// The formats: UAPI.5 (unified kernel images), the PE/COFF specification, the
// Linux boot protocols for kernels. Where readers differ, systemd-boot and
// systemd-stub 262 are followed.
package uki

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

// SubsystemEFI is the PE subsystem of an EFI program; UKIs and addons have it.
const SubsystemEFI = 10

var (
	// ErrNotPE means that the file is no PE image at all.
	ErrNotPE = errors.New("not a PE image")
	// ErrTruncated means that headers promise more bytes than the file has.
	ErrTruncated = errors.New("file is cut short")
	// ErrOverlap means that firmware would load one section over another.
	ErrOverlap = errors.New("sections overlap in memory")
)

// An Image is the section table of a PE file. It reads from the file given to
// Open for as long as it is used; closing that file is the caller's job.
type Image struct {
	// Machine is the COFF machine type, see MachineFor.
	Machine uint16
	// Subsystem is SubsystemEFI for everything that firmware can start.
	Subsystem uint16
	// Sections are in the order of the section table, which is what UKI
	// profiles go by. Names may repeat.
	Sections []Section
	// Signature and SignatureSize say where in the file the certificate table
	// is, in bytes; both are 0 in an image that is not signed. Nothing here
	// verifies it.
	Signature, SignatureSize int64

	size   int64          // of the file
	base   map[string]int // first section of each name before any .profile
	starts []int          // where the profiles begin
}

// Open reads the headers of a PE file of size bytes. Sections are not looked
// at: one that points outside the file is an error only once it is used, or
// for Check, because systemd-boot shows such an image too. The error is
// ErrNotPE or ErrTruncated, with the detail, or what r returned.
func Open(r io.ReaderAt, size int64) (*Image, error) {
	size = max(size, 0)
	h, err := readHeader(r, size)
	if err != nil {
		return nil, fmt.Errorf("pe header: %w", err)
	}
	table, err := h.sectionTable(r, size)
	if err != nil {
		return nil, fmt.Errorf("section table: %w", err)
	}
	m := &Image{Machine: h.machine(), Subsystem: h.subsystem(), size: size}
	if m.Signature, m.SignatureSize, err = h.signature(r, size); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	m.Sections = make([]Section, 0, len(table)/sectionHeaderSize)
	for ; len(table) > 0; table = table[sectionHeaderSize:] {
		s := sectionHeader(table[:sectionHeaderSize]).section()
		s.r, s.end = r, size
		m.Sections = append(m.Sections, s)
	}
	m.split()
	return m, nil
}

// Check reports whether the image can be used as a whole: the raw data of every
// section, padding included, and the signature lie inside the file (else
// ErrTruncated; UEFI's loader and bootctl refuse it too, systemd-boot lists it
// all the same), and no two sections share memory (else ErrOverlap: the stub
// takes sections from there, so that it would see something else than the
// file's bytes).
func (m *Image) Check() error {
	if err := m.checkWhole(); err != nil {
		return err
	}
	sorted := slices.Clone(m.Sections)
	sorted = slices.DeleteFunc(sorted, func(s Section) bool { return s.Size == 0 })
	slices.SortStableFunc(sorted, func(a, b Section) int { return cmp.Compare(a.address, b.address) })
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1], sorted[i]
		if a.address+a.Size > b.address {
			return fmt.Errorf("%s of %d bytes at %#x, %s at %#x: %w", a.label(), a.Size, a.address, b.label(), b.address, ErrOverlap)
		}
	}
	return nil
}

// checkWhole holds offsets and sizes against the file.
func (m *Image) checkWhole() error {
	for _, s := range m.Sections {
		if end := s.Offset + s.RawSize; s.RawSize > 0 && end > m.size {
			return fmt.Errorf("section %s ends at byte %d, the file at %d: %w", s.label(), end, m.size, ErrTruncated)
		}
	}
	if end := m.Signature + m.SignatureSize; m.SignatureSize > 0 && end > m.size {
		return fmt.Errorf("signature ends at byte %d, the file at %d: %w", end, m.size, ErrTruncated)
	}
	return nil
}

// Has reports whether any section, in whatever profile, bears the name.
func (m *Image) Has(name string) bool {
	for _, s := range m.Sections {
		if s.Name == name {
			return true
		}
	}
	return false
}
