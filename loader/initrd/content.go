package initrd

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// A run is a sequence of bytes from one place. Without file and data it is zeros.
type run struct {
	start int64 // in the content
	size  int64
	file  *os.File
	off   int64
	data  []byte
	seen  stamp
	name  string
}

// content is a sequence of runs without gaps.
type content struct {
	runs []run
	size int64
}

func (c *content) add(s run) {
	if s.size == 0 {
		return
	}
	s.start = c.size
	c.runs = append(c.runs, s)
	c.size += s.size
}

// slice returns bytes from up to to, without copying any.
func (c content) slice(from, to int64) content {
	var out content
	for _, s := range c.runs {
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

func (c *content) join(d content) {
	for _, s := range d.runs {
		c.add(s)
	}
}

// find returns the index of the run that holds off.
func (c content) find(off int64) int {
	lo, hi := 0, len(c.runs)
	for lo < hi {
		mid := (lo + hi) / 2
		if c.runs[mid].start+c.runs[mid].size <= off {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// ReadAt implements io.ReaderAt over all runs.
func (c content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= c.size {
		return 0, io.EOF
	}
	n := 0
	for i := c.find(off); i < len(c.runs) && n < len(p); i++ {
		m, err := c.runs[i].readAt(p[n:], off+int64(n))
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

// readAt fills p from the content's offset off on, as far as the run goes.
func (s run) readAt(p []byte, off int64) (int, error) {
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
