package initrd

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
)

// A place is where a path leads: a name in a directory, and what has it.
type place struct {
	dir  *inode
	base string // "": the path ends in "/", "." or "..", and node is no entry that could be made or removed
	node *inode // nil: nothing there
}

// find follows a path from the root as the kernel does, through symbolic
// links except for the last component. The ID is why it leads nowhere, where
// the kernel has ENOENT, ENOTDIR, ELOOP or ENAMETOOLONG; "" where it leads to a
// place.
func (t *tree) find(p string) (place, ID) {
	budget := maxLinks
	return t.walk(t.root, p, &budget)
}

func (t *tree) walk(dir *inode, p string, budget *int) (place, ID) {
	if p == "" {
		return place{}, TreeParent
	}
	if len(p) >= cpio.PathMax {
		return place{}, TreeName
	}
	if p[0] == '/' {
		dir = t.root
	}
	at := place{dir: dir, node: dir}
	for rest := p; ; {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			return at, ""
		}
		dir, err := t.enter(at, budget)
		if err != "" {
			return place{}, err
		}
		var base string
		if base, rest = component(rest); len(base) > nameMax {
			return place{}, TreeName
		}
		at = t.child(dir, base)
		if strings.HasSuffix(p, "/") && strings.Trim(rest, "/") == "" {
			return t.slashed(at, budget)
		}
	}
}

func component(p string) (first, rest string) {
	if i := strings.IndexByte(p, '/'); i >= 0 {
		return p[:i], p[i:]
	}
	return p, ""
}

func (t *tree) child(dir *inode, base string) place {
	switch base {
	case ".":
		return place{dir: dir, node: dir}
	case "..":
		return place{dir: dir.up, node: dir.up}
	}
	return place{dir: dir, base: base, node: t.names[name{dir, base}]}
}

// enter returns the directory at a place, through symbolic links.
func (t *tree) enter(at place, budget *int) (*inode, ID) {
	if !t.spend(0, 0, 1) {
		return nil, TreeUnread
	}
	at, err := t.through(at, budget)
	switch {
	case err != "":
		return nil, err
	case at.node == nil && t.opaque && at.base != "":
		return t.put(at, &inode{mode: unix.S_IFDIR | 0o755}), "" // it may be there
	case at.node == nil:
		return nil, TreeParent
	case !at.node.isDir():
		return nil, TreeFile
	}
	return at.node, ""
}

// through follows a symbolic link to its end.
func (t *tree) through(at place, budget *int) (place, ID) {
	for at.node != nil && at.node.kind() == unix.S_IFLNK {
		if *budget--; *budget < 0 {
			return place{}, TreeLoop
		}
		next, err := t.walk(at.dir, at.node.link, budget)
		if err != "" {
			return place{}, err
		}
		at = next
	}
	return at, ""
}

// opened is the place of the file that is opened by a name: what a symbolic
// link leads to.
func (t *tree) opened(at place) (place, ID) {
	budget := maxLinks
	return t.through(at, &budget)
}

// slashed is the place of a path that ends in a slash: only a directory can be
// there or be made.
func (t *tree) slashed(at place, budget *int) (place, ID) {
	if at.node == nil {
		return at, ""
	}
	n, err := t.enter(at, budget)
	if err != "" {
		return place{}, err
	}
	if n != at.node {
		return place{dir: n, node: n}, ""
	}
	return at, ""
}
