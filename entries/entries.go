// Package entries lists what a machine could boot and picks what its boot loader
// would. Open finds the boot partitions, reads their entries and applies the
// rules of the boot loader that the machine has; it changes nothing.
package entries

import (
	"os"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// An Entry is a parsed entry together with the volume its paths start at: ID, Title,
// Hidden and the rest of the embedded bls.Entry. It has no stable form in JSON; that
// of kexec-bls list has.
type Entry struct {
	*bls.Entry
	// Volume is nil for entries that only the boot loader reports.
	Volume *esp.Volume
	// Addons and ExtraFiles are what bootctl's JSON lists for the entry.
	Addons     []Addon
	ExtraFiles []string
	// IsReported is set where the boot loader listed the entry at its last start.
	IsReported bool
	// MissingFile is set where the entry is hidden since a file it boots is not
	// there.
	MissingFile bool

	// Written is the entry as its file has it; nil where that is the embedded
	// Entry, which has what GRUB makes of it.
	Written *bls.Entry

	missing []string                   // initrds that are not there; GRUB's are looked for when asked for
	noKexec string                     // why kexec cannot boot it, beside Hidden
	loadErr error                      // why GRUB would not boot it
	files   map[string]*esp.FileSystem // where what GRUB loads is; nil: Volume
}

// Open opens a file that the entry names. The error is the bare cause.
func (e *Entry) Open(p string) (*os.File, error) {
	if system := e.files[p]; system != nil {
		return system.OpenRegular(strings.TrimLeft(p, " "))
	}
	return e.Volume.Open(p)
}

// Where is the path of a file that the entry names as the user sees it.
func (e *Entry) Where(p string) string {
	if system := e.files[p]; system != nil {
		return system.Where(strings.TrimLeft(p, " "))
	}
	return e.Volume.Where(p)
}

// MissingInitrds returns the initrds of the entry that are not there, as it names
// them. They are not read.
func (e *Entry) MissingInitrds() []string {
	switch {
	case e.Volume == nil, e.Hidden != "":
		return nil
	case e.Written == nil:
		return e.missing
	}
	return missing(e.Initrds, func(p string) error {
		if e.files[p] == nil {
			return e.Volume.Exists(p)
		}
		f, err := e.Open(p)
		if err == nil {
			_ = f.Close() // it was only opened
		}
		return err
	})
}

// missing are the paths that do not exist.
func missing(paths []string, exists func(string) error) []string {
	var none []string
	for _, p := range paths {
		if exists(p) != nil {
			none = append(none, p)
		}
	}
	return none
}

// A menu holds every entry in boot-loader order, hidden ones included.
type menu struct {
	entries []*Entry
	// problems are files and lines that could not be used. None of them hides
	// another entry.
	problems []error

	held int // bytes of the entry files that were read
}

// Directories and files of a boot partition, by UAPI.1.
const (
	type1Dir = "loader/entries"
	type2Dir = "EFI/Linux"
	confPath = "loader/loader.conf"
)

// maxEntrySize is the most that is read of an entry file or of loader.conf,
// in bytes; an entry with a larger file is hidden. systemd-boot has no limit, but
// no honest file comes near, and anyone may fill an ESP with large ones.
const maxEntrySize = 1 << 20

// maxHeld is the most that is read of all entry files together, in bytes.
const maxHeld = 64 << 20

// readMenu lists the entries of all volumes for a machine of that EFI
// architecture ("x64"), in systemd-boot's order.
func readMenu(volumes []*esp.Volume, arch string) *menu {
	m := &menu{}
	for _, v := range volumes {
		r := reader{menu: m, volume: v, arch: arch}
		r.type2()
		r.type1()
	}
	slices.SortStableFunc(m.entries, func(a, b *Entry) int { return bls.Compare(a.Entry, b.Entry) })
	return m
}

// A reader adds the entries of one volume to a list.
type reader struct {
	*menu
	volume *esp.Volume
	arch   string
	buf    []byte           // for entry files, one at a time
	found  map[string]error // the result of Exists by path

	addons     []Addon // the volume's, read when first asked for
	haveAddons bool
}

func (r *reader) problem(err error) { r.problems = append(r.problems, err) }

// names lists the files of a directory with that suffix.
func (r *reader) names(dir, suffix string) []string {
	names, err := r.volume.Names(dir)
	if err != nil {
		r.problem(err)
	}
	return slices.DeleteFunc(names, func(n string) bool { return !bls.IsEntryName(n, suffix) })
}

func (r *reader) add(e *bls.Entry) *Entry {
	entry := &Entry{Entry: e, Volume: r.volume}
	r.entries = append(r.entries, entry)
	return entry
}
