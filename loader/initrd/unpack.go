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
	opts     FlatOptions
	pieces   []piece // the members, as they would be joined
	front    []piece // early archives that stay as they are
	lead     lead
	images   []image       // of the pieces, unpacked
	archives []archivePart // of all images, in order; those in front first
	config   *piece        // a bootconfig
	budget   *atomic.Int64

	tree    *tree
	sources []content // of extents
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
	name string // of the member
}

func newFlattener(members []Member, opts FlatOptions) (*flattener, error) {
	pieces, err := cutPieces(members, JoinOptions{LastConfig: opts.LastConfig})
	if err != nil {
		return nil, err
	}
	f := &flattener{opts: opts, pieces: pieces}
	limit := opts.Limit
	if half := opts.MemAvailable / 2; half > 0 && (limit == 0 || half < limit) {
		limit = min(half, DefaultLimit)
	}
	f.budget = budget(limit)
	return f, f.place()
}

// close gives up everything but the result.
func (f *flattener) close() {
	for _, im := range f.images {
		for _, m := range im.files {
			_ = m.Close() // memory only
		}
	}
	if !f.lead.kept {
		f.lead.out.close()
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
			f.images[i].err = f.image(i, tick)
			<-slots
		})
	}
	wg.Wait()
	for i, im := range f.images {
		if im.err != nil {
			return flatError(f.pieces[i].name, im.err)
		}
		f.archives = append(f.archives, im.archives...)
		if b := im.config; b != nil {
			f.config = &piece{content: f.pieces[i].slice(b.start, b.end), name: f.pieces[i].name, config: true}
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

// image walks one member and keeps what comes out of its compressions.
func (f *flattener) image(i int, tick *progress) error {
	p, im := f.pieces[i], &f.images[i]
	w := newWalker(p, p.size, WalkOptions{Name: p.name, Verify: true})
	w.budget, w.tick = f.budget, tick
	w.any = true // of the members in front
	streams := map[int64]segment{}
	w.tee = func(pw *pieceWalk) (io.Writer, error) {
		s, err := f.sink(i, pw.Offset)
		streams[pw.Offset] = s
		return s.file, err
	}
	if err := w.run(); err != nil {
		return err
	}
	if f, missing := w.rep.missing(); missing {
		return errors.New(f.Text)
	}
	for _, pc := range w.rep.Pieces {
		im.add(p, pc, streams[pc.Offset])
	}
	return nil
}

// sink is where the content of the stream at off of piece i goes.
func (f *flattener) sink(i int, off int64) (segment, error) {
	s := segment{name: f.pieces[i].name}
	if l := f.lead; l.out != nil && l.piece == i && l.off == off {
		s.file, s.off = l.out.File, l.at
		return s, nil
	}
	m, err := Create("unpacked")
	if err == nil {
		f.images[i].files = append(f.images[i].files, m)
		s.file = m
	}
	return s, err
}

func (im *image) add(p piece, pc Piece, stream segment) {
	switch {
	case pc.Format == Config:
		im.config = &bootconfig{start: pc.Offset, end: pc.Offset + pc.Size}
	case stream.file != nil:
		var c content
		stream.size = pc.Unpacked
		c.add(stream)
		im.archives = append(im.archives, archivePart{c, p.name})
	case pc.Format == Newc:
		im.archives = append(im.archives, archivePart{p.slice(pc.Offset, pc.Offset+pc.Size), p.name})
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
	if f.lead.out != nil {
		if st, err := f.lead.out.Stat(); err == nil {
			n += st.Size()
		}
	}
	return n
}

// plant unpacks the archives one after the other into a new tree. With keep it
// tells whether the lead, which comes right behind those in front, may stay as
// it is: each of its entries counts, and nothing else touches what it brings.
func (f *flattener) plant(keep bool) (bool, error) {
	f.tree, f.sources = newTree(), nil
	for i, a := range f.archives {
		if i == len(f.front) {
			f.tree.settle()
		}
		got, err := f.archive(a.content)
		if err != nil {
			return false, flatError(a.name, err)
		}
		if !keep || i != len(f.front) {
			continue
		}
		if !got.whole || got.entries != f.tree.changed() {
			return false, nil
		}
		f.lead.end, f.lead.links = got.end, got.links
		f.tree.settle()
	}
	if len(f.archives) == len(f.front) {
		f.tree.settle()
	}
	f.tree.setTimes()
	return keep && f.tree.added(), nil
}

// archive applies all entries of unpacked archives.
func (f *flattener) archive(c content) (applied, error) {
	f.sources = append(f.sources, c)
	s := &scanner{c: fileCursor(c, 0, c.size)}
	got := applied{whole: true, links: map[uint32]bool{}}
	trailers := 0
	for {
		err := s.next()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got.whole = got.whole && trailers == 0
		if s.trailer() {
			clear(f.tree.links)
			trailers++
			continue
		}
		got.entry(s.e, s.after)
		off := s.c.pos
		if err := f.tree.apply(s.e, extent{len(f.sources) - 1, off, s.e.Size}); err != nil {
			return got, err
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
