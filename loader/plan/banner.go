package plan

import (
	"bytes"
	"errors"
	"io"
)

// banner finds the text that a kernel prints first (linux_banner in
// init/version-timestamp.c), in an image that is not compressed, whose header
// does not tell its version: "6.1.0 (build@host) (gcc …) #1 SMP …". "" when
// there is none. The image is read once, to the place where it is.
func banner(r io.ReaderAt, size int64) (string, error) {
	const prefix, longest, step = "Linux version ", 512, 1 << 20
	window := make([]byte, step+longest) // the next one begins longest before the end
	for at := int64(0); at < size; at += step {
		n, err := r.ReadAt(window[:min(int64(len(window)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		for rest := window[:n]; ; {
			i := bytes.Index(rest, []byte(prefix))
			if i < 0 {
				break
			}
			rest = rest[i+len(prefix):]
			text := rest[:min(len(rest), longest-len(prefix))]
			if end := bytes.IndexAny(text, "\n\x00"); end > 0 && '0' <= text[0] && text[0] <= '9' {
				return string(text[:end]), nil
			}
		}
	}
	return "", nil
}
