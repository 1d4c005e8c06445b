package initrd

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/fault"
	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
)

// maxStreams is how many streams are decoded: an image may consist of millions
// of a few bytes each.
const maxStreams = 1 << 16

// stream walks what is neither zero nor an aligned archive.
func (w *walker) stream(f Format) error {
	if !f.Compressed() {
		return w.junk(f)
	}
	p := w.begin(f, w.pos)
	p.Entries = -1
	st, err := w.streams.Measure(f, w.pos, w.limit(w.pos))
	stop := faultIn(err)
	switch {
	case stop != nil:
		st.End, err = w.limit(w.pos), nil
		stop = fault.New(stop.ID, p.Offset, "%s", streamText(f, stop))
	case err != nil:
		return err
	default:
		stop = w.unsupported(st)
	}
	end := st.End
	if stop == nil && w.stopped == nil && !w.decodes(st, p) {
		stop, err = w.peek(st)
	} else if stop == nil && w.stopped == nil {
		end, stop, err = w.decode(p, st)
	}
	if err != nil {
		return err
	}
	if w.packed == "" {
		w.packed = p.Member
	}
	p.Size = end - p.Offset
	w.end(p)
	if stop != nil {
		return w.stop(stop.ID, p.Offset, end, stop.Text)
	}
	if p.Entries < 0 && w.stopped == nil {
		w.rep.Decoded = false
		w.forget()
	}
	w.begun = true
	w.pos = end
	return w.afterLZ4(p)
}

// faultIn is the fault that err is, or nil.
func faultIn(err error) *compress.Fault {
	if err == nil {
		return nil
	}
	var f *compress.Fault
	errors.As(err, &f)
	return f
}

// decodes reports whether a stream is to be decoded.
func (w *walker) decodes(st compress.Stream, p *segmentWalk) bool {
	if !w.opts.Verify.decodes(st.Format) {
		return false
	}
	if w.decoded++; w.decoded > maxStreams {
		w.once(compress.Unread, p.Member, p.Offset, "too many streams to decode them all, so what is in some was not looked at")
		return false
	}
	return true
}

// forget notes that an archive was unpacked that was not looked at.
func (w *walker) forget() {
	if w.tree != nil {
		w.tree.forget()
	}
}

// streamText says what is wrong with a stream.
func streamText(f Format, err *compress.Fault) string {
	if err.ID == compress.Damaged {
		return fmt.Sprintf("damaged %s stream: %s", f, err.Text)
	}
	return err.Text
}

// junk is what the kernel calls "invalid magic at start of compressed archive".
func (w *walker) junk(f Format) error {
	p := w.begin(f, w.pos)
	p.Size = w.limit(w.pos) - w.pos
	p.Kind = Extra
	w.keep(p.Segment)
	w.pure = false
	misaligned := w.misaligned()
	if w.stopped != nil && (f == compress.LZ4Frame || misaligned) {
		w.stopped.lost = true
	}
	switch {
	case f == compress.LZ4Frame:
		return w.stop(LZ4FrameFormat, w.pos, w.pos, "lz4 in the frame format, which the kernel does not know")
	case misaligned:
		return w.stop(cpio.Misaligned, w.pos, w.pos, "the archive begins at an offset that is not a multiple of 4")
	}
	id, text, err := w.junkID()
	if err != nil {
		return err
	}
	return w.stop(id, w.pos, w.pos, text)
}

// misaligned reports whether an archive begins here or up to 3 bytes before:
// the kernel skips as many for the padding of the archive before it.
func (w *walker) misaligned() bool {
	m := w.source(w.pos)
	head := make([]byte, 6)
	for _, at := range []int64{w.pos, m.Offset} {
		if at%4 == 0 || w.pos-at > 3 || readat.Full(w.r, head, at) != nil {
			continue
		}
		if f := Detect(head); f == Newc || f == ODC {
			return true
		}
	}
	return false
}

// unsupported is what the new kernel was not built with; nil where it has all.
func (w *walker) unsupported(st compress.Stream) *compress.Fault {
	if w.opts.Built == nil {
		return nil
	}
	switch option := st.Format.KernelOption(); {
	case !w.opts.Built(option):
		return fault.New(FormatUnsupported, st.Offset, "%s is not in the new kernel's configuration (%s)", st.Format, option)
	case st.Option != "" && !w.opts.Built(st.Option):
		return fault.New(compress.XZFilter, st.Offset, "%s with a filter that is not in the new kernel's configuration (%s)", st.Format, st.Option)
	}
	return nil
}

// peek looks at how the content of a stream begins that is not decoded. The
// first one matters: the kernel expects a header there and skips no zeros.
func (w *walker) peek(st compress.Stream) (*compress.Fault, error) {
	if w.begun {
		return nil, nil
	}
	content, err := w.streams.Open(st)
	if err != nil {
		return w.damaged(st, err)
	}
	head := make([]byte, cpio.HeaderSize)
	n, err := io.ReadFull(content, head)
	if n == 0 && errors.Is(err, io.EOF) {
		return emptyStream(st), nil
	}
	if n > 0 {
		return firstBytes(st, head[:n]), nil
	}
	return w.damaged(st, err)
}

func emptyStream(st compress.Stream) *compress.Fault {
	return fault.New(StreamEmpty, st.Offset, "there is nothing in it, which the kernel takes for an error before all else")
}

// firstBytes is what the kernel has against the beginning of the first stream.
func firstBytes(st compress.Stream, head []byte) *compress.Fault {
	switch {
	case head[0] == 0:
		return fault.New(StreamZeros, st.Offset, "the first compressed image begins with zeros, where the kernel expects an archive")
	case head[0] != '0':
		return fault.New(StreamJunk, st.Offset, "inside the compressed image: something that is not a cpio archive")
	}
	return nil
}

// decode unpacks the stream and walks what is in it. The kernel takes one
// stream at a time and wants an archive to end where the stream ends.
func (w *walker) decode(p *segmentWalk, st compress.Stream) (int64, *compress.Fault, error) {
	content, err := w.streams.Open(st)
	if err != nil {
		stop, err := w.damaged(st, err)
		return st.End, stop, err
	}
	in := &limited{w: w, r: content}
	p.Entries = 0
	err = w.inner(p, st, in)
	p.Unpacked = in.n
	var f *compress.Fault
	var own *ownError
	switch {
	case err == nil:
		return w.streams.End(), nil, nil
	case errors.Is(err, ErrLimit), errors.As(err, &own):
		return st.End, nil, err
	case errors.As(err, &f) && f.ID == compress.Checksum:
		w.find(f.ID, p.Member, p.Offset, "%s: %s", st.Format, f.Text)
		return w.streams.End(), nil, nil
	case errors.As(err, &f) && f.ID == cpio.Padding:
		return w.streams.End(), fault.New(f.ID, st.Offset, "inside the compressed image: %s", f.Text), nil
	case errors.As(err, &f) && f.ID != compress.Unread && f.ID != compress.Damaged:
		return st.End, fault.New(f.ID, f.At, "inside the compressed image: %s", f.Text), nil
	}
	if errors.As(err, &f) && f.ID == compress.Unread {
		p.Entries, p.Unpacked = -1, -1
	}
	stop, err := w.damaged(st, err)
	return st.End, stop, err
}

// damaged is what is wrong with a stream that cannot be decoded. Where only the
// kernel can decode it, that is a finding and nothing is wrong.
func (w *walker) damaged(st compress.Stream, err error) (*compress.Fault, error) {
	var f *compress.Fault
	switch {
	case !errors.As(err, &f):
		return fault.New(compress.Damaged, st.Offset, "damaged %s stream: %v", st.Format, err), nil
	case f.ID != compress.Unread:
		return fault.New(f.ID, st.Offset, "%s", streamText(st.Format, f)), nil
	}
	w.rep.Decoded = false
	w.once(f.ID, w.source(st.Offset).Name, st.Offset, "%s, so what is in it was not looked at", f.Text)
	w.forget()
	return nil, nil
}

// inner walks the archives of an unpacked stream. Each stream counts its
// offsets from 0.
func (w *walker) inner(p *segmentWalk, st compress.Stream, in io.Reader) error {
	var base int64
	if w.spool != nil {
		base = w.spool.size
		in = io.TeeReader(in, w.spool)
	}
	c := w.content
	if c == nil {
		c = cpio.NewStreamCursor(in)
		w.content = c
	}
	c.Reset(in)
	if !w.begun {
		head, err := c.Peek(1)
		if err != nil {
			return err
		}
		if len(head) == 0 {
			return emptyStream(st)
		}
		if f := firstBytes(st, head); f != nil {
			return f
		}
	}
	return w.entries(p, cpio.NewReader(c, nil), base)
}

func (w *walker) entries(p *segmentWalk, r *cpio.Reader, base int64) error {
	for {
		err := r.Next()
		var f *cpio.Fault
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, cpio.ErrForeign):
			return fault.New(StreamJunk, r.Start, "something that is not a cpio archive")
		case errors.As(err, &f) && f.ID == cpio.Skipped:
			w.find(f.ID, p.Member, p.Offset, "inside the compressed image: %s", f.Text)
			continue
		case err != nil:
			return err
		}
		if err := w.entry(r, p, extent{spooled: true, off: base + r.Offset(), size: r.Entry.Size}); err != nil {
			return err
		}
	}
}

// afterLZ4 checks whether the decoder finds its end: a zero length, the next
// stream, or the end of the blob.
func (w *walker) afterLZ4(p *segmentWalk) error {
	if p.Format != compress.LZ4 || w.size-w.pos < 4 {
		return nil
	}
	w.cursor.MoveTo(w.pos)
	b, err := w.cursor.Peek(4)
	if err != nil {
		return err
	}
	if s := string(b); s != compress.LZ4Magic && s != "\x00\x00\x00\x00" {
		return w.stop(LZ4Unterminated, p.Offset, w.pos, "fewer than 4 zero bytes follow this lz4 image, so the kernel takes what comes next for more of it")
	}
	return nil
}

// limited ends with ErrLimit where io.LimitReader would end silently, and with
// the end of the context.
type limited struct {
	w *walker
	r io.Reader
	n int64 // bytes read
}

func (l *limited) Read(p []byte) (int, error) {
	if err := l.w.ctx.Err(); err != nil {
		return 0, &ownError{err}
	}
	n, err := l.r.Read(p)
	l.n += int64(n)
	if l.w.budget -= int64(n); l.w.budget < 0 {
		return 0, fmt.Errorf("%w of %d bytes", ErrLimit, cmp.Or(l.w.opts.Limit, DefaultLimit))
	}
	return n, err
}

// An ownError is a failure on our side of a decoder, to tell it from damage.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }
func (e *ownError) Unwrap() error { return e.err }
