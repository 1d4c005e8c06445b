package initrd

// A tail is how a member ends, as far as that matters to what follows.
type tail struct {
	lz4   bool  // in an lz4-legacy stream
	zeros int64 // zero bytes behind that stream
}

// tailOf walks the headers of a member. One that the kernel would not get
// through has a plain tail: no padding could mend it.
func tailOf(r content, size int64) (tail, error) {
	w := newWalker(r, size, WalkOptions{})
	if err := w.run(); err != nil {
		return tail{}, err
	}
	n := len(w.rep.Pieces)
	if n == 0 || w.dropped {
		return tail{}, nil
	}
	p := w.rep.Pieces[n-1]
	return tail{lz4: p.Format == LZ4, zeros: size - p.Offset - p.Size}, nil
}
