package plan

import (
	"bytes"
	"errors"
	"io"
)

const (
	bannerPrefix = "Linux version "
	// maxBanner is the longest that is looked for, prefix included, in bytes.
	maxBanner = 512
)

// errFound ends the reading of a kernel whose version is found.
var errFound = errors.New("found")

// A bannerWriter finds the text that a kernel prints first (linux_banner in
// init/version-timestamp.c) in what is written to it, an image that is not
// compressed, whose header does not tell its version: "6.1.0 (build@host)
// (gcc …) #1 SMP …". Write returns errFound then.
type bannerWriter struct {
	version string
	window  []byte // the end of what was written, where a banner may begin
}

func (w *bannerWriter) Write(b []byte) (int, error) {
	w.window = append(w.window, b...)
	for rest := w.window; ; {
		i := bytes.Index(rest, []byte(bannerPrefix))
		if i < 0 {
			break
		}
		rest = rest[i+len(bannerPrefix):]
		text := rest[:min(len(rest), maxBanner-len(bannerPrefix))]
		if end := bytes.IndexAny(text, "\n\x00"); end > 0 && '0' <= text[0] && text[0] <= '9' {
			w.version = string(text[:end])
			return len(b), errFound
		}
	}
	w.window = append(w.window[:0], w.window[max(len(w.window)-maxBanner, 0):]...)
	return len(b), nil
}

// banner finds the version in an image of size bytes, which is read once, to the
// place where it is; "" when there is none.
func banner(r io.ReaderAt, size int64) (string, error) {
	var w bannerWriter
	_, err := io.CopyBuffer(&w, struct{ io.Reader }{io.NewSectionReader(r, 0, size)}, make([]byte, 1<<20))
	if errors.Is(err, errFound) {
		err = nil
	}
	return w.version, err
}
