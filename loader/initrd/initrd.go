// Package initrd makes one blob of several initrd images, and looks at such a
// blob with the eyes of the kernel that will unpack it.
//
// The kernel drops what it does not understand and boots on, so a bad join is
// silent loss of data; Walk finds out beforehand. The rules come from the
// kernel's init/initramfs.c and lib/earlycpio.c, from
// Documentation/driver-api/early-userspace/buffer-format.rst, and from what
// systemd-boot and systemd-stub 262 do with several images.
package initrd

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// MaxSize is the largest blob in bytes: the boot protocols carry its length in
// 32 bits.
const MaxSize = 1<<32 - 1

// A Member is one piece of the blob: an initrd file, a section of a PE image,
// or a generated archive. The zero value is an empty member and is left out of
// a join.
type Member struct {
	Name  string // origin, for messages: a path, "img.efi: .initrd"
	Parts []Part // content, in order
}

// A Part is a run of bytes from a file, or from memory, and zeros after it.
type Part struct {
	File   *os.File // nil: the bytes are Data; never closed here
	Offset int64    // in File, bytes
	Size   int64    // bytes taken from File
	Data   []byte   // small generated content, used where File is nil
	Zeros  int64    // zero bytes that follow: a PE section whose VirtualSize exceeds its raw data

	seen stamp // of File when its length was taken; zero: taken when the join starts
}

// FileMember returns the whole of f as a member. A directory, a device or a
// pipe is an error. The caller keeps f open until the join is done, and closes
// it; a change of the file between now and then fails the join.
func FileMember(name string, f *os.File) (Member, error) {
	st, err := f.Stat()
	if err != nil {
		return Member{}, fmt.Errorf("%s: %w", name, err)
	}
	if !st.Mode().IsRegular() {
		return Member{}, fmt.Errorf("%s: is not a regular file", name)
	}
	p := Part{File: f, Size: st.Size(), seen: stampOf(st)}
	return Member{Name: name, Parts: []Part{p}}, nil
}

// Size is the length of the member in bytes.
func (m Member) Size() int64 {
	var n int64
	for _, p := range m.Parts {
		n += p.length()
	}
	return n
}

func (p Part) length() int64 {
	if p.File == nil {
		return int64(len(p.Data)) + p.Zeros
	}
	return p.Size + p.Zeros
}

// check refuses numbers that no file can have, so that sums below cannot
// overflow.
func (p Part) check() error {
	if p.Offset < 0 || p.Size < 0 || p.Zeros < 0 || p.Offset > MaxSize*4 || p.Size > MaxSize || p.Zeros > MaxSize {
		return errors.New("offset or length out of range, 4 GiB at most")
	}
	return nil
}

// content checks the parts and lines them up.
func (m Member) content() (content, error) {
	var c content
	for _, p := range m.Parts {
		if err := p.check(); err != nil {
			return content{}, fmt.Errorf("%s: %w", m.Name, err)
		}
		if p.File != nil {
			c.add(segment{size: p.Size, file: p.File, off: p.Offset, seen: p.seen, name: m.Name})
		} else {
			c.add(segment{size: int64(len(p.Data)), data: p.Data, name: m.Name})
		}
		c.add(segment{size: p.Zeros, name: m.Name})
		if c.size > MaxSize {
			return content{}, fmt.Errorf("%s: larger than 4 GiB", m.Name)
		}
	}
	return c, nil
}

// A segment is a run of bytes from one place. Without file and data it is zeros.
type segment struct {
	start int64 // in the content
	size  int64
	file  *os.File
	off   int64
	data  []byte
	seen  stamp
	name  string
}

// content is a sequence of segments without gaps.
type content struct {
	segs []segment
	size int64
}

func (c *content) add(s segment) {
	if s.size == 0 {
		return
	}
	s.start = c.size
	c.segs = append(c.segs, s)
	c.size += s.size
}

// slice returns bytes from up to to, without copying any.
func (c content) slice(from, to int64) content {
	var out content
	for _, s := range c.segs {
		a, b := max(from, s.start), min(to, s.start+s.size)
		if a >= b {
			continue
		}
		cut := s
		cut.size, cut.off = b-a, s.off+a-s.start
		if s.data != nil {
			cut.data = s.data[a-s.start : b-s.start]
		}
		out.add(cut)
	}
	return out
}

func (c *content) append(d content) {
	for _, s := range d.segs {
		c.add(s)
	}
}

// find returns the index of the segment that holds off.
func (c content) find(off int64) int {
	lo, hi := 0, len(c.segs)
	for lo < hi {
		mid := (lo + hi) / 2
		if c.segs[mid].start+c.segs[mid].size <= off {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// ReadAt implements io.ReaderAt over all segments.
func (c content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= c.size {
		return 0, io.EOF
	}
	n := 0
	for i := c.find(off); i < len(c.segs) && n < len(p); i++ {
		m, err := c.segs[i].readAt(p[n:], off+int64(n))
		n += m
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readAt fills p from the content's offset off on, as far as the segment goes.
func (s segment) readAt(p []byte, off int64) (int, error) {
	at := off - s.start
	p = p[:min(int64(len(p)), s.size-at)]
	switch {
	case s.file != nil:
		n, err := s.file.ReadAt(p, s.off+at)
		if n < len(p) && (err == nil || errors.Is(err, io.EOF)) {
			err = fmt.Errorf("%s: shorter than expected: %w", s.name, io.ErrUnexpectedEOF)
		}
		if n == len(p) {
			err = nil
		}
		return n, err
	case s.data != nil:
		return copy(p, s.data[at:]), nil
	}
	clear(p)
	return len(p), nil
}
