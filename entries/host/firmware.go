package host

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// EFI reports whether EFI booted the machine.
func (m Machine) EFI() bool { return m.Exists("sys/firmware/efi") }

// BootParams returns the zero page that the running x86 kernel was given
// (Documentation/arch/x86/zero-page.rst), 4096 bytes; nil elsewhere.
func (m Machine) BootParams() []byte {
	const size = 4096
	b, err := m.ReadFile("sys/kernel/boot_params/data", size)
	if err != nil || len(b) != size {
		return nil
	}
	return b
}

// SecureBoot reports whether the firmware enforced Secure Boot as the running
// x86 kernel was started: boot_params.secure_boot (enum efi_secureboot_mode,
// include/linux/efi.h). It is for machines whose EFI variable cannot be read;
// No without EFI.
func (m Machine) SecureBoot() Tristate {
	const at = 0x1ec
	if !m.EFI() {
		return No
	}
	if b := m.BootParams(); b != nil {
		switch b[at] {
		case 2:
			return No
		case 3:
			return Yes
		}
	}
	return Unknown
}

// RSDP returns the physical address of the ACPI tables as EFI gave it
// (/sys/firmware/efi/systab has lines as ACPI20=0x7fe0a014); 0 for none.
func (m Machine) RSDP() uint64 {
	systab := m.Text("sys/firmware/efi/systab")
	for _, key := range []string{"ACPI20=", "ACPI="} { // newer tables first
		for line := range strings.Lines(systab) {
			value, ok := strings.CutPrefix(strings.TrimSpace(line), key)
			if n, err := strconv.ParseUint(value, 0, 64); ok && err == nil && n != 0 {
				return n
			}
		}
	}
	return 0
}

// BootRSDP returns the address of the ACPI tables in the zero page; 0 for none.
// known is false without a zero page.
func (m Machine) BootRSDP() (address uint64, known bool) {
	const at = 0x70 // acpi_rsdp_addr
	b := m.BootParams()
	if b == nil {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b[at:]), true
}

// DeviceTreeCompatible returns the first compatible string of the device tree
// that the machine runs with; "" for none.
func (m Machine) DeviceTreeCompatible() string {
	first, _, _ := strings.Cut(m.Text("sys/firmware/devicetree/base/compatible"), "\x00")
	return first
}

// XenDom0 reports whether this is a Xen host, whose hypervisor does the kexec.
func (m Machine) XenDom0() bool {
	return strings.Contains(m.Text("proc/xen/capabilities"), "control_d")
}

// maxDMI bounds a file of SMBIOS structures, in bytes. A whole table is a few
// KiB.
const maxDMI = 1 << 20

// OEMStrings returns the SMBIOS type 11 strings in order, from
// /sys/firmware/dmi/entries, or where the kernel has no dmi-sysfs, from
// tables/DMI there. Without SMBIOS there are none; the error is fs.ErrPermission
// for anyone but root where there might be some. They come from the host of a
// virtual machine: trust them only where Confidential is No.
func (m Machine) OEMStrings() ([]string, error) {
	const dmi = "sys/firmware/dmi/"
	files := []string{dmi + "tables/DMI"}
	if dirs := m.oemEntries(dmi + "entries"); len(dirs) > 0 {
		files = dirs
	}
	var all []string
	for _, file := range files {
		raw, err := m.ReadFile(file, maxDMI)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, parseOEMStrings(raw)...)
	}
	return all, nil
}

// oemEntries returns the files of the type 11 structures by their instance.
func (m Machine) oemEntries(dir string) []string {
	var instances []int
	for _, name := range m.Names(dir) {
		text, ok := strings.CutPrefix(name, "11-")
		if n, err := strconv.Atoi(text); ok && err == nil {
			instances = append(instances, n)
		}
	}
	slices.SortFunc(instances, cmp.Compare)
	var files []string
	for _, n := range instances {
		files = append(files, dir+"/11-"+strconv.Itoa(n)+"/raw")
	}
	return files
}

// parseOEMStrings reads structures (SMBIOS reference, 6.1.2 and 6.1.3): a
// formatted area, which begins with type and length, then strings that end in
// NUL each, then one more NUL; two NULs where there are no strings.
func parseOEMStrings(raw []byte) []string {
	const header, oemStrings, endOfTable = 4, 11, 127
	var list []string
	for len(raw) >= header && raw[0] != endOfTable {
		kind, formatted := raw[0], int(raw[1])
		if formatted < header || formatted > len(raw) {
			return list
		}
		texts, rest := cutStrings(raw[formatted:])
		if kind == oemStrings {
			list = append(list, texts...)
		}
		raw = rest
	}
	return list
}

// cutStrings takes the strings off that follow a formatted area. One without
// its NUL is not taken.
func cutStrings(raw []byte) (list []string, rest []byte) {
	for {
		text, tail, ended := bytes.Cut(raw, []byte{0})
		switch {
		case !ended:
			return list, nil
		case len(text) == 0 && len(list) == 0 && len(tail) > 0:
			return nil, tail[1:]
		case len(text) == 0:
			return list, tail
		}
		list = append(list, string(text))
		raw = tail
	}
}
