package compress

import (
	"encoding/binary"
	"hash/crc32"
)

// The structure of the container is read here: the kernel takes streams one by
// one, and refuses by their headers what the library would decode
// (lib/xz/xz_dec_stream.c without XZ_DEC_ANY_CHECK).

const (
	// XZMagic begins a stream.
	XZMagic   = "\xfd7zXZ\x00"
	xzFooter  = 12
	xzCRC32   = 1
	xzLZMA2   = 0x21
	xzDictMax = 39 // as an exponent; 40 would be 4 GiB - 1
)

// An xzStream is what the blocks of a stream came to, to compare with its index.
type xzStream struct {
	*picker
	st     Stream
	check  byte
	blocks uint64
	sums   uint64 // mixed from the sizes of all blocks
}

// xzBlock is one block of a stream.
type xzBlock struct {
	packed     int64 // bytes of chunks, end mark included
	content    int64 // bytes when decoded
	wantPacked uint64
	wantSize   uint64 // from the header; with the flags 0x40 and 0x80
	flags      byte
}

// xzMeasure goes over one stream: header, blocks, index, footer. It returns st with
// what is known of the blocks.
func xzMeasure(p *picker, st Stream) Stream {
	x := xzStream{picker: p, st: st}
	p.magic(XZMagic)
	reserved, check := p.u8(), p.u8()
	x.check = check
	p.sum(p.pos-2, p.pos)
	switch {
	case reserved != 0 || check > 15:
		p.damaged("xz stream flags that nobody knows")
	case check > xzCRC32:
		p.fail(XZCheck, "xz with an integrity check other than CRC32, which the kernel refuses")
	}
	for p.err == nil {
		at := p.pos
		size := int64(p.u8())
		if size == 0 {
			x.index(at)
			break
		}
		x.block(at, 4*(size+1))
	}
	return x.st
}

// sum compares the CRC32 of the bytes between two offsets with the one that
// follows them, and goes on after it.
func (p *picker) sum(from, to int64) {
	crc := uint32(0)
	p.pos = from
	for p.pos < to && p.err == nil {
		crc = crc32.Update(crc, crc32.IEEETable, p.bytes(int(min(16, to-p.pos))))
	}
	if want := p.le32(); p.err == nil && want != crc {
		p.damaged("the checksum of an xz header is wrong")
	}
}

// block goes over a block whose header has size bytes.
func (x *xzStream) block(start, size int64) {
	var b xzBlock
	x.sum(start, start+size-4)
	x.pos = start + 1
	x.header(&b, start+size-4)
	x.pos = start + size
	data := x.pos
	x.chunks(&b)
	b.packed = x.pos - data
	switch {
	case x.err != nil:
		return
	case b.flags&0x40 != 0 && b.wantPacked != uint64(b.packed), b.flags&0x80 != 0 && b.wantSize != uint64(b.content):
		x.damaged("an xz block is not as long as its header says")
	}
	x.zeros((4-b.packed&3)&3, "the padding of an xz block")
	check := int64(0)
	if x.check == xzCRC32 {
		check = 4
	}
	x.skip(check)
	x.blocks++
	x.mix(uint64(size+b.packed+check), uint64(b.content))
}

// mix adds the sizes of a block to those of the ones before it.
func (x *xzStream) mix(unpadded, content uint64) {
	x.sums = (x.sums*0x9e3779b97f4a7c15 ^ unpadded) * 0xff51afd7ed558ccd
	x.sums = x.sums ^ x.sums>>32 ^ content
}

// header reads the fields of a block header, which end before its checksum.
func (x *xzStream) header(b *xzBlock, end int64) {
	b.flags = x.u8()
	if b.flags&0x40 != 0 {
		b.wantPacked = x.vli()
	}
	if b.flags&0x80 != 0 {
		b.wantSize = x.vli()
	}
	filters := b.flags & 0x3f
	switch {
	case filters == 1:
		x.filter()
	case filters > 1:
		x.fail(XZFilter, "xz with more filters than one before LZMA2, which the kernel refuses")
	}
	id, size, dict := x.u8(), x.u8(), x.u8()
	switch {
	case x.err != nil:
	case id != xzLZMA2 || size != 1:
		x.fail(XZFilter, "xz without LZMA2 as its last filter, which the kernel refuses")
	case dict > xzDictMax:
		x.damaged("an xz dictionary is larger than the kernel allows")
	default:
		x.st.dict = max(x.st.dict, int64(2|dict&1)<<(dict/2+11))
	}
	if x.pos > end {
		x.damaged("an xz block header is too short")
	}
	x.zeros(end-x.pos, "the padding of an xz block header")
}

// chunks goes over LZMA2 chunks to the end mark.
func (x *xzStream) chunks(b *xzBlock) {
	dict, props := false, false // whether they were set
	for x.err == nil {
		c := x.u8()
		if c == 0 {
			return
		}
		if c == 1 || c >= 0xe0 {
			dict, props = true, false
		}
		switch {
		case !dict || c > 2 && c < 0x80 || c >= 0x80 && c < 0xc0 && !props:
			x.damaged("an LZMA2 chunk of an unknown kind")
		case c < 0x80:
			n := x.be16() + 1
			b.content += n
			x.skip(n)
		default:
			b.content += int64(c&0x1f)<<16 + x.be16() + 1
			n := x.be16() + 1
			if c >= 0xc0 {
				props = true
				n++ // a byte of properties
			}
			x.skip(n)
		}
	}
}

// index goes over index and footer, and compares them with the blocks.
func (x *xzStream) index(start int64) {
	seen, count := x.sums, x.vli()
	x.sums = 0
	for i := uint64(0); i < count && x.err == nil; i++ {
		unpadded := x.vli()
		x.mix(unpadded, x.vli())
	}
	if x.err == nil && (count != x.blocks || x.sums != seen) {
		x.damaged("the xz index belongs to other blocks")
	}
	x.zeros((4-(x.pos-start)&3)&3, "the padding of an xz index")
	x.sum(start, x.pos)
	x.footer(x.pos - start)
}

// footer goes over the footer after an index of size bytes.
func (x *xzStream) footer(size int64) {
	var f [xzFooter]byte
	copy(f[:], x.bytes(xzFooter))
	switch {
	case x.err != nil:
	case string(f[10:]) != "YZ":
		x.damaged("the xz footer is missing")
	case crc32.ChecksumIEEE(f[4:10]) != binary.LittleEndian.Uint32(f[:]) || f[8] != 0 || f[9] != x.check,
		4*(int64(binary.LittleEndian.Uint32(f[4:]))+1) != size:
		x.damaged("the xz footer belongs to another stream")
	}
}

// vli reads a number of the xz format: 7 bits a byte, low first, nine at most.
func (p *picker) vli() uint64 {
	var v uint64
	for i := range 9 {
		b := p.u8()
		v |= uint64(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			if b == 0 && i > 0 {
				break // not the shortest form, which the kernel refuses
			}
			return v
		}
	}
	p.damaged("a number that does not end")
	return 0
}
