package initrd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
)

// DefaultLimit is how much all content together may unpack to, in bytes, where
// the caller does not set a limit.
const DefaultLimit = 4 << 30

// ErrLimit is wrapped in the error for images that unpack to more than was
// allowed.
var ErrLimit = compress.ErrLimit

// Verification is which compressed segments are decoded to the end, so that
// what is in them is checked too.
type Verification int

// Verifications.
const (
	VerifyNone Verification = iota // by headers and trailers alone
	VerifyFast                     // gzip, lz4, lzo and zstd
	VerifyAll
)

func (v Verification) decodes(f Format) bool {
	return v == VerifyAll || v == VerifyFast && f.Fast()
}

// WalkOptions say how closely to look. The zero value checks compressed
// segments by their headers.
type WalkOptions struct {
	// Name is used for a blob that is a single file.
	Name string
	// Layout is which member each segment belongs to. Its zero value means a
	// single member.
	Layout Layout
	// Verify is which compressed segments are decoded.
	Verify Verification
	// Limit is how many bytes the segments may unpack to together; 0 is
	// DefaultLimit.
	Limit int64
	// Built reports whether the new kernel was built with an option, such as
	// "CONFIG_RD_ZSTD"; nil: with all of them.
	Built func(option string) bool
	// Visit, if not nil, is called for each file in the segments whose content
	// is looked at: the uncompressed ones, and those that are decoded. Its error
	// ends the walk.
	Visit func(File) error
	// Progress, if not nil, is called with how much of the blob was looked at, at
	// most ten times a second and at the end.
	Progress func(done, total int64)
}

// A File is an entry and where it is.
type File struct {
	cpio.Entry
	Member  string // name of the member
	Segment int64  // offset in the blob of the archive or stream that it is in
	Format  Format // of that segment
	Dropped bool   // the kernel never gets this far

	peek func(limit int64) ([]byte, error)
}

// ErrNoContent is wrapped in the error of File.Content where the content is not in
// this entry or too long.
var ErrNoContent = errors.New("the content cannot be looked at")

// Content returns the content of a regular file, before Visit returns. Of a hard link
// only the last name has it, in a compressed segment 128 KiB are the most: else the
// error wraps ErrNoContent.
func (f File) Content(limit int64) ([]byte, error) {
	if f.Kind() != unix.S_IFREG || f.NLink > 1 && f.Size == 0 {
		return nil, fmt.Errorf("%s: %w", cpio.Clip(f.Path), ErrNoContent)
	}
	b, err := f.peek(min(limit, f.Size))
	if err == nil && int64(len(b)) < f.Size {
		err = fmt.Errorf("%s: %d bytes: %w", cpio.Clip(f.Path), f.Size, ErrNoContent)
	}
	return b, err
}

// Walk unpacks a blob of size bytes in memory as the kernel's unpacker does
// (init/initramfs.c), without the content of the files, and reports what is in
// it and what the kernel would drop or replace. What is wrong with the blob is
// in the report; the error is for a blob that cannot be read, that unpacks to
// more than the limit (ErrLimit), for the end of ctx, or from Visit.
//
// Time is linear in what is read. Memory has a bound that does not depend on
// the blob.
func Walk(ctx context.Context, r io.ReaderAt, size int64, opts WalkOptions) (Report, error) {
	w := newWalker(ctx, r, size, opts)
	defer w.streams.Close()
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
	ctx     context.Context
	r       io.ReaderAt
	size    int64 // without a bootconfig
	pos     int64
	cursor  *cpio.Cursor
	content *cpio.Cursor // of a stream; nil: none yet
	streams *compress.Scanner
	opts    WalkOptions
	members []Placed
	rep     Report
	found   collector
	tick    *progress
	marked  int64 // how far tick got

	stopped *stop // the kernel stopped there, before pos; nil: it did not
	tree    *tree // nil: not looked at
	budget  int64 // left of the limit
	begun   bool  // something was unpacked: the kernel is between two archives
	main    bool  // a main image was seen
	decoded int   // streams

	current  segmentWalk
	last     Segment           // but for a bootconfig
	pure     bool              // early files and their directories, and nothing else
	early    bool              // an early file was seen
	packed   string            // the member of the first compressed segment; "": none yet
	ucode    map[string]string // the member that holds what the kernel finds for a vendor
	acpi     bool              // tables were found
	releases map[string]bool

	earlyFiles []earlyFile // where there is a spool
	// spool, if not nil, gets the content of each stream.
	spool *spool
}

func newWalker(ctx context.Context, r io.ReaderAt, size int64, opts WalkOptions) *walker {
	w := &walker{ctx: ctx, r: r, size: size, opts: opts, members: opts.Layout.Members, tree: newTree(walkBudget()), budget: opts.Limit, pure: true}
	if len(w.members) == 0 {
		w.members = []Placed{{Name: opts.Name, Size: size}}
	}
	if w.budget == 0 {
		w.budget = DefaultLimit
	}
	w.streams = compress.NewScanner(marking{w})
	w.rep.Size, w.rep.Decoded = size, true
	w.ucode = map[string]string{}
	return w
}

func (w *walker) run() error {
	config, err := w.config()
	if err != nil {
		return err
	}
	w.cursor = cpio.NewFileCursor(w.r, 0, w.size)
	for w.pos < w.size {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := w.step(); err != nil {
			return err
		}
		w.mark(w.pos)
	}
	if err := w.conclude(); err != nil {
		return err
	}
	w.zeroMembers()
	if config != nil {
		w.pure = false
		w.rep.Segments = append(w.rep.Segments, *config)
	}
	w.mark(w.rep.Size)
	return nil
}

// mark notes that everything up to off was looked at.
func (w *walker) mark(off int64) {
	if off > w.marked {
		w.tick.add(off - w.marked)
		w.marked = off
	}
}

// marking is the blob of a walker that marks what is read.
type marking struct{ w *walker }

func (m marking) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.w.r.ReadAt(p, off)
	m.w.mark(off + int64(n))
	return n, err
}

// step is one turn of the kernel's main loop: zeros, an archive at a multiple
// of 4, or a compressed stream.
func (w *walker) step() error {
	c := w.cursor
	c.MoveTo(w.pos)
	n, err := c.Zeros()
	w.pos += n
	if err != nil || w.pos >= w.size {
		return err
	}
	head, err := c.Peek(6)
	if err != nil {
		return err
	}
	if head[0] == '0' && w.pos%4 == 0 {
		return w.archive(c)
	}
	return w.stream(Detect(head))
}

// zeroMembers adds a segment for each member in which none was found: it is
// nothing but zeros.
func (w *walker) zeroMembers() {
	var all []Segment
	rest := w.rep.Segments
	for _, m := range w.members {
		n := 0
		for n < len(rest) && rest[n].Offset < m.Offset+m.Size {
			n++
		}
		if n == 0 && m.Size > 0 && m.Offset < w.size && (w.rep.More == 0 || len(rest) > 0) {
			size := min(m.Size, w.size-m.Offset)
			all = append(all, Segment{Member: m.Name, Offset: m.Offset, Size: size, Format: Zeros, Kind: Extra, Unpacked: size})
		}
		all = append(all, rest[:n]...)
		rest = rest[n:]
	}
	all = append(all, rest...)
	if more := len(all) - maxSegments; more > 0 {
		w.rep.More += more
		all = all[:maxSegments]
	}
	w.rep.Segments = all
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
