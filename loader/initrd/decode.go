package initrd

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/anchore/go-lzo"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"
)

// dictMax is the largest window or dictionary that a decoder gets: what
// xz -9e and zstd --long=27 ask for at most.
const dictMax = 128 << 20

// ErrLimit is wrapped in the error for content that unpacks to more than was
// allowed.
var ErrLimit = errors.New("unpacks to more than the limit")

// A decoder reads one compressed stream to its end.
type decoder struct {
	io.Reader
	close func()
	end   func() int64 // behind the stream; valid after io.EOF
}

// decode opens the stream of format f at off that was measured by frameEnd.
func decode(f Format, r io.ReaderAt, off int64, fr frame) (*decoder, error) {
	in := io.NewSectionReader(r, off, fr.end-off)
	d := &decoder{close: func() {}, end: func() int64 { return fr.end }}
	switch f {
	case Zstd:
		return d, d.zstd(in)
	case XZ:
		d.Reader = &xzReader{p: picker{r: r, pos: off, limit: fr.end}}
	case LZ4:
		d.Reader = &blockReader{next: lz4Blocks(&picker{r: r, pos: off, limit: fr.end})}
	case LZO:
		d.Reader = &blockReader{next: lzopBlocks(&picker{r: r, pos: off, limit: fr.end})}
	case Gzip, Bzip2, LZMA:
		c := &counter{r: bufio.NewReaderSize(in, plainChunk)}
		d.end = func() int64 { return off + c.n }
		return d, d.counted(f, c)
	default:
		return nil, fmt.Errorf("no decoder for %q", f)
	}
	return d, nil
}

func (d *decoder) zstd(in io.Reader) error {
	z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(dictMax), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderConcurrency(1)) // its own pipeline takes more time than it saves
	if err != nil {
		return err
	}
	d.Reader, d.close = z, z.Close
	return nil
}

// counted opens a decoder that takes no more bytes than it needs.
func (d *decoder) counted(f Format, c *counter) (err error) {
	switch f {
	case Gzip:
		var z *gzip.Reader
		if z, err = gzip.NewReader(c); err == nil {
			z.Multistream(false)
			d.Reader = z
		}
	case Bzip2:
		c.stop = bzip2Ends
		d.Reader = bzip2.NewReader(c)
	case LZMA:
		d.Reader, err = lzma.ReaderConfig{DictCap: dictMax}.NewReader(c)
	}
	return err
}

// A counter knows how many bytes were taken from it. The decoders take single
// bytes from a reader that offers it, and none too many.
type counter struct {
	r    *bufio.Reader
	n    int64
	last [11]byte
	stop func(last []byte) bool
}

func (c *counter) ReadByte() (byte, error) {
	if c.stop != nil && c.stop(c.last[:]) {
		return 0, io.EOF
	}
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
		if c.stop != nil {
			copy(c.last[:], c.last[1:])
			c.last[len(c.last)-1] = b
		}
	}
	return b, err
}

func (c *counter) Read(p []byte) (int, error) {
	if c.stop != nil {
		if len(p) == 0 {
			return 0, nil
		}
		b, err := c.ReadByte()
		if err != nil {
			return 0, err
		}
		p[0] = b
		return 1, nil
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// bzip2Ends tells whether the last bytes read are the end of a bzip2 stream:
// 48 bits of magic and 32 of checksum, then up to 7 bits to the next byte. The
// library would look for another stream behind it; the kernel does not.
func bzip2Ends(last []byte) bool {
	const magic = 0x177245385090
	hi := uint64(last[0])<<16 | uint64(last[1])<<8 | uint64(last[2])
	lo := binary.BigEndian.Uint64(last[3:])
	for spare := range 8 {
		// The magic sits 32+spare bits above the end of the 88 bits.
		v := lo>>(32+spare) | hi<<(32-spare)
		if v&(1<<48-1) == magic {
			return true
		}
	}
	return false
}

// A blockReader reads a format whose blocks are decoded whole. next decodes one
// into the buffer that it owns, and returns io.EOF behind the last.
type blockReader struct {
	next func() ([]byte, error)
	rest []byte
}

func (b *blockReader) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		rest, err := b.next()
		if err != nil {
			return 0, err
		}
		b.rest = rest
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func lz4Blocks(p *picker) func() ([]byte, error) {
	var in, out []byte
	return func() ([]byte, error) {
		if p.limit-p.pos < 4 {
			return nil, io.EOF // the frame was measured before
		}
		size := int64(p.le32())
		for p.err == nil && size == int64(binary.LittleEndian.Uint32([]byte(lz4Magic))) && p.limit-p.pos >= 4 {
			size = int64(p.le32())
		}
		switch {
		case p.err != nil:
			return nil, p.err
		case size == 0 || size == int64(binary.LittleEndian.Uint32([]byte(lz4Magic))):
			return nil, io.EOF
		}
		in = grow(in, min(size, p.limit-p.pos))
		if err := readFull(p.r, in, p.pos); err != nil {
			return nil, err
		}
		p.pos += size
		out = grow(out, lz4Block)
		n, err := lz4.UncompressBlock(in, out)
		return out[:max(0, n)], err
	}
}

func lzopBlocks(p *picker) func() ([]byte, error) {
	var in, out []byte
	flags := lzopHeader(p)
	return func() ([]byte, error) {
		b, ok := lzopNext(p, flags)
		if !ok {
			if p.err != nil {
				return nil, p.err
			}
			return nil, io.EOF
		}
		in = grow(in, b.size)
		if err := readFull(p.r, in, b.data); err != nil {
			return nil, err
		}
		p.skip(b.size)
		if b.size == b.content {
			return in, nil
		}
		out = grow(out, b.content)
		n, err := lzo.Decompress(in, out)
		if err == nil && int64(n) != b.content {
			err = io.ErrUnexpectedEOF
		}
		return out[:n], err
	}
}

// grow returns a slice of n bytes, b's own memory where that suffices. Callers
// have compared n with the file's length or the format's own limit.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}
