package uki

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// A Format is how a kernel file is made, in the terms of the kernel's build.
type Format string

const (
	// FormatBzImage is the x86 image with a setup header.
	FormatBzImage Format = "bzImage"
	// FormatImage is the flat image of arm64, riscv64 and loongarch64.
	FormatImage Format = "Image"
	// FormatZBoot is an EFI program that unpacks the kernel it carries. It has
	// to be unwrapped before kexec_file_load(2).
	FormatZBoot Format = "zboot"
	// FormatCompressed is a kernel in a plain compression format, "Image.gz".
	FormatCompressed Format = "compressed"
	// FormatELF is an unpacked vmlinux.
	FormatELF Format = "ELF"
	// FormatPE is any other PE image: a UKI (see Open) or no kernel at all.
	FormatPE Format = "PE"
)

// ErrNotKernel means that the first bytes are those of no known kernel image.
// Architectures without a magic number (s390x) have good kernels like that.
var ErrNotKernel = errors.New("not a known kernel image")

// A Kernel is the content of the header of a kernel file. Fields that the format
// does not have are zero.
type Kernel struct {
	Format Format
	// Machine is the COFF machine type, 0 if the header does not name it.
	Machine uint16
	// Compression is what Payload is compressed with (zboot, compressed).
	Compression Compression
	// Payload is the offset of the kernel proper, PayloadSize its length, both
	// in bytes of the file, for formats that are to be unwrapped.
	Payload, PayloadSize int64
	// MemorySize is how much the kernel needs in memory before it has set up
	// its own: init_size of a bzImage, image_size of an Image.
	MemorySize int64

	// The rest is the setup header of a bzImage, see
	// Documentation/arch/x86/boot.rst.

	// Version is the text that starts with the release, "6.12.1 (build@host)".
	Version string
	// Protocol is the boot protocol, 0x020f for 2.15.
	Protocol uint16
	// CmdlineSize is the longest command line in bytes, its NUL not counted.
	CmdlineSize uint32
	// LoadFlags and XLoadFlags are bit sets.
	LoadFlags  uint8
	XLoadFlags uint16
}

// HasStub reports whether the format is one that is built with an EFI stub, by
// which firmware can start the kernel.
func (k Kernel) HasStub() bool {
	return k.Format == FormatBzImage || k.Format == FormatImage || k.Format == FormatZBoot
}

// OpenKernel reads the header of a kernel file of size bytes. The format is
// recognised by magic numbers, never by trying. The error is ErrNotKernel for none
// that is known, ErrTruncated for a file that is shorter than its header requires:
// the kernel does not notice that at the load and fails when it boots.
func OpenKernel(r io.ReaderAt, size int64) (Kernel, error) {
	f := kernelFile{r: r, size: max(size, 0)}
	var err error
	if f.head, err = readAt(r, 0, min(kernelHead, f.size)); err != nil {
		return Kernel{}, fmt.Errorf("kernel header: %w", err)
	}
	k, err := f.parse()
	if err != nil {
		return Kernel{}, fmt.Errorf("kernel: %w", err)
	}
	return k, nil
}

// kernelHead covers the headers of all formats; the longest is the setup
// header of a bzImage.
const kernelHead = 0x268

type kernelFile struct {
	r    io.ReaderAt
	size int64
	head []byte
}

// parse goes from the most special magic to the least: a zboot image and an
// Image are PE images as well.
func (f kernelFile) parse() (Kernel, error) {
	switch {
	case f.magic(0, "MZ") && f.magic(4, "zimg"):
		return f.zboot()
	case f.magic(0x1fe, "\x55\xaa") && f.magic(0x202, "HdrS"):
		return f.bzImage()
	case f.magic(56, "ARM\x64"):
		return f.image(MachineAA64)
	case f.magic(56, "RSC\x05"):
		return f.image(MachineRISCV64)
	case f.magic(0, "MZ") && f.magic(56, "\xcd\x23\x82\x81"): // LINUX_PE_MAGIC
		return f.image(MachineLoongArch64)
	case f.magic(0, "\x7fELF"):
		return f.elf()
	case f.magic(0, "MZ"):
		return f.pe()
	}
	if c := DetectCompression(f.head); c != "" {
		return Kernel{Format: FormatCompressed, Compression: c, PayloadSize: f.size}, nil
	}
	return Kernel{}, ErrNotKernel
}

func (f kernelFile) magic(at int, text string) bool {
	return len(f.head) >= at+len(text) && string(f.head[at:at+len(text)]) == text
}

// pe opens the file as what it also is. The whole file has to be there.
func (f kernelFile) pe() (Kernel, error) {
	m, err := Open(f.r, f.size)
	if err != nil {
		return Kernel{}, err
	}
	if err := m.checkWhole(); err != nil {
		return Kernel{}, err
	}
	return Kernel{Format: FormatPE, Machine: m.Machine}, nil
}

// zboot reads the header of drivers/firmware/efi/libstub/zboot-header.S.
func (f kernelFile) zboot() (Kernel, error) {
	if len(f.head) < dosHeaderSize {
		return Kernel{}, fmt.Errorf("zboot header: %w", ErrTruncated)
	}
	k := Kernel{
		Format:      FormatZBoot,
		Payload:     int64(le.Uint32(f.head[8:])),
		PayloadSize: int64(le.Uint32(f.head[12:])),
	}
	if k.Payload+k.PayloadSize > f.size {
		return Kernel{}, fmt.Errorf("zboot: payload of %d bytes at %d, but the file has %d: %w",
			k.PayloadSize, k.Payload, f.size, ErrTruncated)
	}
	name, _, _ := bytes.Cut(f.head[0x18:0x38], []byte{0})
	if k.Compression = zbootCompression(string(name)); k.Compression == "" {
		return Kernel{}, fmt.Errorf("zboot: unknown compression %q", name)
	}
	program, err := f.pe()
	if err != nil {
		return Kernel{}, fmt.Errorf("zboot: %w", err)
	}
	k.Machine = program.Machine
	return k, nil
}

// image reads the flat header of Documentation/arch/arm64/booting.rst, which
// the others follow as to the size. An Image with an EFI stub is a PE image,
// which shows whether the file is complete; one without does not.
func (f kernelFile) image(machine uint16) (Kernel, error) {
	if len(f.head) < dosHeaderSize {
		return Kernel{}, fmt.Errorf("image header: %w", ErrTruncated)
	}
	if f.magic(0, "MZ") {
		if _, err := f.pe(); err != nil {
			return Kernel{}, fmt.Errorf("image: %w", err)
		}
	}
	size := le.Uint64(f.head[16:])
	if size == 0 || size > maxImageSize {
		return Kernel{}, fmt.Errorf("image: image_size of %d bytes: %w", size, ErrNotKernel)
	}
	return Kernel{Format: FormatImage, Machine: machine, MemorySize: int64(size)}, nil
}

// maxImageSize is far above any kernel, and far below what would overflow.
const maxImageSize = 1 << 40
