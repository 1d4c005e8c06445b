package cpio

import (
	"errors"
	"io"
	"math"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
)

const (
	cursorBuf = 32 << 10
	cursorMin = 4 << 10   // read of a file after a jump: a header or a few
	streamBuf = 128 << 10 // fewer and larger writes where a stream is kept
)

// A Cursor reads on, with a look ahead of up to cursorBuf bytes. What it skips
// in a file is not read; what it skips in a stream is thrown away.
type Cursor struct {
	ra   io.ReaderAt // a file of end bytes, or
	rd   io.Reader   // a stream that ends when it ends
	end  int64
	pos  int64
	buf  []byte // bytes at pos
	room []byte
	eof  bool  // stream: nothing comes after buf
	step int64 // of a file: how much the next read takes
}

// NewFileCursor reads a file from pos to end.
func NewFileCursor(r io.ReaderAt, pos, end int64) *Cursor {
	return &Cursor{ra: r, pos: pos, end: end, room: make([]byte, max(0, min(cursorBuf, end-pos))), step: cursorMin}
}

// NewStreamCursor reads a stream to its end.
func NewStreamCursor(r io.Reader) *Cursor {
	return &Cursor{rd: r, end: math.MaxInt64, room: make([]byte, streamBuf)}
}

// MoveTo goes to an offset of a file.
func (c *Cursor) MoveTo(off int64) {
	if ahead := off - c.pos; 0 <= ahead && ahead <= int64(len(c.buf)) {
		c.buf = c.buf[ahead:]
	} else {
		c.buf, c.step = nil, cursorMin
	}
	c.pos = off
}

// Reset goes to the beginning of another stream.
func (c *Cursor) Reset(r io.Reader) {
	c.rd, c.pos, c.buf, c.eof = r, 0, nil, false
}

// Pos is the present offset.
func (c *Cursor) Pos() int64 { return c.pos }

// Peek returns the next n bytes, fewer only at the end. They are valid until
// the next call. n is cursorBuf at most.
func (c *Cursor) Peek(n int) ([]byte, error) {
	if len(c.buf) < n {
		if err := c.fill(n); err != nil {
			return nil, err
		}
	}
	return c.buf[:min(n, len(c.buf))], nil
}

func (c *Cursor) fill(n int) error {
	if c.ra != nil {
		want := max(0, min(max(c.step, int64(n)), c.end-c.pos))
		c.step = min(2*c.step, cursorBuf)
		c.buf = c.room[:want]
		if err := readat.Full(c.ra, c.buf, c.pos); err != nil {
			c.buf = nil
			return err
		}
		return nil
	}
	have := copy(c.room, c.buf)
	for have < n && !c.eof {
		m, err := c.rd.Read(c.room[have:])
		have += m
		if errors.Is(err, io.EOF) {
			c.eof = true
		} else if err != nil {
			c.buf = c.room[:have]
			return err
		}
	}
	c.buf = c.room[:have]
	return nil
}

// skip goes n bytes on, or to the end, and returns how far it went.
func (c *Cursor) skip(n int64) (int64, error) {
	if k := int64(len(c.buf)); n <= k {
		c.buf = c.buf[n:]
		c.pos += n
		return n, nil
	}
	if c.ra != nil {
		n = min(n, c.end-c.pos)
		c.pos += n
		c.buf, c.step = nil, cursorMin
		return n, nil
	}
	done := int64(0)
	for done < n {
		b, err := c.Peek(1)
		if err != nil || len(b) == 0 {
			return done, err
		}
		m := min(n-done, int64(len(c.buf)))
		c.buf = c.buf[m:]
		c.pos += m
		done += m
	}
	return done, nil
}

// Zeros skips zero bytes and returns how many.
func (c *Cursor) Zeros() (int64, error) {
	total := int64(0)
	for {
		b, err := c.Peek(1)
		if err != nil || len(b) == 0 || b[0] != 0 {
			return total, err
		}
		n := 0
		for n < len(c.buf) && c.buf[n] == 0 {
			n++
		}
		c.buf = c.buf[n:]
		c.pos += int64(n)
		total += int64(n)
	}
}

// copyTo passes up to n bytes to w and returns how many there were.
func (c *Cursor) copyTo(w io.Writer, n int64) (int64, error) {
	done := int64(0)
	for done < n {
		b, err := c.Peek(int(min(n-done, cursorBuf)))
		if err != nil || len(b) == 0 {
			return done, err
		}
		m, err := w.Write(b)
		c.buf = c.buf[m:]
		c.pos += int64(m)
		done += int64(m)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
