// Package cpio reads newc archives as the kernel's unpacker does
// (init/initramfs.c), and writes their headers.
package cpio

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/fault"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

const (
	// HeaderSize is the length of a header in bytes: magic and 13 fields of 8
	// hex digits.
	HeaderSize = 110
	// PathMax is the largest name or link target in bytes, with the final NUL.
	PathMax = 4096
	// TrailerName is the name of the last entry of an archive.
	TrailerName = "TRAILER!!!"
)

// What may be wrong with an archive.
const (
	Misaligned finding.ID = "cpio-misaligned" // it begins at an offset that is not a multiple of 4
	Magic      finding.ID = "cpio-magic"      // no magic where a header should begin
	ODC        finding.ID = "cpio-odc"        // the old portable format
	Header     finding.ID = "cpio-header"     // a field or a name is malformed
	Truncated  finding.ID = "cpio-truncated"  // it is cut off
	Skipped    finding.ID = "cpio-skipped"    // the kernel leaves an entry out
	Padding    finding.ID = "cpio-padding"    // a stream ends before the zeros after its last entry
	Checksum   finding.ID = "cpio-checksum"   // the sum of a file is wrong
)

// A Fault is something in an archive that the kernel does not accept.
type Fault = fault.Fault

// An Entry is one file in an archive.
type Entry struct {
	Path      string // as stored: may begin with "./" or "/"
	Mode      uint32 // type and permissions as in st_mode
	UID, GID  uint32
	MTime     int64  // seconds since 1970
	Size      int64  // bytes of content
	Link      string // target of a symbolic link
	RdevMajor uint32 // of a device node
	RdevMinor uint32
	NLink     uint32 // from 2 on, Ino and device show which entries are one file
	Ino       uint32
	DevMajor  uint32
	DevMinor  uint32
}

// Kind is the type of file: Mode without permissions.
func (e Entry) Kind() uint32 { return e.Mode & unix.S_IFMT }

// AppendHeader appends header and name of an entry, with the zeros after the
// name. Digits are upper case, or lower case as systemd-stub writes them.
func AppendHeader(b []byte, e Entry, lower bool) []byte {
	format := "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X"
	if lower {
		format = "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
	}
	b = fmt.Appendf(b, format, e.Ino, e.Mode, e.UID, e.GID, e.NLink, uint32(e.MTime), uint32(e.Size),
		e.DevMajor, e.DevMinor, e.RdevMajor, e.RdevMinor, len(e.Path)+1, 0)
	b = append(b, e.Path...)
	return append(b, make([]byte, int(HeaderLen(e.Path))-HeaderSize-len(e.Path))...)
}

// HeaderLen is how many bytes header and name of an entry take.
func HeaderLen(path string) int64 { return Align(int64(HeaderSize + len(path) + 1)) }

// Trailer is the last entry as systemd-stub writes it: all zero but for one
// link, with the length of its name in upper case.
func Trailer() []byte {
	b := AppendHeader(nil, Entry{Path: TrailerName, NLink: 1}, true)
	copy(b[6+8*11:], "0000000B")
	return b
}

// Align is n, or the next multiple of 4 after it.
func Align(n int64) int64 { return (n + 3) &^ 3 }

// Clip shortens a name from a file for a message.
func Clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}
