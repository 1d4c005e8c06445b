// Package readat reads from files at an offset.
package readat

import (
	"errors"
	"io"
)

// Full fills p from off on; fewer bytes are io.ErrUnexpectedEOF.
func Full(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
