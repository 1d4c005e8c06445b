// Package compress reads the compressed streams of an initrd by the rules of
// the kernel's decompressors (lib/decompress_*.c): it finds where a stream
// ends, checks what its header and trailer say, and decodes it.
package compress

import "bytes"

// A Format is how data is stored. Its value is the name shown to users; "" is
// none that the kernel knows.
type Format string

// The formats that the kernel detects, and LZ4Frame, which it does not.
const (
	Gzip     Format = "gzip"      // 1f 8b
	Bzip2    Format = "bzip2"     // "BZh"
	LZMA     Format = "lzma"      // 5d 00, the "alone" format
	XZ       Format = "xz"        // fd "7zXZ" 00
	LZO      Format = "lzo"       // 89 "LZO", an lzop file
	LZ4      Format = "lz4"       // 02 21 4c 18, the legacy format (lz4 -l)
	Zstd     Format = "zstd"      // 28 b5 2f fd
	LZ4Frame Format = "lz4-frame" // 04 22 4d 18
)

// A kind is what is known of a format.
type kind struct {
	format Format
	magic  string // as much as lib/decompress.c looks at
	option string // of the kernel's configuration
	fast   bool   // decodes at more than about 200 MB/s
}

func kinds() []kind {
	return []kind{
		{Gzip, "\x1f\x8b", "CONFIG_RD_GZIP", true},
		{Bzip2, "BZ", "CONFIG_RD_BZIP2", false},
		{LZMA, "\x5d\x00", "CONFIG_RD_LZMA", false},
		{XZ, "\xfd7", "CONFIG_RD_XZ", false},
		{LZO, "\x89L", "CONFIG_RD_LZO", true},
		{LZ4, "\x02\x21", "CONFIG_RD_LZ4", true},
		{Zstd, "\x28\xb5", "CONFIG_RD_ZSTD", true},
		{LZ4Frame, "\x04\x22\x4d\x18", "", false},
	}
}

func (f Format) kind() kind {
	for _, k := range kinds() {
		if k.format == f {
			return k
		}
	}
	return kind{}
}

// Detect returns the format of a stream that begins with head; four bytes are
// enough. As in the kernel, two bytes decide, but for LZ4Frame. It is "" for
// anything unknown.
func Detect(head []byte) Format {
	for _, k := range kinds() {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.format
		}
	}
	return ""
}

// Compressed reports whether the kernel has a decompressor for f.
func (f Format) Compressed() bool { return f.kind().option != "" }

// Fast reports whether f decodes at more than about 200 MB/s.
func (f Format) Fast() bool { return f.kind().fast }

// KernelOption is the configuration symbol without which the kernel cannot
// unpack f, "CONFIG_RD_ZSTD"; "" where it never can.
func (f Format) KernelOption() string { return f.kind().option }
