package initrd

import (
	"bytes"

	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// A Format is how a segment of the blob is stored; "" is none that the kernel
// knows. The compressed ones are in package compress.
type Format = compress.Format

// The formats that are not compressed.
const (
	Newc   Format = "cpio"       // 070701, and 070702 with a sum of each file
	Config Format = "bootconfig" // #BOOTCONFIG at the end
	Zeros  Format = "zeros"      // nothing but zero bytes
	ODC    Format = "cpio-odc"   // 070707, refused by the kernel
)

// Detect returns the format of a segment that begins with head; six bytes are
// enough. It is "" for anything unknown, zero bytes included.
func Detect(head []byte) Format {
	switch {
	case bytes.HasPrefix(head, []byte("070701")), bytes.HasPrefix(head, []byte("070702")):
		return Newc
	case bytes.HasPrefix(head, []byte("070707")):
		return ODC
	}
	return compress.Detect(head)
}
