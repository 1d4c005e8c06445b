package kexec

import (
	"encoding/binary"
	"fmt"
	"io/fs"
)

// ACPIWord is a word for the command line of the next kernel, "acpi_rsdp=0x…",
// where kexec_file_load(2) might leave it without its ACPI tables: on x86 with
// EFI whose runtime services are off, the tables of EFI are not passed on
// (arch/x86/kernel/kexec-bzimage64.c, setup_efi_state), and the zero page has
// the address only if the running kernel was given it, or is a recent one.
// Elsewhere it is "". root is the machine's root directory.
func ACPIWord(root fs.FS, goarch string) string {
	tables := rsdp(readText(root, "sys/firmware/efi/systab"))
	if goarch != "amd64" || tables == 0 {
		return ""
	}
	// The kernel makes this directory where it has called SetVirtualAddressMap.
	if _, err := fs.Stat(root, "sys/firmware/efi/runtime-map"); err == nil {
		return ""
	}
	page := read(root, "sys/kernel/boot_params/data")
	if len(page) < 0x78 || binary.LittleEndian.Uint64(page[0x70:]) != 0 { // acpi_rsdp_addr
		return ""
	}
	return fmt.Sprintf("acpi_rsdp=%#x", tables)
}
