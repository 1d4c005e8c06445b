package kexec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rsdp finds the address of the ACPI tables in /sys/firmware/efi/systab, which
// has lines as ACPI20=0x7fe0a014; 0 if there is none.
func rsdp(systab string) uint64 {
	for _, key := range []string{"ACPI20=", "ACPI="} { // newer tables first
		for line := range strings.Lines(systab) {
			value, ok := strings.CutPrefix(strings.TrimSpace(line), key)
			if !ok {
				continue
			}
			if n, err := strconv.ParseUint(value, 0, 64); err == nil && n != 0 {
				return n
			}
		}
	}
	return 0
}

// withRSDP adds acpi_rsdp= to the command line of a kernel that goes through
// kexec_load on a machine with EFI. Only kexec_file_load hands the tables of
// EFI over, and without them there is no ACPI and the machine freezes early.
func withRSDP(cmdline string, s System) string {
	if s.RSDP == 0 || slices.ContainsFunc(strings.Fields(cmdline), func(word string) bool {
		return strings.HasPrefix(word, "acpi_rsdp=")
	}) {
		return cmdline
	}
	return strings.TrimLeft(fmt.Sprintf("%s acpi_rsdp=%#x", cmdline, s.RSDP), " ")
}
