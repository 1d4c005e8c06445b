// Package grub works out what a GRUB with Boot Loader Specification support
// boots next: Fedora's (blscfg), upstream's since 2.14 (blsuki) and openSUSE's
// grub2-bls. It reads grub.cfg, environment blocks and entry files through
// file systems that the caller opens, and changes nothing.
//
// grub.cfg is run by a small interpreter of GRUB's script language, bounded in
// time and memory. What it cannot know and what could decide is an
// UndeterminedError; nothing is guessed.
package grub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// A Flavor is one of the GRUBs that read entry files; they differ in order,
// default and expansion.
type Flavor int

// The flavors.
const (
	Auto     Flavor = iota // decide by what grub.cfg runs, then by LoaderInfo
	Fedora                 // rhboot's GRUB: Fedora, RHEL, CentOS Stream, CoreOS
	Upstream               // GRUB 2.14 and later
	SUSE                   // openSUSE's grub2-bls: as Fedora, ids also match with .conf
)

func (f Flavor) String() string {
	return [...]string{"auto", "Fedora", "upstream", "openSUSE"}[f]
}

// A Device is a file system that GRUB can read.
type Device struct {
	Name    string   // GRUB's name for it, "hd0,gpt2"; "" if unknown
	Aliases []string // names that grub.cfg may have for it: "lvm/VG-LV", "hd0,2"
	UUID    string   // of the file system, as blkid prints it; "" if unknown
	Label   string   // of the file system; "" for none, or unknown where UUID is
	FS      fs.FS    // from the root of the file system; follows symbolic links where it is not FAT

	FAT      bool // names are compared without case
	ReadOnly bool // GRUB cannot write files here: btrfs, LVM, RAID, ...

	Disk io.ReaderAt // the partition itself, for env_block; nil if it cannot be read
}

// A Machine is what GRUB finds.
type Machine struct {
	// Devices are the file systems. Where the UUID that grub.cfg searches for
	// is not known of any, the first that may have it is taken.
	Devices []*Device
	// Start is the file system, and Dir the folder below its root, of GRUB's
	// prefix: the first grub.cfg is read there.
	Start *Device
	Dir   string
	// Script replaces that grub.cfg where it cannot be read, as with an image
	// that holds its own. See FedoraScript and SUSEScript. An entry with a variable
	// that this grub.cfg may set is then undetermined.
	Script string
	// Root is the file system that Script finds the entries on; nil: Start.
	Root *Device
	// WithoutNext is set for what GRUB boots after the next boot: next_entry of the
	// environment block is taken as not set.
	WithoutNext bool

	Flavor     Flavor
	LoaderInfo string // the EFI variable, "GRUB 2.14-4"; "" if there is none
	// LoaderEntryDefault is the EFI variable that openSUSE's GRUB 2.14 reads
	// before it looks at its environment block; used with flavor SUSE.
	LoaderEntryDefault string
	// Variables are set before grub.cfg runs, in addition to the ones that GRUB
	// itself sets.
	Variables map[string]string
	// FirmwareSetup reports whether the firmware has a setup that GRUB can
	// start (bit 0 of OsIndicationsSupported).
	FirmwareSetup bool
	// Absent reports whether GRUB has certainly no device of that name, such as
	// "md/md-boot"; nil: that is not known of any.
	Absent func(device string) bool
	// Image returns the title of a UKI, and whether GRUB lists it: it has the
	// sections .linux and .osrel. nil lists every file, untitled.
	Image func(fsys fs.FS, name string) (title string, ok bool)
}

// A Kind is what a menu item is.
type Kind int

// The kinds.
const (
	BLS   Kind = iota // an entry file
	UKI               // an image that the command uki listed
	Other             // a menuentry or submenu of grub.cfg
)

// An Item is a line of GRUB's menu.
type Item struct {
	Kind  Kind
	ID    string // file name without .conf; of a UKI with .efi
	Title string
	File  File   // the entry file or the UKI; zero for Other
	Entry *Entry // of an entry file

	flavor Flavor
	vars   map[string]string // when blscfg ran
	twins  []*Item           // entries that compare equal: GRUB lists one of them
}

// A File is a file on a device; Path begins with a slash.
type File struct {
	Device *Device
	Path   string
}

// A Write is a file that GRUB itself writes before it boots.
type Write struct {
	File
	Offset int64 // in bytes; -1: the file, else the device itself
	Block  Block
}

// A Boot is what GRUB boots next.
type Boot struct {
	Flavor Flavor
	Menu   []*Item // in menu order; places are numbered from 0
	// Chosen is the item that GRUB's default is, also where it fails and where
	// it is no boot loader entry; nil if that cannot be determined.
	Chosen *Item
	// Default is the entry that comes up: Chosen, or one that the variable
	// fallback names. It is nil exactly when Err is not.
	Default *Item
	Command *Command // of Default
	Err     error
	Rule    string   // which variable chose it: "grubenv saved_entry"
	Missed  []string // variables that named nothing, and what GRUB only warns about
	// Env is the environment block that GRUB reads, as it is; nil where it reads
	// none.
	Env *Write
	// Next is the environment block in which next_entry is emptied, nil if the
	// boot uses no next_entry. NextErr is why GRUB itself cannot write it:
	// next_entry then remains and is booted again.
	Next    *Write
	NextErr error
	Writes  []Write // everything that GRUB writes until the kernel starts

	run  *runner
	next string // the value of next_entry that was emptied
}

// A Command is what GRUB loads for an item.
type Command struct {
	Kernel  File
	Initrds []File // in order
	Cmdline string // without BOOT_IMAGE=
	EFI     bool   // Kernel is started as an EFI program
	Missed  []string
}

// An UndeterminedError means that what GRUB does cannot be determined.
type UndeterminedError struct {
	Where string // file and line; may be empty
	Text  string
}

func (e *UndeterminedError) Error() string {
	if e.Where == "" {
		return "cannot determine what GRUB boots: " + e.Text
	}
	return fmt.Sprintf("cannot determine what GRUB boots: %s: %s", e.Where, e.Text)
}

// A FailedError means that GRUB would not boot the item but return to its
// menu.
type FailedError struct {
	Item *Item
	Err  error
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("GRUB cannot boot %s: %v", e.Item.ID, e.Err)
}

// Unwrap returns the cause.
func (e *FailedError) Unwrap() error { return e.Err }

var (
	// ErrNotEntry means that GRUB boots something that is no boot loader entry.
	ErrNotEntry = errors.New("not a boot loader entry")
	// ErrEmptyMenu means that GRUB finds nothing to boot.
	ErrEmptyMenu = errors.New("GRUB's menu is empty")
	// ErrCrash means that an entry file stops Fedora's GRUB.
	ErrCrash = errors.New("GRUB stops with a memory error")
)
