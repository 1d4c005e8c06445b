package compress

// zstdWindowMax is ZSTD_WINDOWSIZE_MAX of lib/decompress_unzstd.c, bytes.
const zstdWindowMax = 1 << 27

// zstdMeasure goes over header and blocks of one frame (RFC 8878, 3.1.1).
func zstdMeasure(p *picker) {
	p.magic("\x28\xb5\x2f\xfd")
	d := p.u8()
	largest := min(zstdHeader(p, d), zstdBlockMax)
	for last := false; !last && p.err == nil; {
		b := p.bytes(3)
		h := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		last = h&1 != 0
		switch size := h >> 3; h >> 1 & 3 {
		case 3:
			p.damaged("a block of a reserved kind")
		default:
			if size > largest {
				p.damaged("a block is larger than zstd allows")
			}
			if h>>1&3 == 1 {
				size = 1 // one byte, repeated
			}
			p.skip(size)
		}
	}
	if d&4 != 0 {
		p.skip(4)
	}
}

// zstdBlockMax is how many bytes one block holds at most, where the window is not
// smaller.
const zstdBlockMax = 128 << 10

// zstdHeader goes over the header after its descriptor d, and returns how large
// the window is, bytes.
func zstdHeader(p *picker, d byte) int64 {
	single := d&0x20 != 0
	window := uint64(0)
	if !single {
		w := p.u8()
		base := uint64(1) << (10 + w>>3)
		window = base + base/8*uint64(w&7)
	}
	dictionary := uint64(0)
	for i := range []int{0, 1, 2, 4}[d&3] {
		dictionary |= uint64(p.u8()) << (8 * i)
	}
	content := zstdContent(p, d>>6, single)
	if single {
		window = content
	}
	switch {
	case d&8 != 0:
		p.damaged("a reserved bit of its header is set")
	case window > zstdWindowMax:
		p.fail(ZstdWindow, "zstd with a window of more than 128 MiB, which the kernel refuses")
	case dictionary != 0:
		p.damaged("it needs a dictionary")
	}
	return int64(min(window, zstdWindowMax))
}

// zstdContent reads the length of the content; 0 where it is not there.
func zstdContent(p *picker, flag byte, single bool) uint64 {
	switch {
	case flag == 0 && !single:
		return 0
	case flag == 0:
		return uint64(p.u8())
	case flag == 1:
		lo := uint64(p.u8())
		return lo + uint64(p.u8())<<8 + 256
	case flag == 2:
		return uint64(p.le32())
	}
	return p.le64()
}
