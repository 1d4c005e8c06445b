package initrd

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxNodes = 1 << 20 // files that a flattened image may have: some 300 bytes of memory each
	maxSteps = 1 << 28 // path components that are looked up: seconds of work
	maxLinks = 40      // symbolic links in one path, as in the kernel's namei
	nameMax  = 255
)

// A tree is the root file system that the kernel's unpacker works on, in
// memory, without the content of the files.
type tree struct {
	root  *inode
	nodes int
	steps int
	links map[linkKey]string // path of the first of each set of hard links
	times []dirTime          // set when all is unpacked
	gone  []string           // nodes of before that were removed
}

// An inode is one file, under one or more names.
type inode struct {
	mode, uid, gid uint32
	mtime          int64
	major, minor   uint32 // of a device node
	link           string
	content        extent
	kids           map[string]*inode
	up             *inode // of a directory
	names          int    // how many names a file has
	dirty          bool   // differs from what was there before
	old            bool   // was there before
	ino            uint32 // in the archive that is written; 0: not yet there
}

// An extent is where the content of a file is.
type extent struct {
	source    int
	off, size int64
}

type dirTime struct {
	path  string
	mtime int64
}

var errTooMany = errors.New("more files than can be flattened")

// newTree has what every kernel unpacks before: /dev, /dev/console and /root
// (usr/default_cpio_list), with the time of its build.
func newTree() *tree {
	t := &tree{root: newDir(nil, 0o755), links: map[linkKey]string{}}
	dev := newDir(t.root, 0o755)
	dev.kids["console"] = &inode{mode: unix.S_IFCHR | 0o600, major: 5, minor: 1, names: 1, old: true}
	t.root.kids = map[string]*inode{"dev": dev, "root": newDir(t.root, 0o700)}
	return t
}

// unknownTime differs from every time that an archive can have.
const unknownTime = -1

func newDir(up *inode, mode uint32) *inode {
	n := &inode{mode: unix.S_IFDIR | mode, mtime: unknownTime, kids: map[string]*inode{}, up: up, names: 1, old: true}
	if up == nil {
		n.up = n
	}
	return n
}

func (n *inode) kind() uint32 { return n.mode & unix.S_IFMT }
func (n *inode) isDir() bool  { return n.kind() == unix.S_IFDIR }

// A place is where a path leads: a name in a directory, and what it stands for.
type place struct {
	dir  *inode
	name string // "": the path ends in "/", "." or "..", and node is no entry that could be made or removed
	node *inode // nil: nothing there
}

// find follows a path from the root as the kernel does, through symbolic
// links except for the last component. It fails where the kernel has ENOENT,
// ENOTDIR, ELOOP or ENAMETOOLONG, which for the unpacker all mean: skip.
func (t *tree) find(p string) (place, bool) {
	budget := maxLinks
	return t.walk(t.root, p, &budget)
}

func (t *tree) walk(dir *inode, p string, budget *int) (place, bool) {
	if p == "" || len(p) >= pathMax {
		return place{}, false
	}
	if p[0] == '/' {
		dir = t.root
	}
	at := place{dir: dir, node: dir}
	for rest := p; ; {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			return at, true
		}
		t.steps++
		if at.node = t.through(at, budget); at.node == nil || !at.node.isDir() {
			return place{}, false
		}
		var name string
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			name, rest = rest[:i], rest[i:]
		} else {
			name, rest = rest, ""
		}
		dir := at.node
		switch {
		case name == ".":
			at = place{dir: dir, node: dir}
		case name == "..":
			at = place{dir: dir.up, node: dir.up}
		case len(name) > nameMax:
			return place{}, false
		default:
			at = place{dir: dir, name: name, node: dir.kids[name]}
		}
		if strings.HasSuffix(p, "/") && strings.Trim(rest, "/") == "" {
			return t.slashed(at, budget)
		}
	}
}

// through follows a symbolic link, to its end.
func (t *tree) through(at place, budget *int) *inode {
	n := at.node
	for n != nil && n.kind() == unix.S_IFLNK {
		if *budget--; *budget < 0 {
			return nil
		}
		next, ok := t.walk(at.dir, n.link, budget)
		if !ok {
			return nil
		}
		at, n = next, next.node
	}
	return n
}

// slashed is the place of a path that ends in a slash: only a directory can be
// there or be made.
func (t *tree) slashed(at place, budget *int) (place, bool) {
	if at.node == nil {
		return at, at.name != ""
	}
	n := t.through(at, budget)
	if n == nil || !n.isDir() {
		return place{}, false
	}
	if n != at.node {
		return place{dir: n, node: n}, true
	}
	return at, true
}

// put makes a new node.
func (t *tree) put(at place, n *inode) (*inode, error) {
	if t.nodes++; t.nodes > maxNodes {
		return nil, errTooMany
	}
	n.dirty = true
	if n.isDir() {
		n.up = at.dir
		n.kids = map[string]*inode{}
	}
	n.names++
	at.dir.kids[at.name] = n
	return n, nil
}

// remove takes the node away, unless it is a directory with something in it.
func (t *tree) remove(at place) bool {
	if at.name == "" || at.node.isDir() && len(at.node.kids) > 0 {
		return false
	}
	if at.node.old {
		t.gone = append(t.gone, path.Join(t.pathOf(at.dir), at.name))
	}
	delete(at.dir.kids, at.name)
	at.node.names--
	t.nodes--
	return true
}

// pathOf is the path of a directory, without a leading slash.
func (t *tree) pathOf(dir *inode) string {
	var names []string
	for ; dir != t.root; dir = dir.up {
		for name, kid := range dir.up.kids {
			if kid == dir {
				names = append([]string{name}, names...)
			}
		}
	}
	return strings.Join(names, "/")
}

// settle makes the present state the one of before. The times stay: the kernel
// sets them when all is unpacked, and the first entry of a directory wins.
func (t *tree) settle() {
	t.setTimes()
	t.gone = nil
	t.root.each(func(n *inode) { n.dirty, n.old = false, true })
}

// each calls f for the directory and for all names below it.
func (n *inode) each(f func(*inode)) {
	f(n)
	for _, k := range n.kids {
		if k.isDir() {
			k.each(f)
		} else {
			f(k)
		}
	}
}

// changed is how many names lead to something new.
func (t *tree) changed() int {
	t.setTimes()
	names := 0
	t.root.each(func(n *inode) {
		if n.dirty {
			names++
		}
	})
	return names
}

// added tells whether all that was there before is as it was.
func (t *tree) added() bool {
	same := len(t.gone) == 0
	t.root.each(func(n *inode) { same = same && !(n.old && n.dirty) })
	return same
}
