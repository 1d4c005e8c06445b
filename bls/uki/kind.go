package uki

import (
	"io"
	"strings"
)

// Machine types of the COFF header, for the architectures that boot by EFI.
const (
	MachineIA32        uint16 = 0x14c
	MachineX64         uint16 = 0x8664
	MachineARM         uint16 = 0x1c2
	MachineAA64        uint16 = 0xaa64
	MachineRISCV32     uint16 = 0x5032
	MachineRISCV64     uint16 = 0x5064
	MachineLoongArch32 uint16 = 0x6232
	MachineLoongArch64 uint16 = 0x6264
)

// machines relates COFF machine types to Go's and to EFI's architecture names.
// An empty Go name means that Go does not know the architecture.
func machines() []machine {
	return []machine{
		{MachineX64, "amd64", "x64"},
		{MachineAA64, "arm64", "aa64"},
		{MachineIA32, "386", "ia32"},
		{MachineARM, "arm", "arm"},
		{MachineRISCV64, "riscv64", "riscv64"},
		{MachineLoongArch64, "loong64", "loongarch64"},
		{MachineRISCV32, "", "riscv32"},
		{MachineLoongArch32, "", "loongarch32"},
	}
}

type machine struct {
	coff    uint16
	goarch  string
	efiName string
}

// MachineFor returns the COFF machine type of a GOARCH value; 0 for one that
// does not boot by EFI.
func MachineFor(goarch string) uint16 {
	for _, m := range machines() {
		if m.goarch != "" && m.goarch == goarch {
			return m.coff
		}
	}
	return 0
}

// ArchName returns EFI's name of a machine type, as in the key "architecture"
// of a boot entry: "x64", "aa64"; "" for one that is not known.
func ArchName(machine uint16) string {
	for _, m := range machines() {
		if m.coff == machine {
			return m.efiName
		}
	}
	return ""
}

// MachineByArchName is the reverse of ArchName, in any letter case.
func MachineByArchName(name string) uint16 {
	for _, m := range machines() {
		if strings.EqualFold(m.efiName, name) {
			return m.coff
		}
	}
	return 0
}

// IsUKI reports whether the image is a unified kernel image for the machine: an
// EFI program that carries a kernel. Whether it can be listed as a boot entry
// is decided by its .osrel.
func (m *Image) IsUKI(machine uint16) bool {
	return m.Subsystem == SubsystemEFI && m.Machine == machine && m.Has(".linux")
}

// IsAddon reports whether systemd-stub would take the image as an addon to a UKI
// of the machine: it has something to add, and no kernel. Its .uname is for
// the caller to compare.
func (m *Image) IsAddon(machine uint16) bool {
	base := Profile{m: m}
	if _, kernel := base.Section(".linux"); kernel || m.Subsystem != SubsystemEFI || m.Machine != machine {
		return false
	}
	for _, name := range []string{".cmdline", ".dtb", ".dtbauto", ".initrd", ".ucode"} {
		if _, ok := base.Section(name); ok {
			return true
		}
	}
	return false
}

// LoaderInfo returns what a program of systemd calls itself in .sdmagic, as in
// "systemd-boot 262.1" or "systemd-stub 262.1"; "" for other programs.
func (m *Image) LoaderInfo() string {
	const before, after = "#### LoaderInfo: ", " ####"
	for _, s := range m.Sections {
		if s.Name != ".sdmagic" {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(s.Stored(), 256))
		if err != nil {
			return ""
		}
		text, ok := strings.CutPrefix(string(b), before)
		if !ok {
			return ""
		}
		info, _, _ := strings.Cut(text, after)
		return strings.TrimRight(info, "\x00")
	}
	return ""
}
