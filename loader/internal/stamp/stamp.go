// Package stamp records files as they were when they were loaded, and finds out
// whether they have changed since.
package stamp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
)

// A File is a file as it was when it was loaded.
type File struct {
	Path   raw.String `json:"path"`
	Size   int64      `json:"size"` // bytes
	MTime  time.Time  `json:"mtime"`
	SHA256 string     `json:"sha256"` // hex; NoSum while it is not known

	changed time.Time // st_ctime, which nobody can set
}

// NoSum replaces a hash that is not known yet, and takes as much room.
const NoSum = "0000000000000000000000000000000000000000000000000000000000000000"

// Stat records size and time of an open file, without its content.
func Stat(path string, f *os.File) (File, error) {
	info, err := f.Stat()
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	s := File{Path: raw.String(path), Size: info.Size(), MTime: info.ModTime(), SHA256: NoSum}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.changed = time.Unix(st.Ctim.Unix())
	}
	return s, nil
}

// Of records an open file with its content.
func Of(path string, f *os.File) (File, error) {
	s, err := Stat(path, f)
	if err != nil {
		return File{}, err
	}
	return s.sum(f)
}

// tick is how long after its time stamp a file may still be written to without
// getting another: 2 seconds on FAT, a clock tick elsewhere; with a margin.
const tick = 3 * time.Second

// Begin is Stat for a file that will be read between now and Finish. The
// content of one that was written a moment ago is hashed, since its time may not
// show the next write.
func Begin(path string, f *os.File) (File, error) {
	s, err := Stat(path, f)
	if err != nil || time.Since(s.MTime) > tick {
		return s, err
	}
	return s.sum(f)
}

// Finish hashes the file that Begin was given. One that changed in between is an
// error: what of it was read is not known.
func (s File) Finish(f *os.File) (File, error) {
	now, err := Of(string(s.Path), f)
	if err != nil {
		return File{}, err
	}
	if now.Size != s.Size || !now.MTime.Equal(s.MTime) || !now.changed.Equal(s.changed) || s.SHA256 != NoSum && now.SHA256 != s.SHA256 {
		return File{}, hint.Errorf("try again when the update that writes it has ended", "%s: the file changed while it was loaded", s.Path)
	}
	return now, nil
}

func (s File) sum(f io.ReaderAt) (File, error) {
	sum, err := hash(io.NewSectionReader(f, 0, s.Size))
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", s.Path, err)
	}
	s.SHA256 = sum
	return s, nil
}

func hash(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Changed says in what a file differs from its record, "" when it is the same.
// open opens it by its path. The content is read only where size or time
// differ, or when verify asks.
func (s File) Changed(open func(path string) (*os.File, error), verify bool) string {
	f, err := open(string(s.Path))
	if errors.Is(err, os.ErrNotExist) {
		return "is gone"
	}
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return fmt.Sprintf("cannot be read: %v", err)
	case info.Size() != s.Size:
		return fmt.Sprintf("has %d bytes, had %d", info.Size(), s.Size)
	case info.ModTime().Equal(s.MTime) && !verify:
		return ""
	}
	sum, err := hash(f)
	switch {
	case err != nil:
		return fmt.Sprintf("cannot be read: %v", err)
	case sum != s.SHA256:
		return "has other content"
	}
	return ""
}
