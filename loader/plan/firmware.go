package plan

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// Firmware is what systemd-boot and systemd-stub ask the firmware about before
// they hand over. The zero value is a machine that has nothing to say.
type Firmware struct {
	// SecureBoot says that the firmware enforces Secure Boot.
	SecureBoot bool
	// Confidential says that this is a confidential virtual machine, which does
	// not trust the strings of its host.
	Confidential bool
	// OEMStrings are the SMBIOS type 11 strings in order, see host.Machine.OEMStrings.
	OEMStrings []string
	// Grub says that GRUB starts the entries, which has no strings of its own.
	Grub bool
	// Compatible is the first compatible string of the device tree that the
	// machine runs with, "" where it has none.
	Compatible string
	// Verify returns why the firmware, or a shim, would not start an EFI image of
	// size bytes; nil where it does. It is nil where nothing is verified; then
	// SecureBoot leaves out addons without any signature.
	Verify func(r io.ReaderAt, size int64) error
	// BootSecret opens the boot secret that systemd-stub would derive for the image
	// of a system; the plan closes it. A nil file is none, and so is a nil function.
	BootSecret func(uki.OSRelease) (*os.File, error)
}

// A SecureBootError is an image that the firmware would not start. Inspect
// returns it.
type SecureBootError struct {
	Name string // path of the image
	Err  error  // what Firmware.Verify returned
}

// Error names the image and the reason.
func (e *SecureBootError) Error() string {
	return fmt.Sprintf("%s: with Secure Boot the firmware does not start it: %v", e.Name, e.Err)
}

// Unwrap returns the reason.
func (e *SecureBootError) Unwrap() error { return e.Err }

// verify remembers an image that the firmware would not start. What is inside a
// unified kernel image is verified with it.
func (p *Plan) verify(whole initrd.Member, fw Firmware) {
	if err := verified(whole, fw); err != nil {
		p.refuse(&SecureBootError{whole.Name, err})
	}
}

func verified(whole initrd.Member, fw Firmware) error {
	if fw.Verify == nil {
		return nil
	}
	r := fileReader(whole)
	return fw.Verify(r, r.Size())
}

// refuse keeps the first reason why the new kernel would not come up.
func (p *Plan) refuse(err error) {
	if p.refused == nil {
		p.refused = err
	}
}

// Prefixes of OEM strings, from systemd-boot(7) and systemd-stub(7).
const (
	bootExtra = "io.systemd.boot.kernel-cmdline-extra="
	stubExtra = "io.systemd.stub.kernel-cmdline-extra="
)

// extra returns the kernel parameters that the machine's owner has the firmware add to the
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
