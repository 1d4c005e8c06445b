// Package entries lists what can be booted and picks what the boot loader
// would: what, then which. It opens files only below the volumes it is given.
package entries

import (
	"slices"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// An Entry is a parsed entry together with the volume its paths start at.
type Entry struct {
	*bls.Entry
	// Volume is nil for entries that only the boot loader reports.
	Volume *esp.Volume
	// Addons and ExtraFiles are what bootctl's JSON lists for the entry.
	Addons     []Addon
	ExtraFiles []string
	// IsReported says that the boot loader listed the entry at its last start.
	IsReported bool
	// Absent says that the entry is hidden since a file it boots is not there.
	Absent bool
	// NoKexec says why the entry, whatever the machine, cannot be booted by
	// kexec; "" when it can.
	NoKexec string

	inPart bool // the values are cut, see Complete
}

// A List holds every entry in boot-loader order, hidden ones included.
type List struct {
	Entries []*Entry
	// Problems are files and lines that could not be used. None of them takes
	// another entry along.
	Problems []error

	large int // bytes of large files that were read, see tooMuch
}

// Directories and files of a boot partition, by UAPI.1.
const (
	type1Dir = "loader/entries"
	type2Dir = "EFI/Linux"
	confPath = "loader/loader.conf"
)

// maxEntrySize is the most that is read of an entry file or of loader.conf,
// in bytes. systemd-boot has no limit; no honest file comes near.
const maxEntrySize = 4 << 20

// An Order compares two entries, as bls.Compare does.
type Order func(a, b *bls.Entry) int

// Read lists the entries of all volumes for a machine of that EFI
// architecture ("x64"), in that order.
func Read(volumes []*esp.Volume, arch string, order Order) *List {
	l := &List{}
	for _, v := range volumes {
		r := reader{List: l, volume: v, arch: arch}
		r.type2()
		r.type1()
	}
	slices.SortStableFunc(l.Entries, func(a, b *Entry) int { return order(a.Entry, b.Entry) })
	return l
}

// A reader adds the entries of one volume to a list.
type reader struct {
	*List
	volume *esp.Volume
	arch   string
	buf    []byte           // for entry files, one at a time
	found  map[string]error // what Exists said of a path

	addons     []Addon // the volume's, read when first asked for
	haveAddons bool
}

func (r *reader) problem(err error) { r.Problems = append(r.Problems, err) }

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
	r.Entries = append(r.Entries, entry)
	return entry
}
