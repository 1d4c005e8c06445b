// Package bls reads Boot Loader Specification entries, loader.conf and GRUB's
// environment block, and orders entries as systemd-boot does. Bytes go in,
// values come out; it knows no operating system.
//
// Where bootctl and systemd-boot read a file differently, systemd-boot 262 is
// followed, since it is what the firmware would start.
package bls

import (
	"fmt"
	"strings"
)

// Type is how an entry is stored.
type Type int

const (
	// Type1 is a text file, loader/entries/*.conf.
	Type1 Type = iota + 1
	// Type2 is a unified kernel image, EFI/Linux/*.efi.
	Type2
	// Auto is made by the boot loader itself: firmware setup, another system.
	Auto
	// Reported is an id that the boot loader named and no file explains.
	Reported
)

// String returns the name that bootctl's JSON uses.
func (t Type) String() string {
	switch t {
	case Type1:
		return "type1"
	case Type2:
		return "type2"
	case Auto:
		return "auto"
	case Reported:
		return "loader"
	}
	return "unknown"
}

// An Entry is one bootable choice. Paths inside it start with a slash and are
// relative to the root of the partition that holds the entry itself.
type Entry struct {
	Type Type
	// ID is the file name without its boot counter, suffix and letter case
	// kept; profiles other than the first add "@" and their name or number.
	ID string
	// Path is the file the entry came from, counter included, relative to the
	// partition: "loader/entries/arch+3.conf".
	Path string

	Title, Version, MachineID, SortKey string
	// Uname is the kernel release in a UKI's .uname section.
	Uname string
	// Architectures holds the value of every architecture line. One that is
	// not the machine's hides the entry, wherever it is located.
	Architectures []string

	Linux  string // kernel image
	EFI    string // EFI program: listed, cannot be kexec'ed unless it is a UKI
	UKI    string // unified kernel image named by a Type #1 entry
	UKIURL string // unified kernel image on the network

	// Profile is the UKI profile, counted from 0; -1 when not given.
	Profile            int
	Initrds            []string // in file order, never sorted
	Options            []string // one element a line, in file order
	Extras             []string
	DeviceTree         string
	DeviceTreeOverlays []string

	Tries Tries
	// Hidden is the reason why systemd-boot does not show the entry; "" if it does.
	Hidden string
}

// Cmdline joins the options lines as the boot loader does: one space between,
// blanks inside a line kept.
func (e *Entry) Cmdline() string { return strings.Join(e.Options, " ") }

// Hide records why systemd-boot would not show the entry. The first reason
// stays.
func (e *Entry) Hide(reason string) {
	if e.Hidden == "" {
		e.Hidden = reason
	}
}

// FileID is the ID without the profile: what all profiles of a file share.
func (e *Entry) FileID() string {
	name, _ := SplitTries(baseName(e.Path))
	return name
}

// Bad reports whether the entry has used up its boot attempts.
func (e *Entry) Bad() bool { return e.Tries.Counted && e.Tries.Left == 0 }

func baseName(path string) string {
	return path[strings.LastIndexByte(path, '/')+1:]
}

// A ParseError points at a line that could not be understood.
type ParseError struct {
	Path string
	Line int    // from 1; 0 when the file as a whole is at fault
	Key  string // "" when the line has no key
	Err  error
}

// Error returns "path:line: key: cause".
func (e *ParseError) Error() string {
	var b strings.Builder
	b.WriteString(e.Path)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	return b.String() + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }
