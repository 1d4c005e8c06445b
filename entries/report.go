package entries

import (
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// report adds what the boot loader reported of its menu when it last ran: which
// entries it showed, and those that only it knows, in its order at the end.
func (m *menu) report(ids []string) {
	known := make(map[string]bool, len(m.entries))
	byID := make(map[string][]*Entry, len(m.entries))
	for _, e := range m.entries {
		id := bls.FoldID(e.ID)
		known[id] = true
		byID[id] = append(byID[id], e)
	}
	for _, id := range ids {
		key := bls.FoldID(id)
		for _, e := range byID[key] {
			e.IsReported = true
		}
		if id == "" || known[key] {
			continue
		}
		known[key] = true
		m.entries = append(m.entries, reported(id))
	}
}

// hideLoader hides the entries that would only start systemd-boot again: an efi
// line on the ESP with the path of the running image, in any letter case, as
// LoaderImageIdentifier names it. systemd-boot goes by the path too, and does
// not look for itself on XBOOTLDR.
func (m *menu) hideLoader(image string) {
	for _, e := range m.entries {
		if image != "" && e.EFI != "" && e.Volume.Kind == esp.ESP && bls.FoldID(esp.Name(e.EFI)) == bls.FoldID(esp.Name(image)) {
			e.Hide("it would only start systemd-boot again")
		}
	}
}

func reported(id string) *Entry {
	e := &bls.Entry{Type: bls.Reported, ID: id, Profile: -1}
	reason := "only the boot loader knows it"
	if strings.HasPrefix(bls.FoldID(id), "auto-") {
		e.Type, e.Title = bls.Auto, autoTitle(bls.FoldID(id))
		reason = "the boot loader itself provides it"
	}
	return &Entry{Entry: e, IsReported: true, noKexec: reason}
}

// autoTitle names the automatic entries of sd-boot as bootctl does.
func autoTitle(id string) string {
	switch id {
	case "auto-osx":
		return "macOS"
	case "auto-windows":
		return "Windows Boot Manager"
	case "auto-efi-shell":
		return "EFI Shell"
	case "auto-efi-default":
		return "EFI Default Loader"
	case "auto-poweroff":
		return "Power Off The System"
	case "auto-reboot":
		return "Reboot The System"
	case "auto-reboot-to-firmware-setup":
		return "Reboot Into Firmware Interface"
	}
	return ""
}
