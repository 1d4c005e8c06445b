package initrd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
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
	// Progress, if not nil, is called with the bytes of the members that were
	// unpacked and all their bytes, at most ten times a second and at the end.
	Progress func(done, total int64)
}

// A FlatError is why members cannot be flattened though they may be joined;
// nothing was written then.
type FlatError struct {
	Member string // the one at fault; "" for all together
	Err    error
}

// Error names the member.
func (e *FlatError) Error() string {
	if e.Member == "" {
		return fmt.Sprintf("cannot flatten: %v", e.Err)
	}
	return fmt.Sprintf("cannot flatten %s: %v", e.Member, e.Err)
}

// Unwrap returns Err.
func (e *FlatError) Unwrap() error { return e.Err }

// Flat writes the tree that the kernel would make of the members joined in this
// order as one uncompressed archive, so that the new kernel has nothing to
// decompress and nothing twice: with hard links, device nodes, owners, modes and
// times. The early files that the kernel would find in the joined images come
// first in an archive of their own; a bootconfig comes last.
//
// The kernel unpacks such an archive faster; but before that the purgatory of
// x86 sums every byte that was loaded, and of a flat archive there are more.
//
// The archive is in a new file from Create, which the caller closes. Where
// members cannot be flattened the error is a *FlatError; the caller joins
// instead. Memory besides the files grows with the number of files in them.
func Flat(ctx context.Context, members []Member, opts FlatOptions) (*os.File, Layout, error) {
	joined, err := NewPlan(members, JoinOptions{})
	if err != nil {
		return nil, Layout{}, err
	}
	f := &flattener{opts: opts, joined: joined}
	defer f.close()
	if err := f.unpack(ctx); err != nil {
		return nil, Layout{}, err
	}
	out, layout, err := f.write()
	if err == nil {
		err = joined.unchanged()
	}
	if err != nil && out != nil {
		_ = out.Close() // memory only
		out, layout = nil, Layout{}
	}
	return out, layout, err
}

// A flattener is the work of Flat.
type flattener struct {
	opts   FlatOptions
	joined *Plan
	spool  spool
	tree   *tree
	early  []earlyFile
	config *Segment
}

// A spool is a file in memory that holds the content of all streams.
type spool struct {
	file *os.File
	size int64
}

func (s *spool) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.size += int64(n)
	if err != nil {
		err = &ownError{err}
	}
	return n, err
}

func (f *flattener) close() {
	if f.spool.file != nil {
		_ = f.spool.file.Close() // memory only
	}
}

// unpack walks the joined images and keeps the tree.
func (f *flattener) unpack(ctx context.Context) (err error) {
	if f.spool.file, err = Create("unpacked"); err != nil {
		return err
	}
	limit := f.opts.Limit
	if half := f.opts.MemAvailable / 2; half > 0 && (limit == 0 || half < limit) {
		limit = min(half, DefaultLimit)
	}
	w := newWalker(ctx, f.joined, f.joined.Size(), WalkOptions{Layout: f.joined.Layout, Verify: VerifyAll, Limit: limit})
	defer w.streams.Close()
	w.tick = &progress{fn: f.opts.Progress, total: f.joined.Size()}
	w.spool = &f.spool
	w.tree = newTree(flatBudget())
	w.tree.keep = true
	if err := w.run(); err != nil {
		return flatError(w.source(w.pos).Name, err)
	}
	f.tree, f.early = w.tree, w.earlyFiles
	if n := len(w.rep.Segments); n > 0 && w.rep.Segments[n-1].Format == Config {
		f.config = &w.rep.Segments[n-1]
	}
	if s := w.stopped; s != nil && (s.lost || !s.begun) {
		return &FlatError{Member: s.member.Name, Err: errors.New(s.text)}
	}
	return f.seen(w.rep)
}

// seen returns an error where the tree is not all that the kernel would make.
func (f *flattener) seen(rep Report) error {
	for _, found := range rep.Findings {
		if found.ID == compress.Unread {
			return &FlatError{Member: found.Member, Err: errors.New(found.Text)}
		}
	}
	if f.tree.full {
		return &FlatError{Err: errors.New("more files than can be flattened")}
	}
	return nil
}

// flatError sorts the errors of a member: a source that changes is one for the
// join as well, and so is the end of the context.
func flatError(name string, err error) error {
	if errors.Is(err, errChanged) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return &FlatError{Member: name, Err: err}
}

// write writes early files, the tree and a bootconfig.
func (f *flattener) write() (*os.File, Layout, error) {
	var l Layout
	a := &archiver{tree: f.tree, blob: f.joined.blob, early: f.early}
	a.spool.add(run{size: f.spool.size, file: f.spool.file, name: "unpacked"})
	early, size, err := a.measure()
	if err != nil {
		return nil, l, &FlatError{Err: err}
	}
	if err := f.fits(early + size); err != nil {
		return nil, l, err
	}
	out, err := Create("initrd-flat")
	if err != nil {
		return nil, l, err
	}
	c := newCopier(out, nil)
	if err := a.write(c); err != nil {
		return out, l, err
	}
	if early > 0 {
		l.add(Placed{Name: "early files", Size: early})
	}
	l.add(Placed{Name: "flattened", Size: size})
	if f.config == nil {
		return out, l, nil
	}
	l.add(Placed{Name: f.config.Member, Size: f.config.Size, Config: true})
	return out, l, c.content(f.joined.blob.slice(f.config.Offset, f.config.Offset+f.config.Size))
}

func (l *Layout) add(p Placed) {
	p.Offset = l.Size
	l.Size += p.Size
	l.Members = append(l.Members, p)
}

// fits returns an error where there is no room for an archive of size bytes
// besides what was unpacked.
func (f *flattener) fits(size int64) error {
	all := size + f.spool.size
	switch {
	case size > MaxSize:
		return &FlatError{Err: errors.New("the flat archive is larger than 4 GiB")}
	case f.opts.MemAvailable > 0 && all > f.opts.MemAvailable:
		return &FlatError{Err: fmt.Errorf("it takes %d MiB of memory and %d MiB are available", all>>20, f.opts.MemAvailable>>20)}
	}
	return nil
}

// unchanged compares the files of the members with what they were.
func (p *Plan) unchanged() error {
	for _, s := range p.blob.runs {
		if s.file == nil || s.seen == (stamp{}) {
			continue
		}
		if st, err := s.file.Stat(); err != nil || stampOf(st) != s.seen {
			return fmt.Errorf("%s: %w", s.name, errChanged)
		}
	}
	return nil
}
