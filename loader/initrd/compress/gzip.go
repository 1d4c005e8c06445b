package compress

// Flags of a gzip header (RFC 1952). The kernel skips a file name; FTEXT and
// the reserved bits it ignores; the other fields it takes for content
// (lib/decompress_inflate.c).
const (
	gzipCRC     = 0x02
	gzipExtra   = 0x04
	gzipName    = 0x08
	gzipComment = 0x10

	gzipTrailer = 8 // CRC32 and length of the content, which the kernel does not compare
)

// gzipHeader goes to the deflated content.
func gzipHeader(p *picker) {
	p.magic("\x1f\x8b\x08")
	flags := p.u8()
	p.skip(6)
	if flags&(gzipCRC|gzipExtra|gzipComment) != 0 {
		p.fail(GzipHeader, "gzip with a comment, an extra field or a header checksum, which the kernel cannot skip")
	}
	for more := flags&gzipName != 0; more && p.err == nil; {
		more = p.u8() != 0
	}
}
