package initrd

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// A stop is where the kernel gives up: it keeps what it unpacked before, and
// drops the rest.
type stop struct {
	id     ID
	member Placed
	off    int64
	text   string
	lost   bool // an image comes after it, or it is one itself
	begun  bool // something was unpacked before
}

// find adds a finding, unless the kernel never gets there.
func (w *walker) find(id ID, member string, off int64, format string, args ...any) {
	if w.stopped == nil {
		w.found.add(Finding{ID: id, Member: member, Offset: &off}, format, args...)
	}
}

// once adds a finding unless the last one with the same ID was about the same
// member.
func (w *walker) once(id ID, member string, off int64, format string, args ...any) {
	if w.stopped == nil && w.found.first(id, w.source(off).Offset) {
		at := off // off itself would be on the heap for every call
		w.found.add(Finding{ID: id, Member: member, Offset: &at}, format, args...)
	}
}

// stop notes that the kernel gives up at off, and goes to the next member. The
// bytes from rest on may hold another image.
func (w *walker) stop(id ID, off, rest int64, text string) error {
	end := w.limit(max(off, w.pos))
	if w.stopped == nil {
		w.stopped = &stop{id: id, member: w.source(off), off: off, text: text, begun: w.begun}
		var err error
		if w.stopped.lost, err = w.loses(id, rest, end); err != nil {
			return err
		}
	}
	w.pos = max(end, w.pos+1)
	return nil
}

// loses reports whether a stop for a reason loses an image by itself.
func (w *walker) loses(id ID, from, to int64) (bool, error) {
	switch id {
	case Junk:
		head := make([]byte, min(len(compress.XZMagic), int(to-from)))
		if err := readat.Full(w.r, head, from); err != nil || damagedMagic(head) {
			return true, err
		}
		return w.holdsImage(from, to)
	case LZ4Unterminated, BootconfigBuried, BootconfigDamaged, cpio.Padding:
		return w.holdsImage(from, to)
	}
	return true, nil
}

// damagedMagic reports whether head is a magic number but for one bit, or that of
// a gzip of old, for which the kernel has a name and no decoder.
func damagedMagic(head []byte) bool {
	for _, magic := range []string{"07070", "\x1f\x8b\x08", "\x1f\x9e", "BZh", "\x5d\x00\x00", compress.XZMagic, "\x89LZO\x00", compress.LZ4Magic, "\x28\xb5\x2f\xfd"} {
		if len(head) < len(magic) {
			continue
		}
		differ := 0
		for i := range len(magic) {
			differ += bits.OnesCount8(head[i] ^ magic[i])
		}
		if differ <= 1 {
			return true
		}
	}
	return false
}

// holdsImage reports whether an image seems to begin between two offsets.
func (w *walker) holdsImage(from, to int64) (bool, error) {
	const overlap = cpio.HeaderSize
	buf := make([]byte, min(64<<10, max(0, to-from)))
	for from < to {
		b := buf[:min(int64(len(buf)), to-from)]
		if err := readat.Full(w.r, b, from); err != nil {
			return false, err
		}
		if imageIn(b, from) {
			return true, nil
		}
		if int64(len(b)) == to-from {
			break
		}
		from += int64(len(b)) - overlap
	}
	return false, nil
}

// imageIn looks for an archive, or for a magic number that is long enough not
// to be there by chance. off is the offset of b.
func imageIn(b []byte, off int64) bool {
	for _, magic := range []string{"\xfd7zXZ\x00", "\x89LZO\x00\x0d\x0a\x1a\x0a", "BZh91AY&SY"} {
		if bytes.Contains(b, []byte(magic)) {
			return true
		}
	}
	for _, magic := range []string{"\x1f\x8b\x08\x00", "\x28\xb5\x2f\xfd", "\x02\x21\x4c\x18"} {
		for i := nextIn(b, magic, 0); i >= 0; i = nextIn(b, magic, i+1) {
			if (off+int64(i))%4 == 0 {
				return true
			}
		}
	}
	for i := nextIn(b, "07070", 0); i >= 0; i = nextIn(b, "07070", i+1) {
		if (off+int64(i))%4 == 0 && cpio.IsHeader(b[i:]) {
			return true
		}
	}
	return false
}

func nextIn(b []byte, magic string, from int) int {
	i := bytes.Index(b[from:], []byte(magic))
	if i < 0 {
		return -1
	}
	return from + i
}

// conclude adds what is known only at the end.
func (w *walker) conclude() error {
	if w.stopped != nil {
		w.reportStop(*w.stopped)
	}
	if w.rep.Size > 0 && !w.takesInitrd() {
		w.found.add(Finding{ID: FormatUnsupported, Member: w.members[0].Name}, "the new kernel takes no initrd at all (CONFIG_BLK_DEV_INITRD)")
	}
	w.rep.Releases = w.sortedReleases()
	w.treeFindings()
	w.rep.Findings = w.found.result()
	return nil
}

// takesInitrd reports whether the new kernel unpacks initrds, as far as that is
// known. Each of the formats' options depends on CONFIG_BLK_DEV_INITRD.
func (w *walker) takesInitrd() bool {
	if w.opts.Built == nil || w.opts.Built("CONFIG_BLK_DEV_INITRD") {
		return true
	}
	return slices.ContainsFunc(compress.Formats(), func(f compress.Format) bool { return w.opts.Built(f.KernelOption()) })
}

func (w *walker) reportStop(s stop) {
	f := Finding{ID: s.id, Member: s.member.Name, Offset: &s.off}
	after := 0
	for _, o := range w.members {
		if o.Offset > s.member.Offset && !o.Config {
			after++
		}
	}
	switch {
	case !s.lost && s.begun && s.id == BootconfigDamaged:
		return // it is reported already, and nothing is lost
	case !s.lost && s.begun:
		f.Severity = finding.Warning
		s.text += "; the kernel stops here, after all images"
	case after > 0:
		s.text += fmt.Sprintf("; the kernel stops here and drops the %d images after it", after)
	default:
		s.text += "; the kernel stops here"
	}
	w.found.add(f, "%s", s.text)
}

// config finds bootconfigs. The kernel cuts off the one at the very end before
// it unpacks, where length and checksum are right; others are junk to it.
func (w *walker) config() (*Segment, error) {
	b, found, err := findBootconfig(w.r, w.size, true)
	if err != nil || !found {
		return nil, err
	}
	m := w.source(b.end - 1)
	if !b.valid {
		w.find(BootconfigDamaged, m.Name, b.end-int64(configTail), "it ends in a bootconfig whose length or checksum is wrong, which the kernel does not apply")
		return nil, nil
	}
	covers, err := w.holdsImage(b.start, b.end)
	if err != nil {
		return nil, err
	}
	if covers {
		f := Finding{ID: BootconfigDamaged, Severity: finding.Error, Member: m.Name, Offset: &b.start}
		w.found.add(f, "its bootconfig is so long that an image is in it, which the kernel does not unpack")
	}
	w.size = b.start
	return &Segment{Member: m.Name, Offset: b.start, Size: b.end - b.start, Format: Config, Kind: Extra}, nil
}

// junkID is what to call something that is neither an archive nor compressed:
// it may be a bootconfig that the kernel does not find, or does not take.
func (w *walker) junkID() (ID, string, error) {
	m := w.source(w.pos)
	b, found, err := findBootconfig(io.NewSectionReader(w.r, m.Offset, m.Size), m.Size, false)
	switch {
	case err != nil || !found:
		return Junk, "neither a cpio archive nor compressed in a way that the kernel knows", err
	case m.Offset+b.end >= w.rep.Size-configSlack && w.size < w.rep.Size:
		return Junk, "neither a cpio archive nor compressed, in front of the bootconfig", nil
	case m.Offset+b.end >= w.rep.Size-configSlack:
		return BootconfigDamaged, "", nil
	}
	return BootconfigBuried, "it ends in a bootconfig that is not at the end of the blob", nil
}
