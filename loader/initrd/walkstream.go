package initrd

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// stream walks what is neither zero nor an aligned archive.
func (w *walker) stream(f Format, head []byte) error {
	if !f.Compressed() {
		w.junk(f)
		return nil
	}
	p := w.begin(f, w.pos)
	p.Entries = -1
	fr, stop, err := w.measure(p)
	if err != nil {
		return err
	}
	end := fr.end
	if stop == nil {
		stop = w.header(p)
	}
	if stop == nil && w.opts.Verify && !w.dropped {
		end, stop, err = w.decode(p, fr)
	}
	if w.compressed == "" {
		w.compressed = p.Member
	}
	p.Size = end - p.Offset
	w.end(p)
	if err != nil {
		return err
	}
	if p.Entries < 0 {
		w.links.clear() // most archives end with a trailer
	}
	w.any = true
	if stop != nil {
		w.stop(stop.id, p.Offset, stop.text)
		return nil
	}
	w.pos = end
	return w.behindLZ4(p)
}

// junk is what the kernel calls "invalid magic at start of compressed archive".
func (w *walker) junk(f Format) {
	p := w.begin(f, w.pos)
	p.Size = w.limit(w.pos) - w.pos
	p.Unpacked = -1
	p.Kind = Extra
	w.rep.Pieces = append(w.rep.Pieces, p.Piece)
	switch {
	case f == LZ4Frame:
		w.stop("lz4-frame", w.pos, "lz4 in the frame format, which the kernel does not know")
	case w.misaligned():
		w.stop("cpio-misaligned", w.pos, "the archive begins at an offset that is not a multiple of 4")
	default:
		w.stop("junk", w.pos, "neither a cpio archive nor compressed in a way that the kernel knows")
	}
}

// misaligned tells whether an archive begins here or up to 3 bytes before: the
// kernel skips as many for the padding of the archive in front of it.
func (w *walker) misaligned() bool {
	m := w.source(w.pos)
	head := make([]byte, 6)
	for _, at := range []int64{w.pos, m.Offset} {
		if at%4 == 0 || w.pos-at > 3 || readFull(w.r, head, at) != nil {
			continue
		}
		if f := Detect(head); f == Newc || f == ODC {
			return true
		}
	}
	return false
}

// measure finds the end of a stream without decoding it, where the format
// allows.
func (w *walker) measure(p *pieceWalk) (frame, *fault, error) {
	limit := w.limit(p.Offset)
	fr, err := frameEnd(p.Format, w.r, p.Offset, limit)
	var f *fault
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return frame{end: limit}, &fault{id: "stream-truncated", text: fmt.Sprintf("the %s stream is cut off", p.Format)}, nil
	case errors.As(err, &f):
		return frame{end: limit}, &fault{id: f.id, text: fmt.Sprintf("damaged %s stream: %s", p.Format, f.text)}, nil
	}
	return fr, nil, err
}

// header judges a stream by its first bytes.
func (w *walker) header(p *pieceWalk) *fault {
	if o := p.Format.KernelOption(); w.opts.Built != nil && !w.opts.Built(o) {
		w.find("format-unsupported", p.Member, p.Offset, "%s is not in the new kernel's configuration (%s)", p.Format, o)
	}
	h := make([]byte, 12)
	n, _ := w.r.ReadAt(h[:min(12, w.limit(p.Offset)-p.Offset)], p.Offset)
	switch {
	case n < 4:
		return &fault{id: "stream-truncated", text: fmt.Sprintf("the %s stream is cut off", p.Format)}
	case p.Format == XZ:
		w.xzHeader(p, h[7])
	case p.Format == Gzip && h[3]&^0x09 != 0:
		// The kernel skips a file name and nothing else (lib/decompress_inflate.c).
		return &fault{id: "gzip-header", text: "gzip with a comment or an extra field, which the kernel cannot skip"}
	}
	return nil
}

// xzHeader judges an xz stream by its flags and by its first block.
func (w *walker) xzHeader(p *pieceWalk, check byte) {
	if check > xzCRC32 {
		w.find("xz-check", p.Member, p.Offset, "xz with an integrity check other than CRC32, which the kernel refuses")
	}
	b, _ := xzNext(&picker{r: w.r, pos: p.Offset, limit: w.limit(p.Offset)})
	if text := b.filterFault(w.opts.Built); text != "" {
		w.find("xz-filter", p.Member, p.Offset, "%s", text)
	}
}

// decode unpacks the stream and walks what is in it. The kernel takes one
// stream at a time and wants an archive to end where the stream ends.
func (w *walker) decode(p *pieceWalk, fr frame) (int64, *fault, error) {
	d, err := decode(p.Format, marking{w}, p.Offset, fr)
	if err != nil {
		return fr.end, w.damaged(p, err), nil
	}
	defer d.close()
	in := &limited{r: d, budget: w.budget}
	out, err := w.teed(p, in)
	if err != nil {
		return fr.end, nil, err
	}
	p.Entries = 0
	err = w.inner(p, &scanner{c: streamCursor(out)})
	p.Unpacked = in.n
	var f *fault
	var own *ownError
	switch {
	case err == nil:
		return d.end(), nil, nil
	case errors.Is(err, ErrLimit), errors.As(err, &own):
		return fr.end, nil, err
	case errors.As(err, &f):
		return fr.end, &fault{id: f.id, text: "inside the compressed image: " + f.text}, nil
	}
	return fr.end, w.damaged(p, err), nil
}

func (w *walker) teed(p *pieceWalk, in io.Reader) (io.Reader, error) {
	if w.tee == nil {
		return in, nil
	}
	dst, err := w.tee(p)
	return io.TeeReader(in, ownWriter{dst}), err
}

// damaged says what is wrong with a stream that cannot be decoded. Where it is
// only we who cannot, the kernel may.
func (w *walker) damaged(p *pieceWalk, err error) *fault {
	var u *unreadable
	if !errors.As(err, &u) {
		return &fault{id: "stream-damaged", text: fmt.Sprintf("damaged %s stream: %v", p.Format, err)}
	}
	p.Entries, p.Unpacked = -1, -1
	w.find("stream-unread", p.Member, p.Offset, "%v, so what is in it was not looked at", err)
	return nil
}

// inner walks the archives of an unpacked stream. Each stream counts its
// offsets from 0.
func (w *walker) inner(p *pieceWalk, s *scanner) error {
	for {
		err := s.next()
		var f *fault
		switch {
		case errors.Is(err, io.EOF) && !w.any:
			return s.fault("stream-empty", "there is nothing in it, which the kernel takes for an error in front of all else")
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errForeign):
			return s.fault("stream-junk", "something that is no cpio archive")
		case errors.As(err, &f) && f.id == "cpio-skipped":
			w.find(f.id, p.Member, p.Offset, "inside the compressed image: %s", f.text)
			continue
		case err != nil:
			return err
		}
		if err := w.entry(s, p); err != nil {
			return err
		}
	}
}

// behindLZ4 looks whether the decoder finds its end: a zero length, the next
// stream, or the end of the blob.
func (w *walker) behindLZ4(p *pieceWalk) error {
	if p.Format != LZ4 || w.size-w.pos < 4 {
		return nil
	}
	b := make([]byte, 4)
	if err := readFull(w.r, b, w.pos); err != nil {
		return err
	}
	if s := string(b); s != lz4Magic && s != "\x00\x00\x00\x00" {
		w.stop("lz4-unterminated", p.Offset, "fewer than 4 zero bytes are behind this lz4 image, so the kernel takes what follows for more of it")
	}
	return nil
}

// limited ends with ErrLimit where io.LimitReader would end in silence.
type limited struct {
	r      io.Reader
	budget *atomic.Int64 // may be shared
	n      int64         // bytes read
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.n += int64(n)
	if l.budget.Add(-int64(n)) < 0 {
		return 0, ErrLimit
	}
	return n, err
}

// An ownError is a failure on our side of a decoder, to tell it from damage.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }
func (e *ownError) Unwrap() error { return e.err }

type ownWriter struct{ w io.Writer }

func (o ownWriter) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		err = &ownError{err}
	}
	return n, err
}
