package initrd

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// A File is an entry and where it is.
type File struct {
	Entry
	Member  string // name of the member
	Piece   int64  // offset in the blob of the archive or stream that it is in
	Format  Format // of that piece
	Dropped bool   // the kernel never gets this far
}

// errDone ends a walk early.
var errDone = errors.New("no more wanted")

// List yields the files in a blob in the order in which the kernel unpacks
// them, through all compressions; trailers are left out. At the end comes an
// error if the blob cannot be read, unpacks to more than the limit, is damaged
// so that files are missing from the list, or has a stream that only the kernel
// can decode.
func List(r io.ReaderAt, size int64, opts WalkOptions) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		opts.Verify = true
		opts.Visit = func(f File) error {
			if !yield(f, nil) {
				return errDone
			}
			return nil
		}
		rep, err := Walk(r, size, opts)
		if errors.Is(err, errDone) {
			return
		}
		if f, missing := rep.missing(); err == nil && missing {
			err = fmt.Errorf("%s: %s", f.Member, f.Text)
		}
		if err != nil {
			yield(File{}, err)
		}
	}
}
