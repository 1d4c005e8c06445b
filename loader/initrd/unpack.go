package initrd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// A flattener is the work of Flat.
type flattener struct {
	opts   FlatOptions
	pieces []piece // the members, as they would be joined
	images []image // of the pieces, unpacked
	config *piece  // a bootconfig
	budget *atomic.Int64

	tree    *tree
	sources []content // of extents
	early   []piece   // archives that stay as they are
}

// An image is a member without its compressions: archives, one after the other.
type image struct {
	archives []archivePart
	files    []*os.File // memfds
	config   *bootconfig
	err      error
}

// An archivePart is a piece of a member, unpacked.
type archivePart struct {
	content
	early bool // may stay in front
}

func newFlattener(members []Member, opts FlatOptions) (*flattener, error) {
	pieces, err := cutPieces(members, JoinOptions{LastConfig: opts.LastConfig})
	if err != nil {
		return nil, err
	}
	f := &flattener{opts: opts, pieces: pieces, tree: newTree()}
	limit := opts.Limit
	if half := opts.MemAvailable / 2; half > 0 && (limit == 0 || half < limit) {
		limit = min(half, DefaultLimit)
	}
	f.budget = budget(limit)
	return f, nil
}

func (f *flattener) close() {
	for _, im := range f.images {
		for _, m := range im.files {
			_ = m.Close() // memory only
		}
	}
}

// unpack decodes all members, as many at a time as there are processors.
func (f *flattener) unpack() error {
	tick := &progress{fn: f.opts.Progress}
	for _, p := range f.pieces {
		tick.total += p.size
	}
	f.images = make([]image, len(f.pieces))
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, p := range f.pieces {
		if p.config {
			f.config = &f.pieces[i]
			tick.add(p.size)
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			f.images[i].err = f.images[i].unpack(p, f.budget, tick)
			<-slots
		})
	}
	wg.Wait()
	for i, im := range f.images {
		if im.err != nil {
			return flatError(f.pieces[i].name, im.err)
		}
	}
	return nil
}

// flatError sorts the errors of a member: a source that changes is one for the
// join as well.
func flatError(name string, err error) error {
	if errors.Is(err, errChanged) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return &FlatError{Member: name, Err: err}
}

// unpack walks one member and keeps what comes out of its compressions.
func (im *image) unpack(p piece, budget *atomic.Int64, tick *progress) error {
	w := newWalker(p, p.size, WalkOptions{Name: p.name, Verify: true})
	w.budget, w.tick = budget, tick
	w.any = true // of the members in front
	streams := map[int64]*os.File{}
	w.tee = func(pw *pieceWalk) (io.Writer, error) {
		m, err := Create("unpacked")
		if err != nil {
			return nil, err
		}
		im.files = append(im.files, m)
		streams[pw.Offset] = m
		return m, nil
	}
	if err := w.run(); err != nil {
		return err
	}
	if lossy := w.rep.Lossy(); len(lossy) > 0 {
		return errors.New(lossy[0].Text)
	}
	for _, pc := range w.rep.Pieces {
		im.add(p, pc, streams[pc.Offset])
	}
	return nil
}

func (im *image) add(p piece, pc Piece, m *os.File) {
	switch {
	case pc.Format == Config:
		im.config = &bootconfig{start: pc.Offset, end: pc.Offset + pc.Size}
	case m != nil:
		var c content
		c.add(segment{size: pc.Unpacked, file: m, name: p.name})
		im.archives = append(im.archives, archivePart{content: c})
	case pc.Format == Newc:
		im.archives = append(im.archives, archivePart{content: p.slice(pc.Offset, pc.Offset+pc.Size), early: pc.pure && pc.ended})
	}
}

// unpacked is how much memory the memfds take.
func (f *flattener) unpacked() int64 {
	var n int64
	for _, im := range f.images {
		for _, m := range im.files {
			if st, err := m.Stat(); err == nil {
				n += st.Size()
			}
		}
	}
	return n
}

// plant unpacks the archives one after the other into the tree.
func (f *flattener) plant() error {
	front := true
	for i, im := range f.images {
		name := f.pieces[i].name
		for _, a := range im.archives {
			if front && !a.early {
				f.tree.settle()
				front = false
			}
			if front {
				f.early = append(f.early, piece{content: a.content, name: name})
			}
			if err := f.archive(a.content); err != nil {
				return flatError(name, err)
			}
		}
		if b := im.config; b != nil {
			f.config = &piece{content: f.pieces[i].slice(b.start, b.end), name: name, config: true}
		}
	}
	if front {
		f.tree.settle()
	}
	f.tree.setTimes()
	return nil
}

// archive applies all entries of unpacked archives.
func (f *flattener) archive(c content) error {
	f.sources = append(f.sources, c)
	s := &scanner{c: fileCursor(c, 0, c.size)}
	for {
		err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.trailer() {
			clear(f.tree.links)
			continue
		}
		off := s.c.pos
		if err := f.tree.apply(s.e, extent{len(f.sources) - 1, off, s.e.Size}); err != nil {
			return err
		}
	}
}

// unchanged compares the files of the members with what they were.
func (f *flattener) unchanged() error {
	for _, p := range f.pieces {
		for _, s := range p.segs {
			if s.file == nil || s.seen == (stamp{}) {
				continue
			}
			if st, err := s.file.Stat(); err != nil || stampOf(st) != s.seen {
				return fmt.Errorf("%s: %w", s.name, errChanged)
			}
		}
	}
	return nil
}
