package cpio

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/fault"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// ErrForeign is the end of an archive: something that is not an archive follows.
var ErrForeign = errors.New("not a cpio archive")

// A Reader reads the headers of newc archives as the kernel's unpacker does:
// one archive after the other, zeros between, as long as it is cpio.
type Reader struct {
	Entry Entry // the current one
	Start int64 // offset of its header
	After int64 // where the next header may begin

	c     *Cursor
	limit func(off int64) int64
	left  int64 // content of the current entry not yet read
	bound int64
	crc   bool
	check uint32
}

// NewReader returns a reader of what follows c. limit, if not nil, returns the
// end of the image that an offset is in; no entry may reach beyond it.
func NewReader(c *Cursor, limit func(off int64) int64) *Reader {
	return &Reader{c: c, limit: limit}
}

// Bound is the end of the image that the current entry is in.
func (r *Reader) Bound() int64 { return r.bound }

// Offset is where the content of the current entry begins, until it is read.
func (r *Reader) Offset() int64 { return r.c.pos }

// Next finds the next header. It returns io.EOF after the last, ErrForeign
// where something else follows, a *Fault where the kernel would stop or skip,
// or the error of the reader.
func (r *Reader) Next() error {
	if err := r.finish(); err != nil {
		return err
	}
	if _, err := r.c.Zeros(); err != nil {
		return err
	}
	r.Start = r.c.pos
	h, err := r.c.Peek(HeaderSize)
	switch {
	case err != nil:
		return err
	case len(h) == 0:
		return io.EOF
	case r.Start%4 != 0:
		return r.fault(Misaligned, "what follows the archive is not at a multiple of 4")
	case h[0] != '0':
		return ErrForeign
	}
	r.bound = r.c.end
	if r.limit != nil {
		r.bound = r.limit(r.Start)
	}
	if r.Start+HeaderSize > r.bound || len(h) < HeaderSize {
		return r.fault(Truncated, "the archive ends inside a header")
	}
	return r.header(h)
}

func (r *Reader) fault(id finding.ID, format string, args ...any) *Fault {
	return fault.New(id, r.Start, format, args...)
}

// finish goes to the end of the current entry.
func (r *Reader) finish() error {
	if r.left > 0 {
		n, err := r.c.skip(r.left)
		if err != nil {
			return err
		}
		if n < r.left {
			return r.truncated()
		}
		r.left = 0
	}
	padding := max(0, r.After-r.c.pos)
	n, err := r.c.skip(padding)
	if err == nil && n < padding && r.c.rd != nil {
		return r.fault(Padding, "the zeros after %q are missing", Clip(r.Entry.Path))
	}
	return err
}

func (r *Reader) truncated() *Fault {
	return r.fault(Truncated, "the archive ends inside %q", Clip(r.Entry.Path))
}

func (r *Reader) header(h []byte) error {
	switch string(h[:6]) {
	case "070701":
		r.crc = false
	case "070702":
		r.crc = true
	case "070707":
		return r.fault(ODC, "an archive in the old portable format (odc), which the kernel refuses")
	default:
		return r.fault(Magic, "no cpio magic where a header should begin")
	}
	f, ok := fields(h)
	if !ok {
		return r.fault(Header, "a header field is not a number")
	}
	r.check = f[12]
	r.Entry = Entry{
		Ino: f[0], Mode: f[1], UID: f[2], GID: f[3], NLink: f[4], MTime: int64(f[5]), Size: int64(f[6]),
		DevMajor: f[7], DevMinor: f[8], RdevMajor: f[9], RdevMinor: f[10],
	}
	return r.name(int64(f[11]))
}

// name reads the name after the header, then decides where the next is.
func (r *Reader) name(size int64) error {
	body := Align(r.Start + HeaderSize + size)
	r.After = Align(body + r.Entry.Size)
	if size == 0 || size > PathMax {
		return r.skipped(body, "a name of %d bytes", size)
	}
	if r.Start+HeaderSize+size > r.bound {
		return r.fault(Truncated, "the archive ends inside a name")
	}
	b, err := r.c.Peek(int(body - r.Start))
	if err != nil {
		return err
	}
	if int64(len(b)) < HeaderSize+size {
		return r.fault(Truncated, "the archive ends inside a name")
	}
	whole := int64(len(b)) == body-r.Start
	b = b[HeaderSize:]
	if b[size-1] != 0 {
		return r.fault(Header, "a name without its final NUL")
	}
	r.Entry.Path = string(b[:bytes.IndexByte(b, 0)])
	if !whole && (r.c.rd != nil || !r.Trailer()) {
		// The kernel looks at a name once it has the zeros after it.
		return r.fault(Truncated, "the archive ends inside the zeros after the name %q", Clip(r.Entry.Path))
	}
	return r.content(body)
}

// skipped is a fault that the kernel gets over: it leaves the entry out.
func (r *Reader) skipped(body int64, format string, args ...any) error {
	f := r.fault(Skipped, format, args...)
	f.Text += "; the kernel leaves the entry out"
	r.left = r.Entry.Size
	if body+r.Entry.Size > r.bound {
		return r.truncated()
	}
	if _, err := r.c.skip(body - r.c.pos); err != nil {
		return err
	}
	return f
}

func (r *Reader) content(body int64) error {
	if body+r.Entry.Size > r.bound && r.Entry.Size > 0 {
		return r.truncated()
	}
	kind := r.Entry.Kind()
	if kind != unix.S_IFREG && kind != unix.S_IFLNK && r.Entry.Size > 0 {
		return r.skipped(body, "%q is no file but has content", Clip(r.Entry.Path))
	}
	if kind == unix.S_IFLNK && r.Entry.Size > PathMax {
		return r.skipped(body, "%q: a link target of %d bytes", Clip(r.Entry.Path), r.Entry.Size)
	}
	if _, err := r.c.skip(body - r.c.pos); err != nil {
		return err
	}
	r.left = r.Entry.Size
	if kind == unix.S_IFLNK {
		return r.link()
	}
	return nil
}

func (r *Reader) link() error {
	var b strings.Builder
	if err := r.body(&b); err != nil {
		return err
	}
	r.Entry.Link, _, _ = strings.Cut(b.String(), "\x00")
	return nil
}

// Peek returns the content of the current entry without reading on; of one that is
// larger than limit or than the look ahead, only its beginning. It is valid until
// the next call.
func (r *Reader) Peek(limit int64) ([]byte, error) {
	return r.c.Peek(int(min(r.left, limit, int64(len(r.c.room)))))
}

// body hands the content of the current entry to w.
func (r *Reader) body(w io.Writer) error {
	n, err := r.c.copyTo(w, r.left)
	r.left -= n
	if err == nil && r.left > 0 {
		err = r.truncated()
	}
	return err
}

// Verify reads the content of the current entry and compares its sum.
func (r *Reader) Verify() error {
	if !r.crc || r.Entry.Kind() != unix.S_IFREG {
		return nil
	}
	var sum Sum
	if err := r.body(&sum); err != nil {
		return err
	}
	if uint32(sum) != r.check {
		return r.fault(Checksum, "the checksum of %q is wrong", Clip(r.Entry.Path))
	}
	return nil
}

// Trailer reports whether the current entry is the trailer of an archive.
func (r *Reader) Trailer() bool {
	return r.Entry.Path == TrailerName && r.Entry.Kind() != unix.S_IFLNK
}

// hex8 reads eight hex digits of either case.
func hex8(b []byte) (uint32, bool) {
	var v uint32
	for _, c := range b[:8] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		v = v<<4 | uint32(c)
	}
	return v, true
}

// fields reads the numbers of a header.
func fields(h []byte) (f [13]uint32, ok bool) {
	for i := range f {
		if f[i], ok = hex8(h[6+8*i:]); !ok {
			return f, false
		}
	}
	return f, true
}

// IsHeader reports whether b begins with the header of an entry.
func IsHeader(b []byte) bool {
	if len(b) < HeaderSize || string(b[:6]) != "070701" && string(b[:6]) != "070702" {
		return false
	}
	_, ok := fields(b)
	return ok
}
