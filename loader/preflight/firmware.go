package preflight

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf16"
)

// Vendors of EFI variables.
const (
	globalVendor    = "8be4df61-93ca-11d2-aa0d-00e098032b8c" // UEFI itself
	loaderVendor    = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f" // boot loader interface
	hibernateVendor = "8cf2644b-4b0b-428f-9387-6d876050dc67" // systemd-hibernate
	fwupdVendor     = "0abba7dc-e516-4167-bbf5-4d9d1c739416" // fwupd
)

// variable is the value of an EFI variable without its attributes; nil when
// there is none.
func (l *look) variable(name, vendor string) []byte {
	const attributes = 4
	b := l.efi.read(name + "-" + vendor)
	if len(b) < attributes {
		return nil
	}
	return b[attributes:]
}

// textVariable is a variable of UTF-16 text up to its first NUL.
func (l *look) textVariable(name, vendor string) string {
	b := l.variable(name, vendor)
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// firmware finds what waits for the next start of the firmware, which a kexec
// passes by: BootNext and OsIndications (UEFI 3.3 and 8.5.4), capsules.
func firmware(l *look) []Finding {
	if l.sys.has("firmware/efi") && len(l.efi.names(".")) == 0 {
		*l.efi.unseen = append(*l.efi.unseen, "/sys/firmware/efi/efivars (not mounted, or EFI runtime services are off)")
	}
	var found []Finding
	add := func(id, why string) {
		found = append(found, Finding{id, Warning, why, byFirmware + " if it is wanted now"})
	}
	if b := l.variable("OsIndications", globalVendor); len(b) == 8 {
		const setup, capsule = 1 << 0, 1 << 2
		wishes := binary.LittleEndian.Uint64(b)
		if wishes&setup != 0 {
			add("firmware-setup", "a start of the firmware's setup is requested; a kexec puts it off")
		}
		if wishes&capsule != 0 {
			add("firmware-update", "a firmware update from a file (capsule) is requested; a kexec puts it off")
		}
	}
	if b := l.variable("BootNext", globalVendor); len(b) == 2 {
		add("boot-next", fmt.Sprintf("the firmware is to start Boot%04X once (BootNext); a kexec puts it off", binary.LittleEndian.Uint16(b)))
	}
	if !slices.ContainsFunc(found, func(f Finding) bool { return f.ID == "firmware-update" }) {
		if what := l.pendingUpdate(); what != "" {
			add("firmware-update", what+"; a kexec puts it off")
		}
	}
	return found
}

// pendingUpdate looks for fwupd's variables, one for each update: 48 bytes in,
// behind version, GUID, flags, hardware instance and time, is the status, 1
// until it was tried (libfwupdplugin, struct EfiUpdateInfo). And for capsules
// in the partition where UEFI looks for them.
func (l *look) pendingUpdate() string {
	const statusAt, waiting = 48, 1
	for _, file := range l.efi.names(".") {
		if !strings.HasPrefix(file, "fwupd-") || !strings.HasSuffix(file, fwupdVendor) {
			continue
		}
		b := l.variable(strings.TrimSuffix(file, "-"+fwupdVendor), fwupdVendor)
		if len(b) >= statusAt+4 && binary.LittleEndian.Uint32(b[statusAt:]) == waiting {
			return "fwupd has prepared a firmware update"
		}
	}
	for _, dir := range l.Plan.Boot {
		capsules := strings.TrimPrefix(path.Join(dir, "EFI/UpdateCapsule"), "/")
		if names := l.root.names(capsules); len(names) > 0 {
			return fmt.Sprintf("/%s holds a firmware update, %s", capsules, names[0])
		}
	}
	return ""
}
