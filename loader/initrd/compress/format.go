// Package compress reads the compressed streams of an initrd by the rules of
// the kernel's decompressors (lib/decompress_*.c): it finds where a stream
// ends, checks what its header and trailer say, and decodes it.
package compress

import (
	"bytes"
	"strings"
)

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

// Detect returns the format of a stream that begins with head; four bytes are
// enough. As in lib/decompress.c, two bytes decide, but for LZ4Frame. It is ""
// for anything unknown.
func Detect(head []byte) Format {
	if len(head) < 2 {
		return ""
	}
	switch string(head[:2]) {
	case "\x1f\x8b":
		return Gzip
	case "BZ":
		return Bzip2
	case "\x5d\x00":
		return LZMA
	case "\xfd7":
		return XZ
	case "\x89L":
		return LZO
	case "\x02\x21":
		return LZ4
	case "\x28\xb5":
		return Zstd
	}
	if bytes.HasPrefix(head, []byte("\x04\x22\x4d\x18")) {
		return LZ4Frame
	}
	return ""
}

// Formats are those that the kernel has a decompressor for.
func Formats() []Format { return []Format{Gzip, Bzip2, LZMA, XZ, LZO, LZ4, Zstd} }

// Compressed reports whether the kernel has a decompressor for f. An image may ask
// millions of times.
func (f Format) Compressed() bool {
	switch f {
	case Gzip, Bzip2, LZMA, XZ, LZO, LZ4, Zstd:
		return true
	}
	return false
}

// Fast reports whether f decodes at more than about 200 MB/s.
func (f Format) Fast() bool {
	switch f {
	case Gzip, LZO, LZ4, Zstd:
		return true
	}
	return false
}

// KernelOption is the configuration symbol without which the kernel cannot
// unpack f, "CONFIG_RD_ZSTD"; "" where it never can.
func (f Format) KernelOption() string {
	if !f.Compressed() {
		return ""
	}
	return "CONFIG_RD_" + strings.ToUpper(string(f))
}
