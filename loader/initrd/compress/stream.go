package compress

import (
	"errors"
	"io"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/fault"
)

// A Fault is something that the kernel's decompressor does not accept.
type Fault = fault.Fault

// A Stream is one compressed stream in an image. Only those that Measure
// returned without an error can be opened.
type Stream struct {
	Format Format
	Offset int64 // of its first byte
	End    int64 // after its last byte, where Known; else the end of the image
	Known  bool
	// Option is what the kernel needs besides Format.KernelOption, such as
	// "CONFIG_XZ_DEC_X86"; "" for nothing.
	Option string

	dict   int64  // xz: the largest dictionary of a block, bytes
	unread string // why it cannot be decoded here; "": it can
}

// A Scanner finds, checks and decodes streams in a file. What it allocates
// serves all of them.
type Scanner struct {
	p   picker
	dec decoders
}

// NewScanner returns a scanner of r. The caller closes it.
func NewScanner(r io.ReaderAt) *Scanner { return &Scanner{p: picker{r: r}} }

// Measure looks at the header of the stream at off, in an image that ends at
// limit, and at its structure as far as that needs no decoding. A cut stream is
// a *Fault with the ID Truncated, a damaged or refused one a *Fault with
// another; other errors are those of the reader. The end of gzip, bzip2 and lzma
// is known only after decoding.
func (s *Scanner) Measure(f Format, off, limit int64) (Stream, error) {
	p := &s.p
	p.at(off, limit)
	st := Stream{Format: f, Offset: off, End: limit}
	known := true
	switch f {
	case LZ4:
		lz4Measure(p)
	case Zstd:
		zstdMeasure(p)
	case XZ:
		st = xzMeasure(p, st)
	case LZO:
		lzoMeasure(p)
	case Gzip:
		known = false
		gzipHeader(p)
	case Bzip2:
		known = false
		bzip2Header(p)
	case LZMA:
		known = false
		lzmaHeader(p)
	default:
		return st, fault.New(Damaged, off, "no decoder for %q", f)
	}
	if errors.Is(p.err, io.ErrUnexpectedEOF) {
		return st, fault.New(Truncated, p.pos, "the %s stream is cut off", f)
	}
	if p.err == nil && known {
		st.End, st.Known = p.pos, true
	}
	return st, p.err
}
