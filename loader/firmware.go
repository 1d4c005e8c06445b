package loader

import (
	"strings"
)

// Firmware is what systemd-boot and systemd-stub ask the firmware about before
// they hand over. The zero value is a machine that has nothing to say.
type Firmware struct {
	// SecureBoot says that the firmware enforces Secure Boot.
	SecureBoot bool
	// Confidential says that this is a confidential virtual machine, which does
	// not trust the strings of its host.
	Confidential bool
	// OEMStrings are the SMBIOS type 11 strings in order.
	OEMStrings []string
	// Grub says that GRUB starts the entries, which has no strings of its own.
	Grub bool
	// Compatible is the first compatible string of the device tree that the
	// machine runs with, "" where it has none.
	Compatible string
}

// Prefixes of OEM strings, from systemd-boot(7) and systemd-stub(7).
const (
	bootExtra = "io.systemd.boot.kernel-cmdline-extra="
	stubExtra = "io.systemd.stub.kernel-cmdline-extra="
)

// extra returns the words that the machine's owner has the firmware add to the
// command line: the first string with the prefix.
func (fw Firmware) extra(prefix string) string {
	if fw.Confidential || fw.Grub && prefix == bootExtra {
		return ""
	}
	for _, s := range fw.OEMStrings {
		if words, ok := strings.CutPrefix(s, prefix); ok {
			return efiText([]byte(words))
		}
	}
	return ""
}
