package initrd

import "bytes"

// A Format is how a piece of the blob is stored. Its value is the name shown
// to users; "" is none that the kernel knows.
type Format string

// The formats that the kernel's unpacker tells apart, and two that it does not
// take: ODC and LZ4Frame.
const (
	Newc     Format = "cpio"       // 070701, and 070702 with a sum of each file
	Gzip     Format = "gzip"       // 1f 8b
	Bzip2    Format = "bzip2"      // "BZh"
	LZMA     Format = "lzma"       // 5d 00 00, the "alone" format
	XZ       Format = "xz"         // fd "7zXZ" 00
	LZO      Format = "lzo"        // 89 "LZO", a lzop file
	LZ4      Format = "lz4"        // 02 21 4c 18, the legacy format (lz4 -l)
	Zstd     Format = "zstd"       // 28 b5 2f fd
	Config   Format = "bootconfig" // #BOOTCONFIG at the end
	Zeros    Format = "zeros"      // nothing but zero bytes
	ODC      Format = "cpio-odc"   // 070707, refused by the kernel
	LZ4Frame Format = "lz4-frame"  // 04 22 4d 18, not known to the kernel
)

// magics in the order of the kernel's table; the kernel itself looks at two
// bytes only.
var magics = []struct {
	magic  string
	format Format
}{
	{"070701", Newc},
	{"070702", Newc},
	{"070707", ODC},
	{"\x1f\x8b", Gzip},
	{"BZ", Bzip2},
	{"\x5d\x00", LZMA},
	{"\xfd7", XZ},
	{"\x89L", LZO},
	{"\x02\x21", LZ4},
	{"\x28\xb5", Zstd},
	{"\x04\x22\x4d\x18", LZ4Frame},
}

const lz4Magic = "\x02\x21\x4c\x18"

// Detect tells the format from the first bytes of a piece; six are enough. It
// is "" for anything unknown, zero bytes included.
func Detect(head []byte) Format {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.format
		}
	}
	return ""
}

// Compressed tells whether the kernel needs a decompressor for f.
func (f Format) Compressed() bool {
	switch f {
	case Gzip, Bzip2, LZMA, XZ, LZO, LZ4, Zstd:
		return true
	}
	return false
}

// KernelOption is the configuration symbol without which the kernel cannot
// unpack f, "CONFIG_RD_ZSTD"; "" where none is needed.
func (f Format) KernelOption() string {
	switch f {
	case Gzip:
		return "CONFIG_RD_GZIP"
	case Bzip2:
		return "CONFIG_RD_BZIP2"
	case LZMA:
		return "CONFIG_RD_LZMA"
	case XZ:
		return "CONFIG_RD_XZ"
	case LZO:
		return "CONFIG_RD_LZO"
	case LZ4:
		return "CONFIG_RD_LZ4"
	case Zstd:
		return "CONFIG_RD_ZSTD"
	}
	return ""
}
