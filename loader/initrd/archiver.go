package initrd

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"golang.org/x/sys/unix"
)

const smallFile = 64 << 10 // content that goes through the buffer

// An archiver writes the changed nodes of a tree as one newc archive.
type archiver struct {
	tree    *tree
	sources []content
	major   uint32 // of the device that all files are on
	size    int64  // of the archive

	out  *copier // nil: measure only
	buf  []byte
	inos uint32
}

// measure finds the size of the archive, and what an archive cannot say.
func (a *archiver) measure() (int64, error) {
	for _, p := range a.tree.gone {
		// Where a device node is, the kernel makes no other of the same type.
		at, ok := a.tree.find(p)
		if !ok || at.node == nil || at.node.kind() == unix.S_IFCHR {
			return 0, fmt.Errorf("%q of the kernel's own image is removed, which no archive can say", clip(p))
		}
	}
	if err := a.run(); err != nil {
		return 0, err
	}
	return a.size, nil
}

// write writes the archive that was measured.
func (a *archiver) write(c *copier) error {
	want := a.size
	a.out, a.size, a.inos = c, 0, 0
	a.buf = make([]byte, 0, 2*smallFile)
	a.renumber(a.tree.root)
	if err := a.run(); err != nil {
		return err
	}
	if a.size != want {
		return fmt.Errorf("flat archive of %d bytes instead of %d", a.size, want)
	}
	return a.flush()
}

// renumber forgets the inode numbers of the measuring.
func (a *archiver) renumber(dir *inode) {
	for _, k := range dir.kids {
		k.ino = 0
		if k.isDir() {
			a.renumber(k)
		}
	}
}

func (a *archiver) run() error {
	if a.tree.root.dirty {
		if err := a.header(".", a.tree.root, 0); err != nil {
			return err
		}
	}
	if err := a.dir("", a.tree.root); err != nil {
		return err
	}
	end := stubTrailer()
	a.size += int64(len(end))
	return a.bytes(end)
}

func (a *archiver) dir(prefix string, dir *inode) error {
	for _, name := range slices.Sorted(maps.Keys(dir.kids)) {
		n := dir.kids[name]
		if n.dirty {
			if err := a.node(prefix+name, n); err != nil {
				return err
			}
		}
		if n.isDir() {
			if err := a.dir(prefix+name+"/", n); err != nil {
				return err
			}
		}
	}
	return nil
}

// node writes one name of a file. The content goes with its first name.
func (a *archiver) node(path string, n *inode) error {
	switch {
	case n.kind() == unix.S_IFLNK:
		if err := a.header(path, n, int64(len(n.link))); err != nil {
			return err
		}
		a.size += align4(int64(len(n.link)))
		return a.bytes(append([]byte(n.link), make([]byte, -len(n.link)&3)...))
	case n.kind() != unix.S_IFREG || n.ino != 0:
		return a.header(path, n, 0)
	}
	if err := a.header(path, n, n.content.size); err != nil {
		return err
	}
	return a.content(n.content)
}

func (a *archiver) header(path string, n *inode, size int64) error {
	if len(path) >= pathMax {
		return fmt.Errorf("the path %q is too long for an archive", clip(path))
	}
	if n.ino == 0 {
		if a.inos == math.MaxUint32 {
			return errTooMany
		}
		a.inos++
		n.ino = a.inos
	}
	head := align4(int64(newcHeader + len(path) + 1))
	a.size += head
	if a.out == nil {
		return nil
	}
	links := n.names
	if n.isDir() || n.kind() == unix.S_IFLNK {
		links = 1
	}
	b := fmt.Appendf(make([]byte, 0, head), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		n.ino, n.mode, n.uid, n.gid, links, uint32(max(0, n.mtime)), size, a.major, 0, n.major, n.minor, len(path)+1, 0)
	b = append(b, path...)
	return a.bytes(b[:head])
}

func (a *archiver) content(e extent) error {
	full := align4(e.size)
	a.size += full
	if a.out == nil || e.size == 0 {
		return nil
	}
	src := a.sources[e.source]
	if e.size > smallFile {
		if err := a.flush(); err != nil {
			return err
		}
		if err := a.out.content(src.slice(e.off, e.off+e.size)); err != nil {
			return err
		}
		return a.bytes(make([]byte, full-e.size))
	}
	if len(a.buf)+int(full) > cap(a.buf) {
		if err := a.flush(); err != nil {
			return err
		}
	}
	n := len(a.buf)
	a.buf = a.buf[:n+int(full)]
	clear(a.buf[n+int(e.size):])
	return readFull(src, a.buf[n:][:e.size], e.off)
}

// bytes writes through the buffer.
func (a *archiver) bytes(b []byte) error {
	if a.out == nil {
		return nil
	}
	if len(a.buf)+len(b) > cap(a.buf) {
		if err := a.flush(); err != nil {
			return err
		}
	}
	a.buf = append(a.buf, b...)
	return nil
}

func (a *archiver) flush() error {
	_, err := a.out.dst.Write(a.buf)
	a.buf = a.buf[:0]
	return err
}
