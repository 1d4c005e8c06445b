package compress

import (
	"errors"
	"fmt"
	"io"
)

// ErrLimit is wrapped in the error for content that unpacks to more than was
// allowed.
var ErrLimit = errors.New("unpacks to more than the limit")

// Decompress writes what one compressed stream at the start of r, which has
// size bytes, unpacks to, and returns how many bytes were written. More than
// limit bytes are ErrLimit; what follows the stream is left alone. On an error
// what was written is of no use.
func Decompress(dst io.Writer, f Format, r io.ReaderAt, size, limit int64) (int64, error) {
	s := NewScanner(r)
	defer s.Close()
	st, err := s.Measure(f, 0, size)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", f, err)
	}
	content, err := s.Open(st)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", f, err)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{dst}, &limited{r: content, left: limit}, make([]byte, inBuffer))
	if err != nil {
		return n, fmt.Errorf("%s: %w", f, err)
	}
	return n, nil
}

// limited ends with ErrLimit where io.LimitReader would end in silence.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, ErrLimit
	}
	return n, err
}
