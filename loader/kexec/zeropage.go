package kexec

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A zeroPage is what a boot loader passes to an x86 kernel, by physical address
// (Documentation/arch/x86/zero-page.rst).
type zeroPage struct {
	cmdline            uint64
	initrd, initrdSize uint64 // 0: none
	rsdp               uint64 // the ACPI tables; 0: searched for in the BIOS area
}

// build takes the facts about the machine from the zero page of the running
// kernel and the setup header from the image of the new one. What points into
// memory of the first boot is cleared: the tables of EFI, which the running
// kernel moved to addresses of its own, and setup_data. Without EFI's tables the
// new kernel cannot find those of ACPI, so their address is given.
func (z zeroPage) build(running, image []byte) ([]byte, error) {
	const (
		size   = 4096
		header = 0x1f1 // setup header, up to 0x202 + the byte at 0x201
		efi    = 0x1c0 // efi_info
		kexec  = 0xd0  // type of loader: kexec, version 0
	)
	if len(running) != size {
		return nil, errors.New("the zero page of the running kernel is not a page")
	}
	if len(image) < 0x290 || string(image[0x202:0x206]) != "HdrS" {
		return nil, errors.New("not a bzImage")
	}
	b := append([]byte(nil), running...)
	clear(b[header:0x290])
	copy(b[header:min(0x202+int(image[0x201]), 0x290)], image[header:])
	clear(b[efi : efi+0x20])
	put := binary.LittleEndian
	if put.Uint64(b[0x70:]) == 0 { // acpi_rsdp_addr
		put.PutUint64(b[0x70:], z.rsdp)
	}
	b[0x210] = kexec
	put.PutUint64(b[0x250:], 0) // setup_data
	put.PutUint32(b[0x218:], uint32(z.initrd))
	put.PutUint32(b[0x21c:], uint32(z.initrdSize))
	put.PutUint32(b[0x228:], uint32(z.cmdline))
	// Their upper halves: ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr.
	put.PutUint32(b[0xc0:], uint32(z.initrd>>32))
	put.PutUint32(b[0xc4:], uint32(z.initrdSize>>32))
	put.PutUint32(b[0xc8:], uint32(z.cmdline>>32))
	return b, nil
}

// payloadInside checks that what the header of a bzImage says of its packed
// kernel lies in the file, before somebody allocates by it.
func payloadInside(image []byte) error {
	if len(image) < 0x290 || string(image[0x202:0x206]) != "HdrS" {
		return errors.New("not a bzImage")
	}
	get := binary.LittleEndian
	setup := uint64(image[0x1f1]) // sectors, after that of the old boot sector
	if setup == 0 {
		setup = 4
	}
	end := (setup+1)*512 + uint64(get.Uint32(image[0x248:])) + uint64(get.Uint32(image[0x24c:]))
	if end > uint64(len(image)) {
		return fmt.Errorf("bzImage of %d bytes with a payload that ends at %d: cut short", len(image), end)
	}
	return nil
}
