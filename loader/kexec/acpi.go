package kexec

import (
	"fmt"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// ACPIParameter returns a kernel parameter for the next kernel,
// "acpi_rsdp=0x…", where kexec_file_load(2) might leave it without its ACPI
// tables: on x86 with EFI whose runtime services are off, the tables of EFI are
// not passed on (arch/x86/kernel/kexec-bzimage64.c, setup_efi_state), and the
// zero page has the address only if the running kernel was given it, or is a
// recent one. Elsewhere it is "".
func ACPIParameter(m host.Machine) string {
	tables := m.RSDP()
	if m.GOARCH != "amd64" || tables == 0 {
		return ""
	}
	// The kernel makes this directory where it has called SetVirtualAddressMap.
	if m.Exists("sys/firmware/efi/runtime-map") {
		return ""
	}
	if given, known := m.BootRSDP(); !known || given != 0 {
		return ""
	}
	return fmt.Sprintf("acpi_rsdp=%#x", tables)
}
