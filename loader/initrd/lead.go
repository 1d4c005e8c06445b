package initrd

import "golang.org/x/sys/unix"

// A lead is the first compressed stream behind the early archives. It is
// decoded to the place where it may stay.
type lead struct {
	out   *flatFile       // nil: there is none
	kept  bool            // out is the result
	piece int             // index of the piece that it is in
	off   int64           // in that piece
	at    int64           // where its content begins, in out
	end   int64           // of the archive in the content: where its trailer was
	links map[uint32]bool // majors of the devices whose inode numbers it links by
}

// place finds what may stay in front, and the lead behind it, by headers alone.
func (f *flattener) place() error {
	for i, p := range f.pieces {
		if p.config {
			continue
		}
		w := newWalker(p, p.size, WalkOptions{})
		if err := w.run(); err != nil {
			return flatError(p.name, err)
		}
		for _, pc := range w.rep.Pieces {
			switch {
			case pc.pure && pc.ended:
				f.front = append(f.front, piece{content: p.slice(pc.Offset, pc.Offset+pc.Size), name: p.name})
			case pc.Format.Compressed():
				return f.open(i, pc.Offset)
			case pc.Format != Zeros && pc.Format != Config:
				return nil
			}
		}
	}
	return nil
}

// open makes the file that the stream at off of piece i goes into.
func (f *flattener) open(i int, off int64) error {
	out, err := newFlatFile(f.front)
	if err == nil {
		err = out.begin("flattened")
	}
	if err != nil {
		out.close()
		return err
	}
	f.lead = lead{out: out, piece: i, off: off, at: out.layout.Size}
	return nil
}

// An applied archive is what was seen when it was planted.
type applied struct {
	entries int
	end     int64           // behind the last entry
	whole   bool            // nothing is behind its trailer
	links   map[uint32]bool // majors of devices of hard links
}

func (a *applied) entry(e Entry, end int64) {
	a.entries++
	a.end = end
	if e.NLink >= 2 && e.kind() != unix.S_IFDIR {
		a.links[e.DevMajor] = true
	}
}

// freeMajor is the number of a device that no hard link of the lead is on: the
// trailer between it and what is added is gone, and with it what told the
// kernel that equal inode numbers are different files.
func (l *lead) freeMajor() uint32 {
	major := uint32(0)
	for l.links[major] {
		major++
	}
	return major
}
