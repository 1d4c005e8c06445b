package compress

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/adler32"
	"hash/crc32"
	"io"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/fault"
)

// gzipReader reads deflated content and compares the trailer, which the kernel
// only skips.
type gzipReader struct {
	content io.Reader
	in      *bufio.Reader
	at      int64 // offset of the stream
	crc     uint32
	size    uint32
	err     error
}

func (g *gzipReader) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.content.Read(p)
	g.crc = crc32.Update(g.crc, crc32.IEEETable, p[:n])
	g.size += uint32(n)
	if errors.Is(err, io.EOF) {
		err = g.trailer()
	}
	if g.err = err; n > 0 {
		err = nil // what was read counts first
	}
	return n, err
}

// trailer returns io.EOF where all is well.
func (g *gzipReader) trailer() error {
	var t [gzipTrailer]byte
	if _, err := io.ReadFull(g.in, t[:]); err != nil {
		return io.ErrUnexpectedEOF
	}
	if binary.LittleEndian.Uint32(t[:]) != g.crc || binary.LittleEndian.Uint32(t[4:]) != g.size {
		return fault.New(Checksum, g.at, "the checksum of its content is wrong, which the kernel does not compare")
	}
	return io.EOF
}

// compare notes a block whose checksum is wrong. Whether it is Adler-32 or
// CRC-32 is in flags that the kernel does not read; either will do.
func (b *blocks) compare(block lzoBlock, content []byte) {
	if b.sum == nil && adler32.Checksum(content) != block.sum && crc32.ChecksumIEEE(content) != block.sum {
		b.sum = fault.New(Checksum, block.data, "the checksum of a block is wrong, which the kernel does not compare")
	}
}
