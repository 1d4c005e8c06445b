package compress

import (
	"encoding/binary"
	"errors"

	"github.com/pierrec/lz4/v4"
)

const (
	// LZ4Magic begins a stream in the legacy format.
	LZ4Magic    = "\x02\x21\x4c\x18"
	lz4Block    = 8 << 20                      // content of one block of the legacy format
	lz4BlockMax = lz4Block + lz4Block/255 + 16 // LZ4_COMPRESSBOUND of it
)

// lz4Measure goes over the blocks of the legacy format: LE32 size and data. A
// size of 0 is the end and is left in place; one that equals the magic begins
// the next stream (lib/decompress_unlz4.c).
func lz4Measure(p *picker) {
	start := p.pos + int64(len(LZ4Magic))
	p.magic(LZ4Magic)
	for end := p.pos; ; end = p.pos {
		size := lz4Next(p)
		var f *Fault
		if errors.As(p.err, &f) && end > start {
			// What was decoded before is unpacked; what follows is no lz4.
			p.at(end, p.limit)
			return
		}
		if size == 0 || p.err != nil {
			return
		}
		if p.skip(size); p.err != nil {
			return
		}
	}
}

// lz4Next goes to the data of the next block and returns its size; 0 is the
// end, or a failure.
func lz4Next(p *picker) int64 {
	for p.err == nil && p.limit-p.pos >= 4 {
		switch size := p.le32(); {
		case size == 0:
			p.pos -= 4
			return 0
		case size == binary.LittleEndian.Uint32([]byte(LZ4Magic)):
		case size > lz4BlockMax:
			p.pos -= 4
			p.damaged("a block is larger than lz4 allows")
		default:
			return int64(size)
		}
	}
	return 0
}

// lz4Decode decodes one block into out, which has room for lz4Block bytes.
func lz4Decode(in, out []byte) ([]byte, error) {
	if !lz4Ends(in) {
		return nil, errLZ4End
	}
	n, err := lz4.UncompressBlock(in, out)
	return out[:max(0, n)], err
}

// lz4Ends reports whether a block ends as the format demands, which
// LZ4_decompress_safe insists on and the library does not: the last sequence is
// literals to the end of the block, and every sequence before it leaves 8 bytes
// after its literals.
func lz4Ends(b []byte) bool {
	for i := 0; i < len(b); {
		token := b[i]
		i++
		literals, next := lz4Length(b, i, int(token>>4))
		i = next + literals
		if i > len(b)-8 || next > len(b) {
			return i == len(b)
		}
		i += 2
		if _, i = lz4Length(b, i, int(token&15)); i > len(b)-5 {
			return false
		}
	}
	return false
}

// lz4Length reads a length that begins with n, and returns where it ends.
func lz4Length(b []byte, i, n int) (length, next int) {
	if n < 15 {
		return n, i
	}
	for ; i < len(b); i++ {
		n += int(b[i])
		if b[i] != 255 {
			return n, i + 1
		}
	}
	return n, len(b) + 1
}
