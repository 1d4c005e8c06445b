package initrd

import (
	"encoding/binary"
	"errors"
	"io"
)

// LZMA2 is decoded here, not by the library that reads lzma: for twice the
// speed, and because its window is never larger than what was decoded so far.
// Format: doc/xz-file-format.txt and doc/lzma-file-format.txt of XZ Utils.

var errLZMA2 = errors.New("damaged LZMA2 data")

const (
	lzma2Window = 64 << 10 // that a window begins with
	lzmaChunk   = 64 << 10 // most compressed bytes of one chunk
	lzmaSlack   = 32       // bytes behind a chunk that one symbol may reach: 21 at most
)

// An lzma2Reader decodes the chunks of one block.
type lzma2Reader struct {
	r     io.Reader
	win   window
	model *lzmaModel
	rc    rangeDecoder
	in    []byte // of the chunk, and slack
	head  [6]byte
	left  int  // bytes of content that the chunk has yet to give
	plain bool // the chunk is not compressed

	needDict, needProps bool
}

// newLZMA2 reads chunks from r. A window of dict bytes is as large as it gets.
func newLZMA2(r io.Reader, dict int64) *lzma2Reader {
	return &lzma2Reader{r: r, win: window{size: int(max(dict, lzma2Window))}, model: &lzmaModel{}, needDict: true, needProps: true}
}

func (l *lzma2Reader) Read(p []byte) (int, error) {
	for {
		if n := l.win.take(p); n > 0 || len(p) == 0 {
			return n, nil
		}
		if l.left == 0 {
			if err := l.chunk(); err != nil {
				return 0, err
			}
		}
		if err := l.decode(len(p)); err != nil {
			return 0, err
		}
	}
}

// chunk reads the header of the next chunk; io.EOF is the end mark.
func (l *lzma2Reader) chunk() error {
	if err := l.read(l.head[:1]); err != nil {
		return err
	}
	c := l.head[0]
	switch {
	case c == 0:
		return io.EOF
	case c == 1 || c >= 0xe0:
		l.win.reset()
		l.needDict = false
		l.needProps = l.needProps || c == 1
	case l.needDict:
		return errLZMA2
	}
	if c >= 0x80 {
		return l.packed(c)
	}
	if c > 2 {
		return errLZMA2
	}
	if err := l.read(l.head[:2]); err != nil {
		return err
	}
	l.left, l.plain = int(binary.BigEndian.Uint16(l.head[:]))+1, true
	return nil
}

// packed reads the rest of the header of a compressed chunk, and its bytes.
func (l *lzma2Reader) packed(c byte) error {
	if err := l.read(l.head[:4]); err != nil {
		return err
	}
	l.left, l.plain = int(c&0x1f)<<16+int(binary.BigEndian.Uint16(l.head[:]))+1, false
	size := int(binary.BigEndian.Uint16(l.head[2:])) + 1
	switch {
	case c >= 0xc0:
		if err := l.read(l.head[:1]); err != nil {
			return err
		}
		if !l.model.properties(l.head[0]) {
			return errLZMA2
		}
		l.needProps = false
		l.model.reset()
	case l.needProps:
		return errLZMA2
	case c >= 0xa0:
		l.model.reset()
	}
	if size < 5 {
		return errLZMA2
	}
	if l.in == nil {
		l.in = make([]byte, lzmaChunk+lzmaSlack)
	}
	l.in = l.in[:size+lzmaSlack]
	clear(l.in[size:])
	l.rc = rangeDecoder{rng: 1<<32 - 1, pos: 5}
	err := l.read(l.in[:size])
	l.rc.code = binary.BigEndian.Uint32(l.in[1:])
	return err
}

func (l *lzma2Reader) read(p []byte) error {
	_, err := io.ReadFull(l.r, p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// decode adds up to n bytes to the window.
func (l *lzma2Reader) decode(n int) error {
	n = l.win.room(min(n, l.left))
	l.left -= n
	if l.plain {
		return l.win.fill(l.r, n)
	}
	var ok bool
	l.rc, ok = l.model.decode(l.rc, l.in, &l.win, n)
	if !ok {
		return errLZMA2
	}
	if l.left > 0 {
		return nil
	}
	l.rc = l.rc.norm(l.in)
	if l.rc.pos != len(l.in)-lzmaSlack || l.rc.code != 0 || l.model.pending > 0 {
		return errLZMA2
	}
	return nil
}

// A window is the last content that was decoded, as a ring.
type window struct {
	size  int // that buf may grow to
	buf   []byte
	pos   int    // where the next byte goes
	taken int    // everything in front of it was read
	full  int    // bytes that may be repeated
	total uint32 // bytes since the last reset
}

func (w *window) reset() { w.full, w.total = 0, 0 }

// room makes room for up to n bytes behind pos and tells how many. What is in
// front of pos has been taken.
func (w *window) room(n int) int {
	if w.pos == len(w.buf) {
		switch {
		case w.pos < w.size:
			bigger := make([]byte, min(w.size, max(lzma2Window, 2*w.pos)))
			copy(bigger, w.buf)
			w.buf = bigger
		default:
			w.pos = 0
		}
		w.taken = w.pos
	}
	return min(n, len(w.buf)-w.pos)
}

func (w *window) take(p []byte) int {
	n := copy(p, w.buf[w.taken:w.pos])
	w.taken += n
	return n
}

// advance notes n bytes that were put behind pos.
func (w *window) advance(n int) {
	w.pos += n
	w.total += uint32(n)
	w.full = min(w.full+n, len(w.buf))
}

func (w *window) fill(r io.Reader, n int) error {
	_, err := io.ReadFull(r, w.buf[w.pos:w.pos+n])
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	w.advance(n)
	return nil
}

// repeat copies n bytes from dist+1 bytes before pos. There is room for them.
func (w *window) repeat(dist uint32, n int) bool {
	if int64(dist) >= int64(w.full) {
		return false
	}
	pos, from := w.pos, w.pos-int(dist)-1
	w.advance(n)
	if from < 0 {
		from += len(w.buf)
	}
	for n > 0 {
		c := 0
		if from < pos {
			c = copy(w.buf[pos:pos+n], w.buf[from:pos]) // and the copy itself, once more
		} else {
			c = copy(w.buf[pos:pos+n], w.buf[from:])
			if from += c; from == len(w.buf) {
				from = 0
			}
		}
		pos += c
		n -= c
	}
	return true
}

// at is the byte dist+1 before pos; 0 where there is none.
func (w *window) at(dist uint32) byte {
	if int64(dist) >= int64(w.full) {
		return 0
	}
	i := w.pos - int(dist) - 1
	if i < 0 {
		i += len(w.buf)
	}
	return w.buf[i]
}
