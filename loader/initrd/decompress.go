package initrd

import (
	"fmt"
	"io"
)

// Decompress writes what one compressed stream at the start of r, which has
// size bytes, unpacks to, and returns how many bytes were written. More than
// limit bytes are ErrLimit, 0 stands for DefaultLimit; what is behind the stream
// is left alone. On an error what was written is of no use.
func Decompress(dst io.Writer, f Format, r io.ReaderAt, size, limit int64) (int64, error) {
	fr, err := frameEnd(f, r, 0, size)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", f, err)
	}
	d, err := decode(f, r, 0, fr)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", f, err)
	}
	defer d.close()
	n, err := io.CopyBuffer(dst, &limited{r: d, budget: budget(limit)}, make([]byte, plainChunk))
	if err != nil {
		return n, fmt.Errorf("%s: %w", f, err)
	}
	return n, nil
}
