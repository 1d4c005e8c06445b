package compress

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"io"
)

func (s *Scanner) openBzip2(st Stream) (io.Reader, error) {
	level, err := s.dec.in.Peek(4)
	if err != nil {
		return nil, err
	}
	if err := s.allocate(st, int64(level[3]-'0')*400_000); err != nil {
		return nil, err
	}
	return bzip2.NewReader(&bzip2Input{in: s.dec.in, p: &s.p, st: st}), nil
}

// A bzip2Input feeds the decoder one stream: the library would look for another
// stream after it, the kernel does not. The tables of each block are checked as
// it begins.
type bzip2Input struct {
	in   *bufio.Reader
	p    *picker
	st   Stream
	n    int64
	last [11]byte
}

// ReadByte returns io.EOF after the end of the stream.
func (b *bzip2Input) ReadByte() (byte, error) {
	if _, ok := bzip2Find(b.last[:], bzip2End, 32); ok {
		return 0, io.EOF
	}
	if spare, ok := bzip2Find(b.last[:], bzip2Block, 0); ok && b.n > 10 {
		if err := b.check(spare); err != nil {
			return 0, err
		}
	}
	c, err := b.in.ReadByte()
	if err == nil {
		b.n++
		copy(b.last[:], b.last[1:])
		b.last[len(b.last)-1] = c
	}
	return c, err
}

// Read is for io.Reader; the decoder reads single bytes.
func (b *bzip2Input) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := b.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// check looks at the tables of a block whose magic ends spare bits before the
// present place.
func (b *bzip2Input) check(spare uint) error {
	b.p.at(b.st.Offset+b.n, b.st.End)
	r := &bits{picker: b.p, left: spare, last: b.last[len(b.last)-1]}
	r.block()
	return b.p.err
}

// bzip2Find looks for 48 bits of magic that are followed by n more bits and at
// most 7 that belong to what comes next, at the end of the last bytes read.
func bzip2Find(last []byte, magic uint64, n uint) (spare uint, ok bool) {
	hi := uint64(last[0])<<16 | uint64(last[1])<<8 | uint64(last[2])
	lo := binary.BigEndian.Uint64(last[3:])
	for spare := range uint(8) {
		shift := n + spare
		v := lo >> shift
		if shift > 0 {
			v |= hi << (64 - shift)
		}
		if v&bzip2Magics == magic {
			return spare, true
		}
	}
	return 0, false
}
