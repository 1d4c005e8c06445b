package initrd

import (
	"fmt"
	"io"
	"os"
)

// A flatFile is the blob that Flat makes.
type flatFile struct {
	*os.File
	c      *copier
	layout Layout
}

// newFlatFile makes a file that begins with the given archives. It is not nil
// with an error where there is one to close.
func newFlatFile(front []piece) (*flatFile, error) {
	f, err := Create("initrd-flat")
	if err != nil {
		return nil, err
	}
	o := &flatFile{File: f, c: newCopier(f, nil)}
	for _, p := range front {
		if err := o.put(p); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *flatFile) close() {
	if o != nil {
		_ = o.Close() // memory only
	}
}

// put writes a piece as it is.
func (o *flatFile) put(p piece) error {
	if err := o.begin(p.name); err != nil {
		return err
	}
	o.layout.Members[len(o.layout.Members)-1].Config = p.config
	if err := o.c.content(p.content); err != nil {
		return err
	}
	o.end(p.size)
	return nil
}

// begin notes a member at the next multiple of 4.
func (o *flatFile) begin(name string) error {
	l := &o.layout
	pad := align4(l.Size) - l.Size
	l.Size += pad
	l.Members = append(l.Members, Placed{Name: name, Padding: pad, Offset: l.Size})
	return o.c.zeros(pad)
}

// end notes size more bytes of the last member.
func (o *flatFile) end(size int64) {
	o.layout.Size += size
	o.layout.Members[len(o.layout.Members)-1].Size += size
}

// cut makes the file end at off, in the last member, to be written on there.
func (o *flatFile) cut(off int64) error {
	if err := o.Truncate(off); err != nil {
		return err
	}
	_, err := o.Seek(off, io.SeekStart)
	o.end(off - o.layout.Size)
	return err
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
