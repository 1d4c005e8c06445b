package loader

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	// OEMStrings are the SMBIOS type 11 strings in order, see OEMStrings.
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

// maxOEMTable bounds what is read of one SMBIOS structure, in bytes. A length
// in SMBIOS has 16 bits.
const maxOEMTable = 1 << 16

// OEMStrings reads the SMBIOS type 11 strings from the sysfs that is mounted
// at sys. There are none on a machine without SMBIOS; the error is
// fs.ErrPermission for anyone but root where there might be some.
func OEMStrings(sys string) ([]string, error) {
	dirs, err := filepath.Glob(filepath.Join(sys, "firmware/dmi/entries/11-*"))
	if err != nil {
		return nil, err
	}
	instance := func(dir string) int {
		n, _ := strconv.Atoi(dir[strings.LastIndexByte(dir, '-')+1:])
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(instance(a), instance(b)) })
	var all []string
	for _, dir := range dirs {
		f, err := os.Open(filepath.Join(dir, "raw"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(io.LimitReader(f, maxOEMTable))
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		all = append(all, parseOEMStrings(raw)...)
	}
	return all, nil
}

// parseOEMStrings reads one structure (SMBIOS reference, 6.1.3): a formatted
// area, the length of which stands in its second byte, then strings that end
// in NUL each, then one more NUL.
func parseOEMStrings(raw []byte) []string {
	const oemStrings, formatted = 11, 5
	if len(raw) < formatted || raw[0] != oemStrings || raw[1] < formatted || int(raw[1]) > len(raw) {
		return nil
	}
	var list []string
	for rest := raw[raw[1]:]; ; {
		text, tail, ended := bytes.Cut(rest, []byte{0})
		if !ended || len(text) == 0 {
			return list
		}
		list = append(list, string(text))
		rest = tail
	}
}
