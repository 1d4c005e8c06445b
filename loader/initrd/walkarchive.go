package initrd

import (
	"errors"
	"io"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
)

// archive walks uncompressed archives, to the first thing that is none.
func (w *walker) archive(c *cpio.Cursor) error {
	r := cpio.NewReader(c, w.limit)
	p := w.begin(Newc, w.pos)
	for {
		err := r.Next()
		var f *cpio.Fault
		switch {
		case err == nil:
			if p.ended && !r.Trailer() || w.source(r.Start).Offset != w.source(p.Offset).Offset {
				w.end(p)
				p = w.begin(Newc, r.Start)
			}
			err = w.entry(r, p, extent{off: r.Offset(), size: r.Entry.Size})
			p.Size = min(r.After, r.Bound()) - p.Offset
			w.pos = min(r.After, w.size)
		case errors.As(err, &f) && f.ID == cpio.Skipped:
			w.find(f.ID, p.Member, f.At, "%s", f.Text)
			p.Size = min(r.After, r.Bound()) - p.Offset
			err = nil
		}
		if err != nil {
			return w.endArchive(p, r, err)
		}
	}
}

// endArchive deals with the reason for which an archive ended.
func (w *walker) endArchive(p *segmentWalk, r *cpio.Reader, err error) error {
	w.pos = max(w.pos, min(w.cursor.Pos(), w.size))
	var f *cpio.Fault
	isFault := errors.As(err, &f)
	if isFault && f.At < w.size && w.source(f.At).Offset != w.source(p.Offset).Offset {
		w.end(p)
		p = w.begin(Newc, f.At)
	}
	if isFault && (f.ID == cpio.Truncated || p.Size == 0) {
		p.Size = max(p.Size, w.limit(f.At)-p.Offset)
	}
	if isFault && f.ID == cpio.ODC {
		p.Format = ODC
	}
	w.end(p)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, cpio.ErrForeign):
		return nil
	case isFault:
		return w.stopArchive(f)
	}
	return err
}

// stopArchive notes that an archive cannot be read on: it may be at a
// bootconfig that the kernel does not take for one.
func (w *walker) stopArchive(f *cpio.Fault) error {
	id, text, at := f.ID, f.Text, min(f.At, w.size-1)
	if id == cpio.Magic || id == cpio.Misaligned {
		was := w.pos
		w.pos = at
		config, about, err := w.junkID()
		if w.pos = was; err != nil {
			return err
		}
		if config != Junk {
			id, text = config, about
		}
	}
	return w.stop(id, at, at, text)
}

// A segmentWalk is a segment that is being walked.
type segmentWalk struct {
	Segment
	ended bool // by a trailer
	sum   summary
}

// A summary is what was seen of the entries of a segment.
type summary struct {
	files int // all but directories
	early int // files below kernel/
	acpi  int // of them ACPI tables
	ucode int // of them microcode
	other int // entries outside of kernel
	init  bool
}

// begin begins a segment, the last one before it has ended.
func (w *walker) begin(f Format, off int64) *segmentWalk {
	w.current = segmentWalk{Segment: Segment{
		Member: w.source(off).Name, Offset: off, Format: f, Unpacked: -1, Dropped: w.stopped != nil,
	}}
	return &w.current
}

// end decides what a segment is for and adds it to the report.
func (w *walker) end(p *segmentWalk) {
	if f := p.Format; !f.Compressed() {
		p.Unpacked = p.Size
	}
	p.Kind = p.sum.kind()
	w.pure = w.pure && p.Format == Newc && p.sum.early > 0 && p.sum.other == 0
	w.early = w.early || p.sum.early > 0
	if p.Entries < 0 {
		p.Kind = Main
		if w.main {
			p.Kind = Extra
		}
	}
	w.main = w.main || p.Kind == Main
	if s := w.stopped; s != nil && p.Dropped && (p.Entries != 0 || p.Format == ODC) {
		s.lost = true
	}
	w.keep(p.Segment)
}

// keep adds a segment to the report, or counts it.
func (w *walker) keep(s Segment) {
	w.last = s
	if len(w.rep.Segments) >= maxSegments {
		w.rep.More++
		return
	}
	w.rep.Segments = append(w.rep.Segments, s)
}

func (s summary) kind() Kind {
	switch {
	case s.files > 0 && s.files == s.early && s.acpi == s.files:
		return ACPI
	case s.files > 0 && s.files == s.early && s.ucode == s.files:
		return Microcode
	case s.files > 0 && s.files == s.early:
		return Early
	case s.init:
		return Main
	}
	return Extra
}

// entry takes note of one file. content is where its content is.
func (w *walker) entry(r *cpio.Reader, p *segmentWalk, content extent) error {
	w.begun = true
	if r.Trailer() {
		p.ended = true
		if w.tree != nil && w.stopped == nil {
			w.tree.trailer()
		}
		return nil
	}
	p.Entries++
	if p.Entries&1023 == 0 && w.ctx.Err() != nil {
		return &ownError{w.ctx.Err()}
	}
	early := w.note(r.Entry, p)
	if early && w.spool != nil && w.packed == "" && p.Format == Newc && w.stopped == nil && strings.HasPrefix(r.Entry.Path, "kernel/") {
		w.earlyFiles = append(w.earlyFiles, earlyFile{r.Entry, content})
	}
	w.plant(r, p, content, early)
	if w.opts.Visit != nil {
		f := File{Entry: r.Entry, Member: p.Member, Segment: p.Offset, Format: p.Format, Dropped: p.Dropped, peek: r.Peek}
		if p.Format == Newc {
			f.peek = w.reader(content)
		}
		if err := w.opts.Visit(f); err != nil {
			return &ownError{err}
		}
	}
	return r.Verify()
}

// reader reads content that is in the blob itself, where it is known to be whole.
func (w *walker) reader(content extent) func(limit int64) ([]byte, error) {
	return func(limit int64) ([]byte, error) {
		b := make([]byte, min(limit, content.size))
		return b, readat.Full(w.r, b, content.off)
	}
}

// plant adds an entry to the tree and takes note of what comes of it. Early
// files need not be in the tree: the kernel finds them in the archive.
func (w *walker) plant(r *cpio.Reader, p *segmentWalk, content extent, early bool) {
	if w.tree == nil || w.stopped != nil {
		return
	}
	got := w.tree.apply(r.Entry, content, w.source(p.Offset).Offset)
	switch {
	case got.id == "" || early && got.id == TreeParent:
	case got.id == CPIOLinks:
		w.find(got.id, p.Member, r.Start, "%s of %s, because no trailer is between them", got.text(), w.source(got.other).Name)
	case got.id == TreeReplaced:
		w.find(got.id, p.Member, p.Offset, "%v", lazy(got.text))
	default:
		w.tree.lose(got, loss{path: r.Entry.Path, kind: r.Entry.Kind(), member: p.Member, off: r.Start, stream: p.Format != Newc})
	}
}

// A lazy text is made only where it is printed.
type lazy func() string

func (l lazy) String() string { return l() }
