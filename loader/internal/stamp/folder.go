package stamp

import (
	"os"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
)

// A Folder is what was in a folder from which a unified kernel image takes
// credentials, extensions and addons. One that was not there has no files.
type Folder struct {
	Path  raw.String   `json:"path"`
	Files []raw.String `json:"files"` // sorted names
}

// FolderNow records a folder as it is now.
func FolderNow(dir string) Folder { return Folder{raw.String(dir), companions(dir)} }

// Added names the files that were not in the folder before. What is gone or
// changed, the records of files show.
func (s Folder) Added() []raw.String {
	return slices.DeleteFunc(companions(string(s.Path)), func(name raw.String) bool { return slices.Contains(s.Files, name) })
}

func companions(dir string) []raw.String {
	entries, _ := os.ReadDir(dir) // sorted; what cannot be read has nothing
	names := []raw.String{}       // no null in JSON
	for _, e := range entries {
		if e.Type().IsRegular() && (IsCompanion(e.Name(), ".cred") || IsCompanion(e.Name(), ".raw") || IsCompanion(e.Name(), ".addon.efi")) {
			names = append(names, raw.String(e.Name()))
		}
	}
	return names
}

// IsCompanion reports whether systemd-stub would take a file with that suffix
// from a folder: its name is ASCII, of at most 255 bytes, and does not begin with
// a dot; letter case does not matter (src/boot/stub.c, pack_cpio).
func IsCompanion(name, suffix string) bool {
	n := len(name) - len(suffix)
	return n >= 0 && name[0] != '.' && len(name) <= 255 && strings.EqualFold(name[n:], suffix) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 })
}
