package initrd

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// xzReader decodes the blocks of one stream.
type xzReader struct {
	p   picker
	cur io.Reader
	b   xzBlock
	sum hash.Hash32
	n   int64
}

func (x *xzReader) Read(p []byte) (int, error) {
	for {
		if x.cur == nil {
			if err := x.open(); err != nil {
				return 0, err
			}
		}
		n, err := x.cur.Read(p)
		x.n += int64(n)
		if x.sum != nil {
			x.sum.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			x.cur, err = nil, x.closeBlock()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (x *xzReader) open() error {
	b, ok := xzNext(&x.p)
	switch {
	case x.p.err != nil:
		return x.p.err
	case !ok:
		return io.EOF
	case min(b.dict, b.content) > dictMax:
		return &unreadable{fmt.Sprintf("xz with a dictionary larger than %d MiB cannot be decoded here", dictMax>>20)}
	}
	x.p.pos = b.next
	x.b, x.n, x.sum = b, 0, nil
	if b.check == xzCRC32 {
		x.sum = crc32.NewIEEE()
	}
	chunks := bufio.NewReaderSize(io.NewSectionReader(x.p.r, b.data, b.size), plainChunk)
	r, err := b.unfiltered(newLZMA2(chunks, min(b.dict, b.content)))
	x.cur = r
	return err
}

func (x *xzReader) closeBlock() error {
	if x.n != x.b.content {
		return io.ErrUnexpectedEOF
	}
	if x.sum == nil {
		return nil
	}
	want := make([]byte, 4)
	if err := readFull(x.p.r, want, x.b.next-4); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(want) != x.sum.Sum32() {
		return errors.New("xz checksum mismatch")
	}
	return nil
}
