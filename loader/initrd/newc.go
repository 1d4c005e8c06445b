package initrd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	newcHeader = 110  // magic and 13 fields of 8 hex digits
	pathMax    = 4096 // longest name and link target, the final NUL included
	trailer    = "TRAILER!!!"
)

// An Entry is one file in an archive.
type Entry struct {
	Path      string // as stored: may begin with "./" or "/"
	Mode      uint32 // type and permissions as in st_mode
	UID, GID  uint32
	MTime     int64  // seconds since 1970
	Size      int64  // bytes of content
	Link      string // target of a symbolic link
	RdevMajor uint32 // of a device node
	RdevMinor uint32
	NLink     uint32 // from 2 on, Ino and device tell which entries are one file
	Ino       uint32
	DevMajor  uint32
	DevMinor  uint32
}

func (e Entry) kind() uint32 { return e.Mode & unix.S_IFMT }

// linkable tells whether the kernel makes hard links of entries of this type.
func (e Entry) linkable() bool {
	return e.kind() != unix.S_IFDIR && e.kind() != unix.S_IFLNK
}

// errForeign is the end of an archive: something that is not an archive follows.
var errForeign = errors.New("not a cpio archive")

// A fault is what the kernel would stumble over.
type fault struct {
	id   string
	at   int64 // where, in the file or stream that is read
	text string
}

func (f *fault) Error() string { return f.text }

// A scanner reads the headers of newc archives as the kernel's unpacker does:
// one archive after the other, zeros between, as long as it is cpio.
type scanner struct {
	c     *cursor
	limit func(off int64) int64 // the end of the image that off is in; nil: none
	after int64                 // where the header behind the current entry may begin
	left  int64                 // content of the current entry not yet read
	start int64                 // offset of the current header
	bound int64
	crc   bool
	check uint32
	e     Entry
}

// next finds the next header. It returns io.EOF behind the last, errForeign
// where something else follows, a *fault where the kernel would stop or skip,
// or the error of the reader.
func (s *scanner) next() error {
	if err := s.finish(); err != nil {
		return err
	}
	if _, err := s.c.zeros(); err != nil {
		return err
	}
	s.start = s.c.pos
	h, err := s.c.peek(newcHeader)
	switch {
	case err != nil:
		return err
	case len(h) == 0:
		return io.EOF
	case s.after > 0 && s.start%4 != 0:
		return s.fault("cpio-misaligned", "what follows the archive is not at a multiple of 4")
	case h[0] != '0':
		return errForeign
	}
	s.bound = s.c.end
	if s.limit != nil {
		s.bound = s.limit(s.start)
	}
	if s.start+newcHeader > s.bound || len(h) < newcHeader {
		return s.fault("cpio-truncated", "the archive ends inside a header")
	}
	return s.header(h)
}

func (s *scanner) fault(id, format string, a ...any) *fault {
	return &fault{id: id, at: s.start, text: fmt.Sprintf(format, a...)}
}

// finish goes to the end of the current entry.
func (s *scanner) finish() error {
	if s.left > 0 {
		n, err := s.c.skip(s.left)
		if err != nil {
			return err
		}
		if n < s.left {
			return s.truncated()
		}
		s.left = 0
	}
	_, err := s.c.skip(max(0, s.after-s.c.pos))
	return err
}

func (s *scanner) truncated() *fault {
	return s.fault("cpio-truncated", "the archive ends inside %q", clip(s.e.Path))
}

func (s *scanner) header(h []byte) error {
	switch string(h[:6]) {
	case "070701":
		s.crc = false
	case "070702":
		s.crc = true
	case "070707":
		return s.fault("cpio-odc", "an archive in the old portable format (odc), which the kernel refuses")
	default:
		return s.fault("cpio-magic", "no cpio magic where a header should begin")
	}
	var f [13]uint32
	for i := range f {
		v, ok := hex8(h[6+8*i:])
		if !ok {
			return s.fault("cpio-header", "a header field is not a number")
		}
		f[i] = v
	}
	s.check = f[12]
	s.e = Entry{
		Ino: f[0], Mode: f[1], UID: f[2], GID: f[3], NLink: f[4], MTime: int64(f[5]), Size: int64(f[6]),
		DevMajor: f[7], DevMinor: f[8], RdevMajor: f[9], RdevMinor: f[10],
	}
	return s.name(int64(f[11]))
}

// name reads the name behind the header, then decides where the next is.
func (s *scanner) name(size int64) error {
	body := align4(s.start + newcHeader + size)
	s.after = align4(body + s.e.Size)
	if size == 0 || size > pathMax {
		return s.skipped(body, "a name of %d bytes", size)
	}
	if s.start+newcHeader+size > s.bound {
		return s.fault("cpio-truncated", "the archive ends inside a name")
	}
	b, err := s.c.peek(int(newcHeader + size))
	if err != nil {
		return err
	}
	if int64(len(b)) < newcHeader+size {
		return s.fault("cpio-truncated", "the archive ends inside a name")
	}
	b = b[newcHeader:]
	if b[size-1] != 0 {
		return s.fault("cpio-header", "a name without its final NUL")
	}
	s.e.Path = string(b[:bytes.IndexByte(b, 0)])
	return s.content(body)
}

// skipped is a fault that the kernel gets over: it leaves the entry out.
func (s *scanner) skipped(body int64, format string, a ...any) error {
	f := s.fault("cpio-skipped", format, a...)
	f.text += "; the kernel leaves the entry out"
	s.left = s.e.Size
	if body+s.e.Size > s.bound {
		return s.truncated()
	}
	if _, err := s.c.skip(body - s.c.pos); err != nil {
		return err
	}
	return f
}

func (s *scanner) content(body int64) error {
	if body+s.e.Size > s.bound && s.e.Size > 0 {
		return s.truncated()
	}
	kind := s.e.kind()
	if kind != unix.S_IFREG && kind != unix.S_IFLNK && s.e.Size > 0 {
		return s.skipped(body, "%q is no file but has content", clip(s.e.Path))
	}
	if kind == unix.S_IFLNK && s.e.Size > pathMax {
		return s.skipped(body, "%q: a link target of %d bytes", clip(s.e.Path), s.e.Size)
	}
	if _, err := s.c.skip(body - s.c.pos); err != nil {
		return err
	}
	s.left = s.e.Size
	if kind == unix.S_IFLNK {
		return s.link()
	}
	return nil
}

func (s *scanner) link() error {
	var b strings.Builder
	if err := s.body(&b); err != nil {
		return err
	}
	s.e.Link, _, _ = strings.Cut(b.String(), "\x00")
	return nil
}

// body hands the content of the current entry to w.
func (s *scanner) body(w io.Writer) error {
	n, err := s.c.copyTo(w, s.left)
	s.left -= n
	if err == nil && s.left > 0 {
		err = s.truncated()
	}
	return err
}

// verify reads the content of the current entry and compares its sum.
func (s *scanner) verify() error {
	if !s.crc || s.e.kind() != unix.S_IFREG {
		return nil
	}
	var sum summer
	if err := s.body(&sum); err != nil {
		return err
	}
	if uint32(sum) != s.check {
		return s.fault("cpio-checksum", "the checksum of %q is wrong", clip(s.e.Path))
	}
	return nil
}

func (s *scanner) trailer() bool { return s.e.Path == trailer && s.e.kind() != unix.S_IFLNK }

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

// clip shortens a name from a file for a message.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}
