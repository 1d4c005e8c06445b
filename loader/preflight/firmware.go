package preflight

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// Vendors of EFI variables.
const (
	hibernateVendor = "8cf2644b-4b0b-428f-9387-6d876050dc67" // systemd-hibernate
	fwupdVendor     = "0abba7dc-e516-4167-bbf5-4d9d1c739416" // fwupd
)

// variable is the value of an EFI variable without its attributes; nil when
// there is none.
func (l *look) variable(name, vendor string) []byte {
	v, err := l.Vars.Read(name, vendor)
	l.noteVariable(name, vendor, fmt.Sprintf("%x", v.Data[:min(len(v.Data), 16)]), err)
	if err != nil {
		return nil
	}
	return v.Data
}

func (l *look) hasVariable(name, vendor string) bool {
	_, err := l.Vars.Read(name, vendor)
	l.noteVariable(name, vendor, "present", err)
	return err == nil
}

// noteVariable notes what was read of an EFI variable, or that it is hidden.
func (l *look) noteVariable(name, vendor, value string, err error) {
	source := efivar.DefaultDir + "/" + name + "-" + vendor
	switch {
	case errors.Is(err, fs.ErrPermission):
		l.record.hide(source)
		return
	case err != nil:
		value = "absent"
	}
	l.record.variables = append(l.record.variables, Evidence{source, value})
}

// loaderText is a text variable of the Boot Loader Interface; "" for none.
func (l *look) loaderText(name string) string {
	text, err := l.Vars.Loader(name)
	l.noteVariable(name, bli.LoaderVendor, text, err)
	if err != nil {
		return ""
	}
	return text
}

// secureBootState is that of the EFI variable, else what the running kernel was
// told of it.
func (l *look) secureBootState() host.Tristate {
	if b := l.variable("SecureBoot", bli.GlobalVendor); len(b) == 1 {
		if b[0] == 1 {
			return host.Yes
		}
		return host.No
	}
	return l.host.SecureBoot()
}

// firmware finds what waits for the next start of the firmware, which a kexec
// skips: BootNext and OsIndications (UEFI 3.3 and 8.5.4), capsules.
func firmware(l *look) []Finding {
	names, _ := l.Vars.Names()
	if l.host.EFI() && len(names) == 0 {
		l.record.hide(efivar.DefaultDir + " (not mounted, or EFI runtime services are off)")
	}
	var found []Finding
	add := func(id ID, text string) {
		found = append(found, one(Warning, id, text+"; a kexec puts it off", byFirmware+" if it is wanted now")...)
	}
	if b := l.variable("OsIndications", bli.GlobalVendor); len(b) == 8 {
		const setup, capsule = 1 << 0, 1 << 2
		requested := binary.LittleEndian.Uint64(b)
		if requested&setup != 0 {
			add(IDFirmwareSetup, "a start of the firmware's setup is requested")
		}
		if requested&capsule != 0 {
			add(IDFirmwareUpdate, "a firmware update from a file (capsule) is requested")
		}
	}
	if b := l.variable("BootNext", bli.GlobalVendor); len(b) == 2 {
		add(IDBootNext, fmt.Sprintf("the firmware is to start Boot%04X once (BootNext)", binary.LittleEndian.Uint16(b)))
	}
	if !slices.ContainsFunc(found, func(f Finding) bool { return f.ID == IDFirmwareUpdate }) {
		if what := l.pendingUpdate(names); what != "" {
			add(IDFirmwareUpdate, what)
		}
	}
	return found
}

// pendingUpdate looks for fwupd's variables, one for each update: 48 bytes in,
// after version, GUID, flags, hardware instance and time, is the status, 1
// until it was tried (libfwupdplugin, struct EfiUpdateInfo). And for capsules
// in the partition where UEFI looks for them.
func (l *look) pendingUpdate(variables []string) string {
	const statusAt, waiting = 48, 1
	for _, file := range variables {
		name, ours := strings.CutSuffix(file, "-"+fwupdVendor)
		if !ours || !strings.HasPrefix(name, "fwupd-") {
			continue
		}
		b := l.variable(name, fwupdVendor)
		if len(b) >= statusAt+4 && binary.LittleEndian.Uint32(b[statusAt:]) == waiting {
			return "fwupd has prepared a firmware update"
		}
	}
	for _, dir := range l.Plan.Boot {
		capsules := strings.TrimPrefix(path.Join(dir, "EFI/UpdateCapsule"), "/")
		if names := l.host.Names(capsules); len(names) > 0 {
			return fmt.Sprintf("/%s holds a firmware update, %s", capsules, names[0])
		}
	}
	return ""
}
