package initrd

import (
	"encoding/binary"
	"io"
)

// A frame is a compressed stream whose end is known without decoding it.
type frame struct {
	end   int64 // behind its last byte
	known bool  // false: end is only the end of the image
}

// A picker reads small fixed fields, and remembers the first failure: after
// it, and past limit, every read is zero.
type picker struct {
	r      io.ReaderAt
	pos    int64
	limit  int64
	err    error
	check  byte // of the xz stream that is read
	window []byte
	from   int64 // offset of window
	zero   [16]byte
}

const pickerWindow = 4 << 10

// bytes returns n bytes, 16 at most, that are valid until the next call.
func (p *picker) bytes(n int) []byte {
	if p.err == nil && int64(n) > p.limit-p.pos {
		p.err = io.ErrUnexpectedEOF
	}
	if p.err == nil && (p.pos < p.from || p.pos+int64(n) > p.from+int64(len(p.window))) {
		p.fill()
	}
	if p.err != nil {
		p.zero = [16]byte{}
		return p.zero[:n]
	}
	b := p.window[p.pos-p.from:][:n]
	p.pos += int64(n)
	return b
}

func (p *picker) fill() {
	if p.window == nil {
		p.window = make([]byte, 0, pickerWindow)
	}
	p.from = p.pos
	p.window = p.window[:min(pickerWindow, p.limit-p.pos)]
	p.err = readFull(p.r, p.window, p.pos)
}

func (p *picker) u8() byte     { return p.bytes(1)[0] }
func (p *picker) be16() int64  { return int64(binary.BigEndian.Uint16(p.bytes(2))) }
func (p *picker) be32() int64  { return int64(binary.BigEndian.Uint32(p.bytes(4))) }
func (p *picker) le32() uint32 { return binary.LittleEndian.Uint32(p.bytes(4)) }

// skip goes over n bytes that need not be read.
func (p *picker) skip(n int64) {
	if p.err == nil && (n < 0 || n > p.limit-p.pos) {
		p.err = io.ErrUnexpectedEOF
	}
	if p.err == nil {
		p.pos += n
	}
}

func (p *picker) fail(id, text string) {
	if p.err == nil {
		p.err = &fault{id: id, at: p.pos, text: text}
	}
}

// frameEnd finds the end of the stream at off, in an image that ends at limit.
// A cut stream is io.ErrUnexpectedEOF, a damaged one a *fault. The ends of
// gzip, bzip2 and lzma are known only to those who decode them.
func frameEnd(f Format, r io.ReaderAt, off, limit int64) (frame, error) {
	p := &picker{r: r, pos: off, limit: limit}
	switch f {
	case LZ4:
		lz4Frame(p)
	case Zstd:
		zstdFrame(p)
	case XZ:
		xzFrame(p)
	case LZO:
		lzopFrame(p)
	default:
		return frame{end: limit}, nil
	}
	return frame{end: p.pos, known: p.err == nil}, p.err
}

const (
	lz4Block    = 8 << 20                      // content of one block of the legacy format
	lz4BlockMax = lz4Block + lz4Block/255 + 16 // worst case of its compressed size
)

// lz4Frame goes over the blocks of the legacy format: LE32 size and data. A
// size of 0 is the end and is left in place; one that equals the magic begins
// the next stream.
func lz4Frame(p *picker) {
	for p.err == nil && p.limit-p.pos >= 4 {
		size := p.le32()
		switch {
		case size == 0:
			p.pos -= 4
			return
		case size == binary.LittleEndian.Uint32([]byte(lz4Magic)):
		case size > lz4BlockMax:
			p.pos -= 4
			p.fail("stream-damaged", "a block is larger than lz4 allows")
		default:
			p.skip(int64(size))
		}
	}
}

// zstdFrame goes over the blocks of one frame (RFC 8878, 3.1.1).
func zstdFrame(p *picker) {
	p.skip(4)
	d := p.u8()
	if d&0x20 == 0 {
		p.skip(1) // window
	}
	p.skip(int64([]int{0, 1, 2, 4}[d&3])) // dictionary
	switch d >> 6 {
	case 0:
		p.skip(int64(d >> 5 & 1)) // content size, one byte in a single segment
	default:
		p.skip(1 << (d >> 6))
	}
	for last := false; !last && p.err == nil; {
		b := p.bytes(3)
		h := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		last = h&1 != 0
		switch h >> 1 & 3 {
		case 1:
			p.skip(1)
		case 3:
			p.fail("stream-damaged", "a block of a reserved kind")
		default:
			p.skip(h >> 3)
		}
	}
	if d&4 != 0 {
		p.skip(4)
	}
}

// xzFrame goes over blocks, index and footer of one stream.
func xzFrame(p *picker) {
	for {
		b, ok := xzNext(p)
		if p.err != nil || !ok {
			return
		}
		p.pos = b.next
	}
}
