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
// error if the blob cannot be read, unpacks to more than the limit, or is
// damaged so that files are missing from the list.
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
		if lossy := rep.Lossy(); err == nil && len(lossy) > 0 {
			err = fmt.Errorf("%s: %s", lossy[0].Member, lossy[0].Text)
		}
		if err != nil {
			yield(File{}, err)
		}
	}
}
