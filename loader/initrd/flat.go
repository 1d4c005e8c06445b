package initrd

import (
	"errors"
	"fmt"
	"os"
)

// FlatOptions say how to flatten.
type FlatOptions struct {
	// MemAvailable is how many bytes of memory may be used, as in
	// /proc/meminfo; flattening needs about twice the flat size. 0 means as many
	// as Limit allows.
	MemAvailable int64
	// Limit is how many bytes the members may unpack to together; 0 is
	// DefaultLimit.
	Limit int64
	// LastConfig is that of JoinOptions.
	LastConfig bool
	// Progress, if not nil, is told the bytes of the members that were unpacked
	// and all their bytes, at most ten times a second and at the end.
	Progress func(done, total int64)
}

// A FlatError tells why members cannot be flattened though they may be joined;
// nothing was written then.
type FlatError struct {
	Member string // the one at fault; "" for all together
	Err    error
}

func (e *FlatError) Error() string {
	if e.Member == "" {
		return fmt.Sprintf("cannot flatten: %v", e.Err)
	}
	return fmt.Sprintf("cannot flatten %s: %v", e.Member, e.Err)
}

// Unwrap returns Err.
func (e *FlatError) Unwrap() error { return e.Err }

// Flat writes what the members unpack to as one uncompressed archive, so that
// the new kernel has nothing to decompress and nothing twice: the tree that the
// kernel would make of them joined in this order, by its own rules for what
// comes twice, with hard links, device nodes, owners, modes and times. Early
// archives at the front stay in front as they are; a bootconfig comes last.
//
// Where that cannot be done the error is a *FlatError; the caller joins instead.
// Memory besides the files that are written goes with the number of files.
func Flat(dst *os.File, members []Member, opts FlatOptions) (Layout, error) {
	f, err := newFlattener(members, opts)
	if err != nil {
		return Layout{}, err
	}
	defer f.close()
	if err := f.unpack(); err != nil {
		return Layout{}, err
	}
	if err := f.plant(); err != nil {
		return Layout{}, err
	}
	a := &archiver{tree: f.tree, sources: f.sources}
	size, err := a.measure()
	if err != nil {
		return Layout{}, &FlatError{Err: err}
	}
	if err := f.fits(size); err != nil {
		return Layout{}, err
	}
	return f.write(dst, a)
}

// fits tells whether there is room for an archive of size bytes besides what
// was unpacked.
func (f *flattener) fits(size int64) error {
	all := size + f.unpacked()
	switch {
	case size > MaxSize:
		return &FlatError{Err: errors.New("the flat archive is larger than 4 GiB")}
	case f.opts.MemAvailable > 0 && all > f.opts.MemAvailable:
		return &FlatError{Err: fmt.Errorf("it takes %d MiB of memory and %d MiB are available", all>>20, f.opts.MemAvailable>>20)}
	}
	return nil
}

// write puts early archives, flat archive and bootconfig into dst.
func (f *flattener) write(dst *os.File, a *archiver) (Layout, error) {
	var l Layout
	c := newCopier(dst, nil)
	put := func(p Placed, content func() error) error {
		p.Padding = align4(l.Size) - l.Size
		p.Offset = l.Size + p.Padding
		if err := c.zeros(p.Padding); err != nil {
			return err
		}
		l.Members = append(l.Members, p)
		l.Size = p.Offset + p.Size
		return content()
	}
	for _, e := range f.early {
		if err := put(Placed{Name: e.name, Size: e.size}, func() error { return c.content(e.content) }); err != nil {
			return l, err
		}
	}
	if err := put(Placed{Name: "flattened", Size: a.size}, func() error { return a.write(c) }); err != nil {
		return l, err
	}
	if b := f.config; b != nil {
		if err := put(Placed{Name: b.name, Size: b.size, Config: true}, func() error { return c.content(b.content) }); err != nil {
			return l, err
		}
	}
	return l, f.unchanged()
}

// content writes all segments.
func (c *copier) content(from content) error {
	for _, s := range from.segs {
		if err := c.segment(s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}
