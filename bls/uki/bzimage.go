package uki

import (
	"bytes"
	"errors"
	"fmt"
)

// Fields of the setup header, Documentation/arch/x86/boot.rst. Offsets are
// those in the file.
const (
	setupSectsAt  = 0x1f1
	syssizeAt     = 0x1f4
	protocolAt    = 0x206
	versionAt     = 0x20e
	loadFlagsAt   = 0x211
	xloadFlagsAt  = 0x236
	cmdlineSizeAt = 0x238
	initSizeAt    = 0x260

	sector = 512
	// maxVersion bounds the version text in bytes; the header does not.
	maxVersion = 256
)

// ErrCannotKexec means that a kernel is whole, but not made for the call.
var ErrCannotKexec = errors.New("kexec_file_load cannot load this kernel")

// bzImage reads the setup header. Fields that came with a later protocol than
// the image's stay zero.
func (f kernelFile) bzImage() (Kernel, error) {
	if len(f.head) < kernelHead {
		return Kernel{}, fmt.Errorf("bzImage setup header: %w", ErrTruncated)
	}
	setup := int64(f.head[setupSectsAt])
	if setup == 0 {
		setup = 4 // by the protocol, for very old kernels
	}
	need := (setup+1)*sector + int64(le.Uint32(f.head[syssizeAt:]))*16
	if f.size < need {
		return Kernel{}, fmt.Errorf("bzImage of %d bytes, but the file has %d: %w", need, f.size, ErrTruncated)
	}
	if err := f.checkStub(); err != nil {
		return Kernel{}, fmt.Errorf("bzImage: %w", err)
	}
	k := Kernel{
		Format:    FormatBzImage,
		Protocol:  le.Uint16(f.head[protocolAt:]),
		LoadFlags: f.head[loadFlagsAt],
	}
	if k.Protocol >= 0x206 {
		k.CmdlineSize = le.Uint32(f.head[cmdlineSizeAt:])
	}
	if k.Protocol >= 0x20a {
		k.MemorySize = int64(le.Uint32(f.head[initSizeAt:]))
	}
	if k.Protocol >= 0x20c {
		k.XLoadFlags = le.Uint16(f.head[xloadFlagsAt:])
		k.Machine = MachineIA32
	}
	if k.XLoadFlags&xlf64 != 0 {
		k.Machine = MachineX64
	}
	var err error
	k.Version, err = f.version(setup)
	return k, err
}

// checkStub holds the file against its PE headers, where the kernel was built
// with them: they expect a signature after the end of the kernel proper.
func (f kernelFile) checkStub() error {
	m, err := Open(f.r, f.size)
	if errors.Is(err, ErrNotPE) {
		return nil // built without an EFI stub
	}
	if err != nil {
		return err
	}
	return m.checkWhole()
}

// version reads the text that the setup header points to, inside the setup
// code of so many sectors. It is for display: a pointer to nowhere is no error.
func (f kernelFile) version(setup int64) (string, error) {
	pointer := int64(le.Uint16(f.head[versionAt:]))
	at := pointer + sector
	if pointer == 0 || at >= (setup+1)*sector {
		return "", nil
	}
	b, err := readAt(f.r, at, min(maxVersion, (setup+1)*sector-at))
	if err != nil {
		return "", fmt.Errorf("bzImage version: %w", err)
	}
	text, _, _ := bytes.Cut(b, []byte{0})
	return string(text), nil
}

const (
	loadedHigh = 1 << 0 // LoadFlags
	xlf64      = 1 << 0 // XLoadFlags: has a 64-bit entry point
	xlfAbove4G = 1 << 1 // may lie anywhere in memory
	xlf5Level  = 1 << 5 // can start with page tables of five levels
)

// Kexecable reports whether kexec_file_load(2) on a machine of that type takes the
// kernel as it is or, for wrapped formats, could take what it was built for.
// The error is ErrCannotKexec with the reason; the rules for a bzImage are
// those of arch/x86/kernel/kexec-bzimage64.c. A PE image is not checked.
func (k Kernel) Kexecable(machine uint16) error {
	if k.Machine != 0 && k.Machine != machine {
		return fmt.Errorf("%w: it is made for %s, this machine is %s", ErrCannotKexec, archLabel(k.Machine), archLabel(machine))
	}
	if k.Format != FormatBzImage {
		return nil
	}
	switch {
	case k.Protocol < 0x20c:
		return fmt.Errorf("%w: boot protocol %d.%02d, at least 2.12 is needed", ErrCannotKexec, k.Protocol>>8, k.Protocol&0xff)
	case k.LoadFlags&loadedHigh == 0:
		return fmt.Errorf("%w: a zImage, not a bzImage", ErrCannotKexec)
	case k.XLoadFlags&xlfAbove4G == 0:
		return fmt.Errorf("%w: it cannot be placed above 4 GiB", ErrCannotKexec)
	}
	return nil
}

// Takes5Level reports whether the kernel can be started by one that uses page
// tables of five levels (LA57); true for other formats than a bzImage.
func (k Kernel) Takes5Level() bool {
	return k.Format != FormatBzImage || k.XLoadFlags&xlf5Level != 0
}

func archLabel(machine uint16) string {
	if name := ArchName(machine); name != "" {
		return name
	}
	return fmt.Sprintf("machine %#x", machine)
}
