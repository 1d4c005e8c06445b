package initrd

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// The xz container is read here, not by the library: the kernel takes streams
// one by one, only their headers tell what it would refuse, and a dictionary
// is never made larger than the content needs.

const (
	xzHeader = 12
	xzFooter = 12
	xzNone   = 0
	xzCRC32  = 1
	xzLZMA2  = 0x21
)

// xzBlock is one block of a stream.
type xzBlock struct {
	check   byte
	data    int64 // offset of the LZMA2 chunks
	size    int64 // bytes of chunks, end mark included
	content int64 // bytes when decoded
	dict    int64
	filter  uint64 // in front of LZMA2; 0: none
	filters int    // how many
	tuned   bool   // one has properties
	next    int64  // offset of the next block or of the index
}

// xzCheck reads the kind of integrity check out of a stream header.
func xzCheck(p *picker) byte {
	h := p.bytes(xzHeader)
	check := h[7]
	if h[6] != 0 || check > 15 {
		p.fail("stream-damaged", "xz stream flags that nobody knows")
	}
	p.sum(p.pos-xzHeader+6, p.pos-4)
	return check
}

// sum compares the CRC32 of the bytes between two offsets with the one that is
// behind them.
func (p *picker) sum(from, to int64) {
	if p.err != nil {
		return
	}
	crc := crc32.NewIEEE()
	if _, err := io.Copy(crc, io.NewSectionReader(p.r, from, to-from)); err != nil {
		p.err = err
		return
	}
	stays := *p
	stays.pos = to
	if want := stays.le32(); stays.err != nil {
		p.err = stays.err
	} else if want != crc.Sum32() {
		p.fail("stream-damaged", "the checksum of an xz header is wrong")
	}
}

func xzCheckSize(check byte) int64 {
	if check == 0 {
		return 0
	}
	return 4 << ((int64(check) - 1) / 3)
}

// xzNext reads the header and goes over the chunks of the block at p; at the
// start of a stream, over the stream header first. It returns false at the
// index, and leaves p behind the footer then.
func xzNext(p *picker) (xzBlock, bool) {
	var b xzBlock
	start := p.pos
	if b0 := p.u8(); b0 == 0xfd {
		p.pos = start
		p.check = xzCheck(p)
		start = p.pos
	}
	b.check = p.check
	if p.err != nil {
		return b, false
	}
	p.pos = start
	size := int64(p.u8())
	if size == 0 {
		xzIndex(p, start)
		return b, false
	}
	xzFilters(p, &b)
	p.pos = start
	p.skip(4 * (size + 1))
	p.sum(start, p.pos-4)
	b.data = p.pos
	xzChunks(p, &b)
	b.size = p.pos - b.data
	p.skip((4 - b.size&3) & 3)
	p.skip(xzCheckSize(b.check))
	b.next = p.pos
	return b, p.err == nil
}

// xzFilters reads a block header behind its size byte.
func xzFilters(p *picker, b *xzBlock) {
	flags := p.u8()
	if flags&0x40 != 0 {
		p.vli()
	}
	if flags&0x80 != 0 {
		p.vli()
	}
	for i := 0; i <= int(flags&3) && p.err == nil; i++ {
		id, size := p.vli(), p.vli()
		if id != xzLZMA2 {
			b.filter = id
			b.filters++
			b.tuned = b.tuned || size > 0
			p.skip(int64(min(size, 1<<20)))
			continue
		}
		if d := p.u8(); d < 40 {
			b.dict = int64(2|d&1) << (d/2 + 11)
		} else {
			b.dict = 1<<32 - 1
		}
	}
}

// xzChunks goes over LZMA2 chunks to the end mark.
func xzChunks(p *picker, b *xzBlock) {
	for p.err == nil {
		switch c := p.u8(); {
		case c == 0:
			return
		case c == 1 || c == 2:
			n := p.be16() + 1
			b.content += n
			p.skip(n)
		case c >= 0x80:
			b.content += int64(c&0x1f)<<16 + p.be16() + 1
			n := p.be16() + 1
			if c >= 0xc0 {
				n++ // properties
			}
			p.skip(n)
		default:
			p.fail("stream-damaged", "an LZMA2 chunk of an unknown kind")
		}
	}
}

// xzIndex goes over index and footer.
func xzIndex(p *picker, start int64) {
	n := p.vli()
	for i := uint64(0); i < n && p.err == nil; i++ {
		p.vli()
		p.vli()
	}
	p.skip((4 - (p.pos-start)&3) & 3)
	p.sum(start, p.pos)
	p.skip(4)
	footer := p.pos
	if f := p.bytes(xzFooter); string(f[10:]) != "YZ" {
		p.fail("stream-damaged", "the xz footer is missing")
	}
	p.backward(footer, start)
}

// backward compares the footer with the index in front of it.
func (p *picker) backward(footer, index int64) {
	f := make([]byte, xzFooter)
	if p.err != nil {
		return
	}
	if p.err = readFull(p.r, f, footer); p.err != nil {
		return
	}
	size := 4 * (int64(binary.LittleEndian.Uint32(f[4:])) + 1)
	if crc32.ChecksumIEEE(f[4:10]) != binary.LittleEndian.Uint32(f) || footer-size != index || f[8] != 0 || f[9] != p.check {
		p.fail("stream-damaged", "the xz footer belongs to another stream")
	}
}

// vli reads a number of the xz format: 7 bits a byte, low first, nine at most.
func (p *picker) vli() uint64 {
	var v uint64
	for i := range 9 {
		b := p.u8()
		v |= uint64(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			return v
		}
	}
	p.fail("stream-damaged", "a number that does not end")
	return 0
}
