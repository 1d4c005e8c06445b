package initrd

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// archive walks uncompressed archives, to the first thing that is none.
func (w *walker) archive(c *cursor) error {
	s := &scanner{c: c, limit: w.limit}
	p := w.begin(Newc, w.pos)
	for {
		err := s.next()
		var f *fault
		switch {
		case err == nil:
			if p.ended || w.source(s.start).Offset != w.source(p.Offset).Offset {
				w.end(p)
				p = w.begin(Newc, s.start)
			}
			err = w.entry(s, p)
			p.Size = min(s.after, s.bound) - p.Offset
			w.pos = min(s.after, w.size)
		case errors.As(err, &f) && f.id == "cpio-skipped":
			w.find(f.id, p.Member, f.at, "%s", f.text)
			p.Size = min(s.after, s.bound) - p.Offset
			err = nil
		}
		if err != nil {
			return w.endArchive(p, s, err)
		}
	}
}

// endArchive deals with the reason for which an archive ended.
func (w *walker) endArchive(p *pieceWalk, s *scanner, err error) error {
	w.pos = max(w.pos, min(s.c.pos, w.size))
	var f *fault
	isFault := errors.As(err, &f)
	if isFault && f.at < w.size && w.source(f.at).Offset != w.source(p.Offset).Offset {
		w.end(p)
		p = w.begin(Newc, f.at)
	}
	if isFault && (f.id == "cpio-truncated" || p.Size == 0) {
		p.Size = max(p.Size, w.limit(f.at)-p.Offset)
	}
	if isFault && f.id == "cpio-odc" {
		p.Format = ODC
	}
	w.end(p)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, errForeign):
		return nil
	case isFault:
		w.stop(f.id, min(f.at, w.size-1), f.text)
		return nil
	}
	return err
}

// A pieceWalk is a piece that is being walked.
type pieceWalk struct {
	Piece
	sum summary
}

// A summary is what was seen of the entries of a piece.
type summary struct {
	files   int // all but directories
	early   int // files below kernel/
	acpi    int // of them ACPI tables
	other   int // entries outside of kernel
	init    bool
	vendors []string
}

func (w *walker) begin(f Format, off int64) *pieceWalk {
	return &pieceWalk{Piece: Piece{
		Member: w.source(off).Name, Offset: off, Format: f, Unpacked: -1, Dropped: w.dropped,
	}}
}

// end judges a piece and adds it to the report.
func (w *walker) end(p *pieceWalk) {
	if f := p.Format; !f.Compressed() {
		p.Unpacked = p.Size
	}
	p.Vendors = p.sum.vendors
	p.Kind = p.sum.kind()
	p.pure = p.Format == Newc && p.sum.early > 0 && p.sum.other == 0
	if p.Entries < 0 {
		p.Kind = Main
		if w.main {
			p.Kind = Extra
		}
	}
	w.main = w.main || p.Kind == Main
	w.rep.Pieces = append(w.rep.Pieces, p.Piece)
}

func (s summary) kind() Kind {
	switch {
	case s.files > 0 && s.files == s.early && s.acpi == s.files:
		return ACPI
	case s.files > 0 && s.files == s.early && len(s.vendors) == s.files:
		return Microcode
	case s.files > 0 && s.files == s.early:
		return Early
	case s.init:
		return Main
	}
	return Extra
}

const (
	ucodeDir = "kernel/x86/microcode/"
	acpiDir  = "kernel/firmware/acpi/"
)

// entry takes note of one file.
func (w *walker) entry(s *scanner, p *pieceWalk) error {
	w.any = true
	if s.trailer() {
		p.ended = true
		w.links.clear()
		return nil
	}
	p.Entries++
	if other, mixed := w.links.cross(s.e, w.source(p.Offset).Offset); mixed {
		w.find("cpio-links", p.Member, s.start, "%q would become one file with %q of %s, because no trailer is between them",
			clip(s.e.Path), clip(other.path), w.source(other.member).Name)
	}
	w.note(s.e, p)
	if w.visit != nil {
		if err := w.visit(s, p); err != nil {
			return &ownError{err}
		}
	}
	if w.opts.Verify {
		return s.verify()
	}
	return nil
}

// note looks at the names that the kernel or its init care about.
func (w *walker) note(e Entry, p *pieceWalk) {
	name := strings.TrimLeft(strings.TrimPrefix(e.Path, "./"), "/")
	switch name {
	case "init", "sbin/init", "usr/lib/systemd/systemd":
		p.sum.init = true
	}
	inside := strings.HasPrefix(name, "kernel/")
	regular, dir := e.kind() == unix.S_IFREG, e.kind() == unix.S_IFDIR
	if !dir {
		p.sum.files++
	}
	early := inside && (regular || dir) || name == "kernel" && dir
	if !early {
		p.sum.other++
	}
	if !inside || !regular {
		return
	}
	p.sum.early++
	p.earlyFile(w, e, name)
}

// earlyFile looks at a file below kernel/.
func (p *pieceWalk) earlyFile(w *walker, e Entry, name string) {
	vendor, ucode := strings.CutPrefix(name, ucodeDir)
	acpi := strings.HasPrefix(name, acpiDir)
	if !ucode && !acpi {
		return
	}
	if ucode {
		vendor = strings.TrimSuffix(vendor, ".bin")
		p.sum.vendors = append(p.sum.vendors, clip(vendor))
	} else {
		p.sum.acpi++
	}
	w.early(e, p, vendor, ucode)
}

// early judges an early file by where it is: the kernel's scan ends at the
// first compressed byte, compares names literally, and takes the first
// microcode file of a vendor.
func (w *walker) early(e Entry, p *pieceWalk, vendor string, ucode bool) {
	id, what := "acpi-late", "ACPI tables"
	if ucode {
		id, what = "microcode-late", "CPU microcode"
	}
	switch {
	case p.Format != Newc:
		w.once(id, p.Member, p.Offset, fmt.Sprintf("%s inside a compressed image, where the kernel does not look for it", what))
	case w.compressed != "":
		w.once(id, p.Member, p.Offset, fmt.Sprintf("%s behind the compressed image %s, where the kernel does not look for it", what, w.compressed))
	case !strings.HasPrefix(e.Path, "kernel/"):
		w.once("early-name", p.Member, p.Offset, fmt.Sprintf("%q is not found, the kernel compares the whole name", clip(e.Path)))
	case ucode && w.ucode[vendor] != "":
		w.once("microcode-twice", p.Member, p.Offset, fmt.Sprintf("%s microcode is in %s already, and the kernel takes the first", clip(vendor), w.ucode[vendor]))
	case ucode && len(w.ucode) < 16:
		w.ucode[vendor] = p.Member
	}
}

// once adds a finding unless the last one said the same of the same member.
func (w *walker) once(id, member string, off int64, text string) {
	for _, f := range w.rep.Findings {
		if f.ID == id && f.Member == member {
			return
		}
	}
	w.find(id, member, off, "%s", text)
}
