package compress

import (
	"errors"
	"io"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/fault"
)

// Flags of an lzop file. The kernel looks at none but the filter, and expects
// one checksum of the content for each block (lib/decompress_unlzo.c).
const (
	lzoAdlerData  = 0x1
	lzoAdlerBlock = 0x2
	lzoExtra      = 0x40
	lzoCRCData    = 0x100
	lzoCRCBlock   = 0x200
	lzoFilter     = 0x800

	lzoBlockMax = 256 << 10 // content of a block, bytes
	lzoMagic    = "\x89LZO\x00\x0d\x0a\x1a\x0a"
)

// lzoHeader goes over the header of an lzop file as the kernel does, and
// returns its flags.
func lzoHeader(p *picker) int64 {
	p.magic(lzoMagic)
	version := p.be16()
	p.skip(5) // version of the library, version needed, method
	if version >= 0x940 {
		p.skip(1) // level
	}
	flags := p.be32()
	if flags&lzoFilter != 0 {
		p.skip(4)
	}
	p.skip(8) // mode, mtime
	if version >= 0x940 {
		p.skip(4)
	}
	p.skip(int64(p.u8())) // name
	p.skip(4)             // checksum
	return flags
}

// lzoRefused returns what in the flags makes blocks that the kernel cannot read.
func lzoRefused(flags int64) string {
	data := flags & (lzoAdlerData | lzoCRCData)
	switch {
	case flags&lzoExtra != 0:
		return "an extra field, which the kernel does not skip"
	case data == 0 || data == lzoAdlerData|lzoCRCData || flags&(lzoAdlerBlock|lzoCRCBlock) != 0:
		return "the kernel expects one checksum a block, that of the content (lzop without -F and -C)"
	}
	return ""
}

// lzoBlock is one block: size bytes at data that become content bytes.
type lzoBlock struct {
	data, size, content int64
	sum                 uint32 // of the content; the kernel does not compare it
}

// lzoNext reads a block header and goes to the data; false is the end mark, or
// a failure.
func lzoNext(p *picker) (lzoBlock, bool) {
	b := lzoBlock{content: p.be32()}
	if b.content == 0 || p.err != nil {
		return b, false
	}
	b.size = p.be32()
	b.sum = uint32(p.be32())
	if b.content > lzoBlockMax || b.size == 0 || b.size > b.content {
		p.damaged("a block that lzop cannot have written")
	}
	b.data = p.pos
	return b, p.err == nil
}

// lzoMeasure goes over header and blocks to the end mark.
func lzoMeasure(p *picker) {
	flags := lzoHeader(p)
	whole := p.err == nil // else the flags may not have been read
	for {
		b, ok := lzoNext(p)
		if !ok {
			break
		}
		p.skip(b.size)
	}
	var f *Fault
	if text := lzoRefused(flags); whole && text != "" && (errors.As(p.err, &f) || errors.Is(p.err, io.ErrUnexpectedEOF)) {
		p.err = fault.New(Damaged, p.pos, "%s", text)
	}
}
