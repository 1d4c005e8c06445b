package entries

import (
	"encoding/binary"
	"fmt"
	"path"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

// A bootLoader is the program that reads the entries of a machine.
type bootLoader int

const (
	unknownLoader bootLoader = iota // systemd-boot's rules, as far as is known
	systemdBoot
	grubLoader
	otherLoader // one whose rules are not these
)

// loader detects the boot loader by what it said of itself, by the program that
// the firmware started, then by the files of GRUB.
func (s *System) loader() (kind bootLoader, dir string) {
	program := ""
	if !s.Offline() {
		program = bootProgram(s.options.Vars)
	}
	dir, base := path.Split(program)
	dir = strings.Trim(dir, "/")
	switch info := strings.ToLower(s.vars.Info); {
	case s.vars.SystemdBoot():
		return systemdBoot, ""
	case strings.HasPrefix(info, "grub"):
		return grubLoader, dir
	case info != "":
		return otherLoader, ""
	case strings.HasPrefix(base, "systemd-boot"):
		return systemdBoot, ""
	case strings.HasPrefix(base, "shim"), strings.HasPrefix(base, "grub"):
		if len(s.grubPlaces(dir)) > 0 {
			return grubLoader, dir
		}
		return unknownLoader, ""
	}
	if len(s.grubPlaces("")) > 0 {
		return grubLoader, ""
	}
	return unknownLoader, ""
}

// bootProgram is the path of what the firmware started, in lower case, with
// slashes; "" where that is not known.
func bootProgram(vars efivar.Vars) string {
	current, err := vars.Global("BootCurrent")
	if err != nil || len(current.Data) != 2 {
		return ""
	}
	option, err := vars.Global(fmt.Sprintf("Boot%04X", binary.LittleEndian.Uint16(current.Data)))
	if err != nil {
		return ""
	}
	program, err := bli.LoadOptionPath(option.Data)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.ReplaceAll(program, `\`, "/"))
}

// unreadable reports whether the machine may have EFI variables that decide and
// cannot be read: efivarfs is not mounted, or the kernel runs without EFI's
// runtime services.
func (s *System) unreadable() bool {
	return !s.Offline() && !s.options.Vars.Available() && s.options.Host.EFI()
}
