package compress

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/anchore/go-lzo"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/fault"
	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
)

const (
	// dictMax is the largest dictionary that a decoder gets, bytes: what xz -9e
	// and zstd --long=27 ask for at most.
	dictMax = 128 << 20
	// setupMax is how many bytes the decoders of one Scanner may allocate
	// altogether: an image of many streams of a few bytes would make each ask
	// for its dictionary anew.
	setupMax = 2 << 30
	// garbageMax is how many of those bytes may wait to be collected.
	garbageMax = 16 << 20
	inBuffer   = 64 << 10
)

var errLZ4End = errors.New("a block does not end in literals")

// decoders serve one stream after the other.
type decoders struct {
	in    *bufio.Reader
	gzip  io.ReadCloser
	zstd  *zstd.Decoder
	xz    *xz.Reader
	block blocks
	setup int64 // bytes allocated so far

	garbage int64 // of these, since the last collection
	end     func() int64
}

// Open returns a reader of the content of a stream that was measured. It is
// valid until the next Open. A stream that only the kernel can decode is a
// *Fault with the ID Unread, here or from Read; a checksum that the kernel does
// not compare is one with the ID Checksum, from Read at the end of the content.
func (s *Scanner) Open(st Stream) (io.Reader, error) {
	d := &s.dec
	d.end = func() int64 { return st.End }
	if st.unread != "" || st.dict > dictMax {
		text := st.unread
		if text == "" {
			text = fmt.Sprintf("%s with a dictionary of more than %d MiB cannot be decoded here", st.Format, dictMax>>20)
		}
		return nil, fault.New(Unread, st.Offset, "%s", text)
	}
	file := io.NewSectionReader(s.p.r, st.Offset, st.End-st.Offset)
	if d.in == nil {
		d.in = bufio.NewReaderSize(nil, inBuffer)
	}
	d.in.Reset(file)
	taken := func() int64 { return st.Offset + file.Size() - remaining(file) - int64(d.in.Buffered()) }
	switch st.Format {
	case Gzip:
		d.end = taken
		return s.openGzip(st)
	case Bzip2:
		d.end = taken
		return s.openBzip2(st)
	case LZMA:
		d.end = taken
		return s.openLZMA(st)
	case Zstd:
		return s.openZstd()
	case XZ:
		return s.openXZ(st)
	}
	d.block.open(&s.p, st)
	return &d.block, nil
}

func remaining(r *io.SectionReader) int64 {
	at, _ := r.Seek(0, io.SeekCurrent) // of a SectionReader it cannot fail
	return r.Size() - at
}

// End is the offset after the stream that was opened last; it is valid after its
// reader returned io.EOF.
func (s *Scanner) End() int64 { return s.dec.end() }

// Close releases the decoders.
func (s *Scanner) Close() {
	if s.dec.zstd != nil {
		s.dec.zstd.Close()
	}
}

// allocate notes that a decoder asks for n bytes.
func (s *Scanner) allocate(st Stream, n int64) error {
	if s.dec.setup += n; s.dec.setup > setupMax {
		return fault.New(Unread, st.Offset, "too many %s streams to decode them all", st.Format)
	}
	if s.dec.garbage += n; s.dec.garbage > garbageMax {
		runtime.GC() // a heap of dictionaries doubles before it is collected
		s.dec.garbage = 0
	}
	return nil
}

func (s *Scanner) openZstd() (_ io.Reader, err error) {
	d := &s.dec
	if d.zstd == nil {
		d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderMaxWindow(dictMax), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderConcurrency(1)) // its own pipeline takes more time than it saves
		if err != nil {
			return nil, err
		}
	}
	return d.zstd, d.zstd.Reset(d.in)
}

func (s *Scanner) openXZ(st Stream) (_ io.Reader, err error) {
	d := &s.dec
	if d.xz == nil {
		d.xz, err = xz.NewReader(d.in, dictMax)
	} else {
		err = d.xz.Reset(d.in)
	}
	d.xz.Multistream(false)
	return d.xz, err
}

func (s *Scanner) openLZMA(st Stream) (io.Reader, error) {
	var h [lzmaHeaderSize]byte
	if _, err := io.ReadFull(s.dec.in, h[:]); err != nil {
		return nil, err
	}
	dict := int64(binary.LittleEndian.Uint32(h[1:]))
	if content := binary.LittleEndian.Uint64(h[5:]); content < uint64(dict) {
		dict = max(int64(content), lzma.MinDictCap) // a dictionary larger than the content is never used
		binary.LittleEndian.PutUint32(h[1:], uint32(dict))
	}
	if dict > dictMax {
		return nil, fault.New(Unread, st.Offset, "lzma with a dictionary of more than %d MiB cannot be decoded here", dictMax>>20)
	}
	if err := s.allocate(st, dict); err != nil {
		return nil, err
	}
	return lzma.ReaderConfig{DictCap: dictMax}.NewReader(&prefixed{head: h[:], Reader: s.dec.in})
}

// prefixed reads head first. It offers single bytes, so that the decoder takes
// none too many.
type prefixed struct {
	head []byte
	*bufio.Reader
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.head) == 0 {
		return p.Reader.Read(b)
	}
	n := copy(b, p.head)
	p.head = p.head[n:]
	return n, nil
}

func (p *prefixed) ReadByte() (byte, error) {
	if len(p.head) == 0 {
		return p.Reader.ReadByte()
	}
	b := p.head[0]
	p.head = p.head[1:]
	return b, nil
}

func (s *Scanner) openGzip(st Stream) (io.Reader, error) {
	p := &s.p
	p.at(st.Offset, st.End)
	if gzipHeader(p); p.err != nil {
		return nil, p.err
	}
	d := &s.dec
	if _, err := d.in.Discard(int(p.pos - st.Offset)); err != nil {
		return nil, err
	}
	if d.gzip == nil {
		d.gzip = flate.NewReader(d.in)
	} else if err := d.gzip.(flate.Resetter).Reset(d.in, nil); err != nil {
		return nil, err
	}
	return &gzipReader{content: d.gzip, in: d.in, at: st.Offset}, nil
}

// blocks reads a format whose blocks are decoded whole: LZ4, LZO.
type blocks struct {
	p    *picker
	lzo  bool
	rest []byte
	sum  error // a checksum is wrong that the kernel does not compare
	err  error // no block comes after it
	in   []byte
	out  []byte
}

func (b *blocks) open(p *picker, st Stream) {
	p.at(st.Offset, st.End)
	b.p, b.lzo, b.rest, b.sum, b.err = p, st.Format == LZO, nil, nil, nil
	if b.lzo {
		b.in, b.out = grow(b.in, lzoBlockMax), grow(b.out, lzoBlockMax)
		lzoHeader(p)
		return
	}
	p.magic(LZ4Magic)
	b.out = grow(b.out, lz4Block)
}

func (b *blocks) Read(p []byte) (int, error) {
	for len(b.rest) == 0 && b.err == nil {
		if b.lzo {
			b.rest, b.err = b.nextLZO()
		} else {
			b.rest, b.err = b.nextLZ4()
		}
	}
	if b.err != nil {
		return 0, b.err
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *blocks) nextLZ4() ([]byte, error) {
	size := lz4Next(b.p)
	if b.p.err != nil {
		return nil, b.p.err
	}
	if size == 0 {
		return nil, io.EOF
	}
	b.in = grow(b.in, min(size, b.p.limit-b.p.pos))
	if err := readat.Full(b.p.r, b.in, b.p.pos); err != nil {
		return nil, err
	}
	b.p.skip(size)
	return lz4Decode(b.in, b.out)
}

func (b *blocks) nextLZO() ([]byte, error) {
	block, ok := lzoNext(b.p)
	switch {
	case b.p.err != nil:
		return nil, b.p.err
	case !ok && b.sum != nil:
		return nil, b.sum
	case !ok:
		return nil, io.EOF
	}
	in := b.in[:block.size]
	if err := readat.Full(b.p.r, in, block.data); err != nil {
		return nil, err
	}
	b.p.skip(block.size)
	content := in
	if block.size < block.content {
		n, err := lzo.Decompress(in, b.out[:block.content])
		if err == nil && int64(n) != block.content {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		content = b.out[:n]
	}
	b.compare(block, content)
	return content, nil
}

// grow returns a slice of n bytes, b's own memory where that suffices. Callers
// have compared n with the length of the file or the limit of the format.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}
