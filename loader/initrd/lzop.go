package initrd

// Flags of an lzop file.
const (
	lzopAdlerData  = 0x1
	lzopAdlerBlock = 0x2
	lzopExtra      = 0x40
	lzopCRCData    = 0x100
	lzopCRCBlock   = 0x200
	lzopFilter     = 0x800

	lzopBlockMax = 256 << 10 // the kernel's limit
)

// lzopHeader reads the header of an lzop file and returns its flags.
func lzopHeader(p *picker) int64 {
	p.skip(9)
	version := p.be16()
	p.skip(2)
	if version >= 0x940 {
		p.skip(2)
	}
	p.skip(1) // method
	if version >= 0x940 {
		p.skip(1) // level
	}
	flags := p.be32()
	if flags&lzopFilter != 0 {
		p.skip(4)
	}
	p.skip(8) // mode, mtime
	if version >= 0x940 {
		p.skip(4)
	}
	p.skip(int64(p.u8())) // name
	p.skip(4)             // sum
	if flags&lzopExtra != 0 {
		p.skip(p.be32())
		p.skip(4)
	}
	if flags&(lzopAdlerData|lzopCRCData) == lzopAdlerData|lzopCRCData || flags&(lzopAdlerData|lzopCRCData) == 0 || flags&(lzopAdlerBlock|lzopCRCBlock) != 0 {
		p.fail("stream-damaged", "the kernel expects one checksum a block, that of the content (lzop without -F and -C)")
	}
	return flags
}

// lzopBlock is one block: size bytes at data that become content bytes.
type lzopBlock struct{ data, size, content int64 }

// lzopNext reads a block header; false is the end mark, or a failure. p is left
// at the data.
func lzopNext(p *picker, flags int64) (lzopBlock, bool) {
	b := lzopBlock{content: p.be32()}
	if b.content == 0 || p.err != nil {
		return b, false
	}
	b.size = p.be32()
	p.skip(4)
	if b.content > lzopBlockMax || b.size == 0 || b.size > b.content {
		p.fail("stream-damaged", "a block that lzop cannot have written")
	}
	b.data = p.pos
	return b, p.err == nil
}

// lzopFrame goes over header and blocks to the end mark.
func lzopFrame(p *picker) {
	flags := lzopHeader(p)
	for {
		b, ok := lzopNext(p, flags)
		if !ok {
			return
		}
		p.skip(b.size)
	}
}
