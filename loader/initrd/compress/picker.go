package compress

import (
	"encoding/binary"
	"io"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/fault"
	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// A picker reads small fixed fields, and remembers the first failure: after
// it, and past limit, every read is zero.
type picker struct {
	r      io.ReaderAt
	pos    int64
	limit  int64
	err    error
	window []byte
	from   int64 // offset of window
	zero   [16]byte
}

const pickerWindow = 4 << 10

// at goes to the stream at off in an image that ends at limit.
func (p *picker) at(off, limit int64) {
	p.pos, p.limit, p.err = off, limit, nil
}

// bytes returns n bytes, 16 at most, that are valid until the next call.
func (p *picker) bytes(n int) []byte {
	if p.err == nil && int64(n) > p.limit-p.pos {
		p.err = io.ErrUnexpectedEOF
	}
	if p.err == nil && (p.pos < p.from || p.pos+int64(n) > p.from+int64(len(p.window))) {
		p.fill()
	}
	if p.err != nil {
		p.zero = [16]byte{}
		return p.zero[:n]
	}
	b := p.window[p.pos-p.from:][:n]
	p.pos += int64(n)
	return b
}

func (p *picker) fill() {
	if p.window == nil {
		p.window = make([]byte, 0, pickerWindow)
	}
	p.from = p.pos
	p.window = p.window[:min(pickerWindow, p.limit-p.pos)]
	if p.err = readat.Full(p.r, p.window, p.pos); p.err != nil {
		p.window = p.window[:0]
	}
}

func (p *picker) u8() byte     { return p.bytes(1)[0] }
func (p *picker) be16() int64  { return int64(binary.BigEndian.Uint16(p.bytes(2))) }
func (p *picker) be32() int64  { return int64(binary.BigEndian.Uint32(p.bytes(4))) }
func (p *picker) le32() uint32 { return binary.LittleEndian.Uint32(p.bytes(4)) }
func (p *picker) le64() uint64 { return binary.LittleEndian.Uint64(p.bytes(8)) }

// skip goes over n bytes that need not be read.
func (p *picker) skip(n int64) {
	if p.err == nil && (n < 0 || n > p.limit-p.pos) {
		p.err = io.ErrUnexpectedEOF
	}
	if p.err == nil {
		p.pos += n
	}
}

// zeros goes over n bytes that have to be zero.
func (p *picker) zeros(n int64, what string) {
	for range n {
		if p.u8() != 0 {
			p.damaged("%s is not zero", what)
		}
	}
}

// magic goes over bytes that are given. A picker that reads a stream without
// them fails.
func (p *picker) magic(want string) {
	if string(p.bytes(len(want))) != want {
		p.damaged("its magic number is damaged")
	}
}

func (p *picker) damaged(format string, args ...any) { p.fail(Damaged, format, args...) }

func (p *picker) fail(id finding.ID, format string, args ...any) {
	if p.err == nil {
		p.err = fault.New(id, p.pos, format, args...)
	}
}
