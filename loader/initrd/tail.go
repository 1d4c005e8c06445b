package initrd

import (
	"context"

	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// A tail is how a member ends, as far as that matters to what follows.
type tail struct {
	lz4   bool  // in an lz4-legacy stream
	zeros int64 // zero bytes after that stream
}

// glance walks a member by its headers alone.
func glance(c content) (*walker, error) {
	w := newWalker(context.Background(), c, c.size, WalkOptions{})
	w.tree = nil
	defer w.streams.Close()
	return w, w.run()
}

// tailOf walks the headers of a member. One that the kernel would not get
// through has a plain tail: no padding could help.
func tailOf(c content) (tail, error) {
	w, err := glance(c)
	if err != nil || w.stopped != nil {
		return tail{}, err
	}
	return tail{lz4: w.last.Format == compress.LZ4, zeros: c.size - w.last.Offset - w.last.Size}, nil
}
