package loader

import (
	"bytes"
	"cmp"
	"errors"
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

// maxDMI bounds what is read of a file of SMBIOS structures, in bytes. A whole
// table is a few KiB.
const maxDMI = 1 << 20

// OEMStrings reads the SMBIOS type 11 strings from the sysfs that is mounted
// at sys: from firmware/dmi/entries, or where the kernel has no dmi-sysfs, from
// firmware/dmi/tables/DMI. There are none on a machine without SMBIOS; the error
// is fs.ErrPermission for anyone but root where there might be some.
func OEMStrings(sys string) ([]string, error) {
	dirs, err := filepath.Glob(filepath.Join(sys, "firmware/dmi/entries/11-*"))
	if err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		return oemStringsOf(filepath.Join(sys, "firmware/dmi/tables/DMI"))
	}
	instance := func(dir string) int {
		n, _ := strconv.Atoi(dir[strings.LastIndexByte(dir, '-')+1:])
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(instance(a), instance(b)) })
	var all []string
	for _, dir := range dirs {
		list, err := oemStringsOf(filepath.Join(dir, "raw"))
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// oemStringsOf reads one file of structures; one that is not there has none.
func oemStringsOf(path string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxDMI))
	if err != nil {
		return nil, err
	}
	return parseOEMStrings(raw), nil
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
		strs, rest := cutStrings(raw[formatted:])
		if kind == oemStrings {
			list = append(list, strs...)
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
