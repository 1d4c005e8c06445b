package initrd

import (
	"strings"

	"golang.org/x/sys/unix"
)

// apply does with one entry what the kernel's unpacker does (init/initramfs.c:
// do_name, do_symlink). What fails there in silence does nothing here; the error
// is only for a tree that becomes too large.
func (t *tree) apply(e Entry, content extent) error {
	if t.steps > maxSteps || len(t.links) > maxNodes {
		return errTooMany
	}
	switch e.kind() {
	case unix.S_IFREG:
		t.clean(e.Path, e.kind())
		return t.file(e, content)
	case unix.S_IFDIR:
		t.clean(e.Path, e.kind())
		return t.dir(e)
	case unix.S_IFBLK, unix.S_IFCHR, unix.S_IFIFO, unix.S_IFSOCK:
		t.clean(e.Path, e.kind())
		return t.special(e)
	case unix.S_IFLNK:
		t.clean(e.Path, 0)
		return t.symlink(e)
	}
	t.clean(e.Path, e.kind()) // an unknown type only clears the way
	return nil
}

// clean removes what has the name but not the type. A directory with something
// in it stays.
func (t *tree) clean(p string, kind uint32) {
	if at, ok := t.find(p); ok && at.node != nil && at.node.kind() != kind {
		t.remove(at)
	}
}

// place finds where a node of that name may be made: not where the path ends in
// a slash.
func (t *tree) place(p string) (place, bool) {
	at, ok := t.find(p)
	return at, ok && (at.node != nil || !strings.HasSuffix(p, "/"))
}

// Results of maybeLink, as in the kernel.
const (
	notLinked  = 0
	linked     = 1
	linkFailed = -1
)

// maybeLink makes e a hard link to the first entry with the same identity.
func (t *tree) maybeLink(e Entry) int {
	if e.NLink < 2 {
		return notLinked
	}
	k := linkKey{e.DevMajor, e.DevMinor, e.Ino, e.kind()}
	first, ok := t.links[k]
	if !ok {
		t.links[k] = e.Path
		return notLinked
	}
	t.clean(e.Path, 0)
	from, ok := t.find(first)
	if !ok || from.node == nil || from.node.isDir() {
		return linkFailed
	}
	to, ok := t.place(e.Path)
	if !ok || to.node != nil || to.name == "" {
		return linkFailed
	}
	from.node.dirty = true
	from.node.names++
	to.dir.kids[to.name] = from.node
	return linked
}

func (t *tree) file(e Entry, content extent) error {
	link := t.maybeLink(e)
	if link == linkFailed {
		return nil
	}
	at, ok := t.place(e.Path)
	if !ok || at.name == "" {
		return nil
	}
	n := at.node
	if n == nil {
		var err error
		if n, err = t.put(at, &inode{mode: unix.S_IFREG}); err != nil {
			return err
		}
	}
	if n.kind() != unix.S_IFREG {
		return nil
	}
	n.own(e)
	n.mtime = e.MTime
	n.dirty = true
	// A later name of a hard-linked file without content keeps what is there.
	if link != linked || e.Size > 0 {
		n.content = content
	}
	return nil
}

// own sets owner and permissions.
func (n *inode) own(e Entry) {
	mode := n.kind() | e.Mode&0o7777
	if n.uid != e.UID || n.gid != e.GID || n.mode != mode {
		n.uid, n.gid, n.mode, n.dirty = e.UID, e.GID, mode, true
	}
}

func (t *tree) dir(e Entry) error {
	t.times = append(t.times, dirTime{e.Path, e.MTime})
	if len(t.times) > maxNodes {
		return errTooMany
	}
	at, ok := t.find(e.Path)
	if !ok {
		return nil
	}
	n := at.node
	if n == nil {
		var err error
		if n, err = t.put(at, &inode{mode: unix.S_IFDIR}); err != nil {
			return err
		}
	}
	if n.isDir() {
		n.own(e)
	}
	return nil
}

func (t *tree) special(e Entry) error {
	if t.maybeLink(e) != notLinked {
		return nil
	}
	at, ok := t.place(e.Path)
	if !ok {
		return nil
	}
	n := at.node
	if n == nil {
		var err error
		if n, err = t.put(at, &inode{mode: e.kind(), major: e.RdevMajor, minor: e.RdevMinor}); err != nil {
			return err
		}
	}
	// Where mknod failed, the kernel goes on to what is in the way.
	n.own(e)
	n.mtime = e.MTime
	n.dirty = true
	return nil
}

func (t *tree) symlink(e Entry) error {
	at, ok := t.place(e.Path)
	if !ok {
		return nil
	}
	n := at.node
	if n == nil {
		if e.Link == "" || len(e.Link) >= pathMax {
			return nil
		}
		var err error
		if n, err = t.put(at, &inode{mode: unix.S_IFLNK | 0o777, link: e.Link}); err != nil {
			return err
		}
	}
	n.dirty = true
	n.uid, n.gid, n.mtime = e.UID, e.GID, e.MTime
	return nil
}

// setTimes sets the times of the directories. The kernel does that at the end,
// last entry first, so that the first entry for a directory wins, and what has
// taken the place of a directory gets its time.
func (t *tree) setTimes() {
	for i := len(t.times) - 1; i >= 0; i-- {
		if at, ok := t.find(t.times[i].path); ok && at.node != nil && at.node.mtime != t.times[i].mtime {
			at.node.mtime = t.times[i].mtime
			at.node.dirty = true
		}
	}
}
