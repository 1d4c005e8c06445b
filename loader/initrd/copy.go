package initrd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	copyChunk  = 8 << 20  // bytes between two looks at the clock
	plainChunk = 64 << 10 // buffer of the plain fallback
)

// A stamp shows whether a file changed between two looks at it.
type stamp struct {
	size  int64
	mtime time.Time
}

func stampOf(fi fs.FileInfo) stamp { return stamp{fi.Size(), fi.ModTime()} }

// A copyFunc moves up to n bytes of src from off on to the position of dst and
// returns how many it moved.
type copyFunc func(dst, src *os.File, off int64, n int) (int, error)

// A copier writes to the position of dst. The bytes of files do not pass
// through our heap where the kernel can copy them itself.
type copier struct {
	dst     *os.File
	ways    []copyFunc // tried in order, from the first that worked last
	buf     []byte     // of the plain way; and zeros
	tick    *progress
	regular bool // dst can have holes
}

func newCopier(dst *os.File, tick *progress) *copier {
	c := &copier{dst: dst, tick: tick}
	c.ways = []copyFunc{copyFileRange, sendfile, c.plain}
	if st, err := dst.Stat(); err == nil {
		c.regular = st.Mode().IsRegular()
	}
	return c
}

func copyFileRange(dst, src *os.File, off int64, n int) (int, error) {
	return unix.CopyFileRange(int(src.Fd()), &off, int(dst.Fd()), nil, n, 0)
}

func sendfile(dst, src *os.File, off int64, n int) (int, error) {
	return unix.Sendfile(int(dst.Fd()), int(src.Fd()), &off, n)
}

// plain reads and writes through a small buffer; it works everywhere.
func (c *copier) plain(dst, src *os.File, off int64, n int) (int, error) {
	if c.buf == nil {
		c.buf = make([]byte, plainChunk)
	}
	got, err := src.ReadAt(c.buf[:min(n, plainChunk)], off)
	if got == 0 {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return 0, err
	}
	return dst.Write(c.buf[:got])
}

// copyRange copies size bytes of src from off on. It fails when there are fewer.
func (c *copier) copyRange(src *os.File, off, size int64) error {
	ways := c.ways
	for left := size; left > 0; {
		n, err := ways[0](c.dst, src, off, int(min(left, copyChunk)))
		switch {
		case errors.Is(err, unix.EINTR):
		case (n <= 0 || err != nil) && len(ways) > 1 && otherWay(err):
			// A pseudo file reads as empty here but not with read(2), so
			// nothing copied is no proof that the file is at its end.
			ways = ways[1:]
		case err != nil:
			return err
		case n <= 0:
			return fmt.Errorf("%w: got %d of %d bytes", errChanged, size-left, size)
		default:
			off += int64(n)
			left -= int64(n)
			c.tick.add(int64(n))
		}
	}
	return nil
}

// otherWay reports whether err means that this way of copying does not work
// between these two files: another file system (EXDEV), no support (EINVAL,
// EOPNOTSUPP, ENOSYS), a destination opened for appending (EBADF), a swap file
// (ETXTBSY), a filter (EPERM).
func otherWay(err error) bool {
	if err == nil {
		return true
	}
	for _, e := range []error{unix.EXDEV, unix.EINVAL, unix.EOPNOTSUPP, unix.ENOSYS, unix.EBADF, unix.ETXTBSY, unix.EPERM, unix.EOVERFLOW} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// zeros writes n zero bytes, or a hole where there are many and dst can have one.
func (c *copier) zeros(n int64) error {
	if n >= plainChunk && c.regular {
		return c.hole(n)
	}
	z := make([]byte, min(n, plainChunk))
	for n > 0 {
		m, err := c.dst.Write(z[:min(n, int64(len(z)))])
		if err != nil {
			return err
		}
		n -= int64(m)
		c.tick.add(int64(m))
	}
	return nil
}

func (c *copier) hole(n int64) error {
	end, err := c.dst.Seek(n, io.SeekCurrent)
	if err != nil {
		return err
	}
	c.tick.add(n)
	return c.dst.Truncate(end)
}

// run writes one run of bytes. A file that is not what it was is an error.
func (c *copier) run(s run) error {
	switch {
	case s.file != nil:
		return c.file(s)
	case s.data != nil:
		n, err := c.dst.Write(s.data)
		c.tick.add(int64(n))
		return err
	}
	return c.zeros(s.size)
}

func (c *copier) file(s run) error {
	before, err := s.file.Stat()
	if err != nil {
		return err
	}
	seen := s.seen
	if seen == (stamp{}) {
		seen = stampOf(before)
	}
	if s.off+s.size > seen.size {
		return fmt.Errorf("%w: ends at %d, expected %d bytes", errChanged, seen.size, s.off+s.size)
	}
	if err := c.copyRange(s.file, s.off, s.size); err != nil {
		return err
	}
	after, err := s.file.Stat()
	if err != nil {
		return err
	}
	if stampOf(before) != seen || stampOf(after) != seen {
		return fmt.Errorf("%w: %d bytes before, %d after", errChanged, seen.size, after.Size())
	}
	return nil
}

// progress calls fn at most ten times a second, and once at the end. Several
// goroutines may add to it; nil is fine.
type progress struct {
	fn    func(done, total int64)
	total int64

	mu   sync.Mutex
	done int64
	last time.Time
}

func (p *progress) add(n int64) {
	if p == nil || p.fn == nil || n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if now := time.Now(); now.Sub(p.last) >= 100*time.Millisecond || p.done == p.total {
		p.last = now
		p.fn(p.done, p.total)
	}
}

// content writes all runs.
func (c *copier) content(from content) error {
	for _, s := range from.runs {
		if err := c.run(s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}
