package uki

import "strings"

// Compression names a compressed format.
type Compression string

// The compressed formats that the kernel's build can wrap an image in.
const (
	Gzip  Compression = "gzip"
	Bzip2 Compression = "bzip2"
	LZMA  Compression = "lzma"
	XZ    Compression = "xz"
	LZO   Compression = "lzo"
	// LZ4 is the legacy format of "lz4 -l"; the frame format is LZ4Frame.
	LZ4      Compression = "lz4"
	LZ4Frame Compression = "lz4-frame"
	Zstd     Compression = "zstd"
)

// DetectCompression returns the format by the first bytes, ten are enough; ""
// for none that is known.
func DetectCompression(head []byte) Compression {
	start := string(head[:min(len(head), 10)])
	for _, f := range []struct {
		magic string
		is    Compression
	}{
		{"\x1f\x8b", Gzip},
		{"BZh", Bzip2},
		{"\x5d\x00\x00", LZMA},
		{"\xfd7zXZ\x00", XZ},
		{"\x89LZO\x00\r\n\x1a\n", LZO},
		{"\x02\x21\x4c\x18", LZ4},
		{"\x04\x22\x4d\x18", LZ4Frame},
		{"\x28\xb5\x2f\xfd", Zstd},
	} {
		if strings.HasPrefix(start, f.magic) {
			return f.is
		}
	}
	return ""
}

// zbootCompression understands the names that a zboot header has: those of the
// kernel's build rules, so that the level may follow ("zstd22", "xzkern").
func zbootCompression(name string) Compression {
	for _, c := range []Compression{Gzip, LZMA, LZO, LZ4, XZ, Zstd} {
		if strings.HasPrefix(name, string(c)) {
			return c
		}
	}
	return ""
}
