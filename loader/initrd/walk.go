package initrd

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// DefaultLimit is how much all content together may unpack to, in bytes, where
// the caller does not say.
const DefaultLimit = 4 << 30

// WalkOptions say how closely to look. The zero value judges compressed pieces
// by their headers.
type WalkOptions struct {
	// Name is used for a blob that is a single file.
	Name string
	// Layout tells which member each piece belongs to. Its zero value means a
	// single member.
	Layout Layout
	// Verify decodes compressed pieces to the end and looks at what is in them.
	Verify bool
	// Limit is how many bytes the pieces may unpack to together; 0 is
	// DefaultLimit. Callers with little memory say half of what is available.
	Limit int64
	// Built tells whether the new kernel was built with an option, such as
	// "CONFIG_RD_ZSTD"; nil: with all of them.
	Built func(option string) bool
	// Visit, if not nil, is called for each file in the pieces whose content is
	// looked at: all of them with Verify, otherwise the uncompressed ones. Its
	// error ends the walk.
	Visit func(File) error
	// Progress, if not nil, is told how much of the blob was looked at.
	Progress func(done, total int64)
}

// Walk goes through a blob of size bytes as the kernel's unpacker does, and
// reports what is in it and what the kernel would drop. What is wrong with the
// blob is in the report; the error is for a blob that cannot be read, or that
// unpacks to more than the limit (ErrLimit).
//
// Memory use does not depend on the size of the blob or of what is in it.
func Walk(r io.ReaderAt, size int64, opts WalkOptions) (Report, error) {
	w := newWalker(r, size, opts)
	w.tick = &progress{fn: opts.Progress, total: size}
	err := w.run()
	if err != nil {
		err = fmt.Errorf("%s: %w", w.source(w.pos).Name, err)
	}
	return w.rep, err
}

// A walker is the state of the kernel's unpacker, and of its scan for early
// files before that.
type walker struct {
	r       io.ReaderAt
	size    int64 // without a bootconfig
	pos     int64
	cursor  *cursor
	opts    WalkOptions
	members []Placed
	buried  map[string]bool // members with a bootconfig that is not last
	rep     Report
	tick    *progress
	marked  sync.Mutex // decoders read ahead in goroutines
	ticked  int64      // how far tick was told

	dropped    bool   // the kernel stopped before pos
	compressed string // the member of the first compressed piece; "": none yet
	ucode      map[string]string
	links      *links
	budget     *atomic.Int64 // left of the limit
	any        bool          // something was unpacked
	main       bool

	// visit, if not nil, is called for each entry, with the scanner at its content.
	visit func(s *scanner, p *pieceWalk) error
	// tee, if not nil, returns a writer that gets a stream's content as well.
	tee func(p *pieceWalk) (io.Writer, error)
}

func newWalker(r io.ReaderAt, size int64, opts WalkOptions) *walker {
	w := &walker{r: r, size: size, opts: opts, members: opts.Layout.Members}
	if len(w.members) == 0 {
		w.members = []Placed{{Name: opts.Name, Size: size}}
	}
	w.budget = budget(opts.Limit)
	w.rep.Size = size
	w.ucode = map[string]string{}
	w.links = newLinks()
	if opts.Visit != nil {
		w.visit = func(s *scanner, p *pieceWalk) error {
			return opts.Visit(File{Entry: s.e, Member: p.Member, Piece: p.Offset, Format: p.Format, Dropped: p.Dropped})
		}
	}
	return w
}

func (w *walker) run() error {
	configs, err := w.configs()
	if err != nil {
		return err
	}
	for w.pos < w.size {
		if err := w.step(); err != nil {
			return err
		}
		w.mark(w.pos)
	}
	w.zeroMembers()
	w.rep.Pieces = append(w.rep.Pieces, configs...)
	w.mark(w.rep.Size)
	return nil
}

// mark tells the progress that everything up to off was looked at.
func (w *walker) mark(off int64) {
	w.marked.Lock()
	defer w.marked.Unlock()
	if off > w.ticked {
		w.tick.add(off - w.ticked)
		w.ticked = off
	}
}

// marking is the blob of a walker that marks what is read.
type marking struct{ w *walker }

func (m marking) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.w.r.ReadAt(p, off)
	m.w.mark(off + int64(n))
	return n, err
}

func budget(limit int64) *atomic.Int64 {
	var b atomic.Int64
	if b.Store(limit); limit == 0 {
		b.Store(DefaultLimit)
	}
	return &b
}

// step is one turn of the kernel's main loop: zeros, an archive at a multiple
// of 4, or a compressed stream.
func (w *walker) step() error {
	if w.cursor == nil {
		w.cursor = fileCursor(w.r, 0, w.size)
	}
	c := w.cursor
	c.pos, c.buf = w.pos, nil
	n, err := c.zeros()
	w.pos += n
	if err != nil || w.pos >= w.size {
		return err
	}
	head, err := c.peek(6)
	if err != nil {
		return err
	}
	if head[0] == '0' && w.pos%4 == 0 {
		return w.archive(c)
	}
	return w.stream(Detect(head), head)
}

// zeroMembers adds a piece for each member that none was found in: it is
// nothing but zeros.
func (w *walker) zeroMembers() {
	var all []Piece
	rest := w.rep.Pieces
	for _, m := range w.members {
		n := 0
		for n < len(rest) && rest[n].Offset < m.Offset+m.Size {
			n++
		}
		if n == 0 && m.Size > 0 && m.Offset < w.size {
			size := min(m.Size, w.size-m.Offset)
			all = append(all, Piece{Member: m.Name, Offset: m.Offset, Size: size, Format: Zeros, Kind: Extra, Unpacked: size})
		}
		all = append(all, rest[:n]...)
		rest = rest[n:]
	}
	w.rep.Pieces = append(all, rest...)
}

// source is the member that off is in, or the last before it.
func (w *walker) source(off int64) Placed {
	lo, hi := 0, len(w.members)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; w.members[mid].Offset <= off {
			lo = mid
		} else {
			hi = mid
		}
	}
	return w.members[lo]
}

// limit is where the member of off ends.
func (w *walker) limit(off int64) int64 {
	m := w.source(off)
	if end := m.Offset + m.Size; end > off {
		return min(end, w.size)
	}
	return w.size
}

// find adds a finding, unless the kernel never gets there.
func (w *walker) find(id, member string, off int64, format string, a ...any) {
	if w.dropped {
		return
	}
	r := ruleFor(id)
	w.rep.Findings = append(w.rep.Findings, Finding{
		ID: id, Severity: r.severity, Member: member, Offset: off, Text: fmt.Sprintf(format, a...), Mend: r.mend,
	})
}

// stop notes that the kernel gives up here, and goes to the next member.
func (w *walker) stop(id string, off int64, text string) {
	m := w.source(off)
	if w.buried[m.Name] && (id == "junk" || id == "cpio-misaligned") {
		id, text = "bootconfig-buried", "it ends in a bootconfig that is not at the end of the blob"
	}
	if rest := w.after(m); rest > 0 {
		text += fmt.Sprintf("; the kernel stops here and drops the %d images behind it", rest)
	} else {
		text += "; the kernel stops here"
	}
	w.find(id, m.Name, off, "%s", text)
	w.dropped = true
	w.pos = max(w.limit(max(off, w.pos)), w.pos+1)
}

func (w *walker) after(m Placed) int {
	n := 0
	for _, o := range w.members {
		if o.Offset > m.Offset && !o.Config {
			n++
		}
	}
	return n
}

// configs finds bootconfigs. The kernel cuts off the one at the very end before
// it unpacks; others are junk to it.
func (w *walker) configs() ([]Piece, error) {
	w.buried = map[string]bool{}
	for _, m := range w.members {
		b, found, err := findBootconfig(io.NewSectionReader(w.r, m.Offset, m.Size), m.Size)
		if err != nil {
			return nil, err
		}
		if found && m.Offset+b.end < w.size-configSlack {
			w.buried[m.Name] = true
		}
	}
	b, found, err := findBootconfig(w.r, w.size)
	if err != nil || !found {
		return nil, err
	}
	m := w.source(b.end - 1)
	if !b.valid {
		w.find("bootconfig-damaged", m.Name, b.start, "it ends in a bootconfig whose length or checksum is wrong, which the kernel does not apply")
	}
	w.size = b.start
	return []Piece{{Member: m.Name, Offset: b.start, Size: b.end - b.start, Format: Config, Kind: Extra}}, nil
}
