package initrd

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
)

const smallFile = 64 << 10 // content that goes through the buffer

// An earlyFile is one that the kernel finds before it unpacks.
type earlyFile struct {
	entry   cpio.Entry
	content extent
}

// An archiver writes the changed nodes of a tree as one newc archive, after one
// with the early files.
type archiver struct {
	tree  *tree
	blob  content
	spool content
	early []earlyFile

	kids map[*inode][]kid
	skip map[*inode]bool // it is among the early files, just so
	size int64           // written so far
	out  *copier
	buf  []byte
	inos uint32
}

type kid struct {
	base string
	node *inode
}

// measure finds the sizes of the two archives, and what an archive cannot say.
func (a *archiver) measure() (early, size int64, err error) {
	a.tree.setTimes()
	for _, p := range a.tree.gone {
		// Where a device node is, the kernel makes no other of the same type.
		at, err := a.tree.find(p)
		if err != "" || at.node == nil || at.node.kind() == unix.S_IFCHR {
			return 0, 0, fmt.Errorf("%q of the kernel's own image is removed, which no archive can say", cpio.Clip(p))
		}
	}
	a.kids = map[*inode][]kid{}
	for n, node := range a.tree.names {
		a.kids[n.dir] = append(a.kids[n.dir], kid{n.base, node})
	}
	for _, k := range a.kids {
		slices.SortFunc(k, func(x, y kid) int { return cmp.Compare(x.base, y.base) })
	}
	a.dedupe()
	if err := a.front(); err != nil {
		return 0, 0, err
	}
	early = a.size
	err = a.all()
	return early, a.size - early, err
}

// write writes the archives that were measured.
func (a *archiver) write(c *copier) error {
	want := a.size
	a.out, a.size, a.inos = c, 0, 0
	a.buf = make([]byte, 0, 2*smallFile)
	for _, n := range a.tree.names {
		n.ino = 0
	}
	a.tree.root.ino = 0
	if err := a.front(); err != nil {
		return err
	}
	if err := a.all(); err != nil {
		return err
	}
	if a.size != want {
		return fmt.Errorf("flat archive of %d bytes instead of %d", a.size, want)
	}
	return a.flush()
}

// dedupe keeps the first microcode file of a name, which is the one that the
// kernel takes, and notes what the tree need not have again.
func (a *archiver) dedupe() {
	a.skip = map[*inode]bool{}
	seen := map[string]bool{}
	a.early = slices.DeleteFunc(a.early, func(f earlyFile) bool {
		again := seen[f.entry.Path] && strings.HasPrefix(f.entry.Path, ucodeDir)
		seen[f.entry.Path] = true
		return again
	})
	for _, f := range a.early {
		at, err := a.tree.find(f.entry.Path)
		if err != "" || at.node == nil {
			continue
		}
		n, e := *at.node, f.entry
		same := n.mode == e.Mode && n.uid == e.UID && n.gid == e.GID && n.mtime == e.MTime
		if same && n.names == 1 && n.content == f.content {
			a.skip[at.node] = true
		}
	}
}

// treeName is the name of a file in the tree. The kernel, which compares names
// literally, would find early files there too, also those that came too late.
func treeName(path string) string {
	if strings.HasPrefix(path, ucodeDir) || strings.HasPrefix(path, acpiDir) {
		return "./" + path
	}
	return path
}

// front writes the early files, with those of their directories that the tree
// has.
func (a *archiver) front() error {
	if len(a.early) == 0 {
		return nil
	}
	listed := map[string]bool{}
	for i, f := range a.early {
		if err := a.frontDirs(f.entry.Path, listed); err != nil {
			return err
		}
		e := f.entry
		e.Ino, e.NLink, e.DevMajor, e.DevMinor = uint32(i+1), 1, 0, 0
		if err := a.bytes(cpio.AppendHeader(nil, e, false)); err != nil {
			return err
		}
		if err := a.content(f.content); err != nil {
			return err
		}
	}
	return a.bytes(cpio.Trailer())
}

func (a *archiver) frontDirs(path string, listed map[string]bool) error {
	for i, c := range path {
		dir := path[:i]
		if c != '/' || listed[dir] {
			continue
		}
		at, err := a.tree.find(dir)
		if err != "" || at.node == nil || !at.node.isDir() {
			return nil
		}
		listed[dir] = true
		n := at.node
		e := cpio.Entry{Path: dir, Mode: n.mode, UID: n.uid, GID: n.gid, MTime: max(0, n.mtime), NLink: 1}
		if err := a.bytes(cpio.AppendHeader(nil, e, false)); err != nil {
			return err
		}
	}
	return nil
}

// all writes the tree.
func (a *archiver) all() error {
	if a.tree.root.dirty {
		if err := a.header(".", a.tree.root, 0); err != nil {
			return err
		}
	}
	if err := a.dir("", a.tree.root); err != nil {
		return err
	}
	return a.bytes(cpio.Trailer())
}

func (a *archiver) dir(prefix string, dir *inode) error {
	for _, k := range a.kids[dir] {
		if k.node.dirty && !a.skip[k.node] {
			if err := a.node(treeName(prefix+k.base), k.node); err != nil {
				return err
			}
		}
		if k.node.isDir() {
			if err := a.dir(prefix+k.base+"/", k.node); err != nil {
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
		return a.bytes([]byte(n.link + strings.Repeat("\x00", -len(n.link)&3)))
	case n.kind() != unix.S_IFREG || n.ino != 0:
		return a.header(path, n, 0)
	}
	if err := a.header(path, n, n.content.size); err != nil {
		return err
	}
	return a.content(n.content)
}

func (a *archiver) header(path string, n *inode, size int64) error {
	if len(path) >= cpio.PathMax {
		return fmt.Errorf("the path %q is too long for an archive", cpio.Clip(path))
	}
	if n.ino == 0 {
		if a.inos == math.MaxUint32 {
			return errors.New("more files than can be flattened")
		}
		a.inos++
		n.ino = a.inos
	}
	links := n.names
	if n.isDir() || n.kind() == unix.S_IFLNK {
		links = 1
	}
	return a.bytes(cpio.AppendHeader(nil, cpio.Entry{
		Path: path, Ino: n.ino, Mode: n.mode, UID: n.uid, GID: n.gid, NLink: links,
		MTime: max(0, n.mtime), Size: size, RdevMajor: n.major, RdevMinor: n.minor,
	}, false))
}

func (a *archiver) content(e extent) error {
	full := cpio.Align(e.size)
	if a.out == nil || e.size == 0 {
		a.size += full
		return nil
	}
	from := a.blob
	if e.spooled {
		from = a.spool
	}
	from = from.slice(e.off, e.off+e.size)
	if e.size <= smallFile {
		b := make([]byte, full)
		if err := readat.Full(from, b[:e.size], 0); err != nil {
			return err
		}
		return a.bytes(b)
	}
	if err := a.flush(); err != nil {
		return err
	}
	a.size += e.size
	if err := a.out.content(from); err != nil {
		return err
	}
	return a.bytes(make([]byte, full-e.size))
}

// bytes writes through the buffer.
func (a *archiver) bytes(b []byte) error {
	a.size += int64(len(b))
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
