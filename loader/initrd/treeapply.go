package initrd

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
)

// An outcome is what came of an entry. The zero value is that the kernel
// unpacks it and replaces nothing of another type.
type outcome struct {
	id    ID
	text  func() string
	other int64 // CPIOLinks: offset of the member of the other file
}

// apply does with one entry of the member at an offset what the kernel's
// unpacker does (init/initramfs.c: do_name, do_symlink).
func (t *tree) apply(e cpio.Entry, content extent, member int64) outcome {
	if t.full {
		return outcome{}
	}
	var replaced, o outcome
	kind := e.Kind()
	switch kind {
	case unix.S_IFREG:
		replaced = t.clean(e, kind)
		o = t.file(e, content, member)
	case unix.S_IFDIR:
		replaced = t.clean(e, kind)
		o = t.dir(e)
	case unix.S_IFBLK, unix.S_IFCHR, unix.S_IFIFO, unix.S_IFSOCK:
		replaced = t.clean(e, kind)
		o = t.special(e, member)
	case unix.S_IFLNK:
		replaced = t.clean(e, 0)
		o = t.symlink(e)
	default: // an unknown type only clears the way
		t.clean(e, kind)
		o = outcome{id: cpio.Skipped, text: func() string {
			return fmt.Sprintf("%q has no type that the kernel knows, it leaves the entry out", cpio.Clip(e.Path))
		}}
	}
	if o.id == "" {
		return replaced
	}
	return o
}

func kindName(kind uint32) string {
	switch kind {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	}
	return "special file"
}

// clean removes what has the name but not the type. A directory with something
// in it stays.
func (t *tree) clean(e cpio.Entry, kind uint32) outcome {
	at, err := t.find(e.Path)
	if err != "" || at.node == nil || at.node.kind() == kind {
		return outcome{}
	}
	old := at.node
	if !t.remove(at) || old.own != "" || old.kind() == e.Kind() {
		return outcome{}
	}
	return outcome{id: TreeReplaced, text: func() string {
		text := fmt.Sprintf("the %s %q replaces a %s", kindName(e.Kind()), cpio.Clip(e.Path), kindName(old.kind()))
		if old.kind() == unix.S_IFLNK {
			text += fmt.Sprintf(" to %q", cpio.Clip(old.link))
		}
		return text
	}}
}

// place finds where a node of that name may be made: not where the path ends in
// a slash.
func (t *tree) place(p string) (place, ID) {
	at, err := t.find(p)
	if err == "" && at.node == nil && strings.HasSuffix(p, "/") {
		err = TreeFile
	}
	return at, err
}

// unplaced is the outcome of an entry whose path leads nowhere.
func unplaced(e cpio.Entry, id ID) outcome {
	if id == TreeUnread {
		return outcome{}
	}
	return outcome{id: id, text: func() string {
		why := map[ID]string{
			TreeParent: "its directory does not exist at this point",
			TreeFile:   "a part of its path is no directory",
			TreeLoop:   "its path goes through a loop of symbolic links",
			TreeName:   "a part of its path is longer than 255 bytes",
		}[id]
		return fmt.Sprintf("the %s %q is left out: %s", kindName(e.Kind()), cpio.Clip(e.Path), why)
	}}
}

func blocked(e cpio.Entry) outcome {
	return outcome{id: TreeDirectory, text: func() string {
		return fmt.Sprintf("the %s %q is left out: a directory of that name is not empty", kindName(e.Kind()), cpio.Clip(e.Path))
	}}
}

// Results of maybeLink, as in the kernel.
const (
	notLinked  = 0
	linked     = 1
	linkFailed = -1
)

// maybeLink makes e a hard link to the first entry with the same identity.
func (t *tree) maybeLink(e cpio.Entry, member int64) (int, outcome) {
	if e.NLink < 2 {
		return notLinked, outcome{}
	}
	k := linkKey{e.DevMajor, e.DevMinor, e.Ino, e.Kind()}
	first, ok := t.links[k]
	if !ok {
		if t.spend(1, len(e.Path), 0) {
			t.links[k] = linkFrom{e.Path, member}
		}
		return notLinked, outcome{}
	}
	t.clean(e, 0)
	failed := outcome{id: TreeLink, text: func() string {
		return fmt.Sprintf("%q is left out: no hard link to %q can be made", cpio.Clip(e.Path), cpio.Clip(first.path))
	}}
	from, err := t.find(first.path)
	if err != "" || from.node == nil && !t.opaque || from.node != nil && from.node.isDir() {
		return linkFailed, failed
	}
	to, err := t.place(e.Path)
	if err != "" {
		return linkFailed, unplaced(e, err)
	}
	if from.node == nil || to.node != nil || to.base == "" {
		return linkFailed, failed
	}
	from.node.dirty = true
	if t.spend(1, len(to.base), 0) {
		t.add(to, from.node)
	}
	if first.member != member {
		return linked, outcome{CPIOLinks, func() string {
			return fmt.Sprintf("%q would become one file with %q", cpio.Clip(e.Path), cpio.Clip(first.path))
		}, first.member}
	}
	return linked, outcome{}
}

func (t *tree) file(e cpio.Entry, content extent, member int64) outcome {
	link, o := t.maybeLink(e, member)
	if link == linkFailed {
		return o
	}
	at, err := t.place(e.Path)
	if err == "" && link == linked {
		at, err = t.opened(at) // the first name may be of another type by now
	}
	if err != "" {
		return unplaced(e, err)
	}
	if link == linked && at.node != nil && isSpecial(at.node.kind()) {
		return outcome{id: TreeLink, text: func() string {
			return fmt.Sprintf("%q becomes a hard link to a FIFO or a device: the kernel opens it and may wait for ever", cpio.Clip(e.Path))
		}}
	}
	if at.base == "" {
		return blocked(e)
	}
	n := at.node
	if n == nil {
		n = t.put(at, &inode{mode: unix.S_IFREG})
	}
	if n.kind() != unix.S_IFREG {
		return blocked(e)
	}
	n.set(e)
	n.mtime, n.dirty = e.MTime, true
	// A later name of a hard-linked file without content keeps what is there.
	if link != linked || e.Size > 0 {
		n.content = content
	}
	return o
}

// isSpecial reports whether an open of the file may wait: for another process to
// read from a FIFO, for a module of a device that cannot be loaded yet.
func isSpecial(kind uint32) bool {
	return kind == unix.S_IFIFO || kind == unix.S_IFCHR || kind == unix.S_IFBLK
}

// set sets owner and permissions.
func (n *inode) set(e cpio.Entry) {
	mode := n.kind() | e.Mode&0o7777
	if n.uid != e.UID || n.gid != e.GID || n.mode != mode {
		n.uid, n.gid, n.mode, n.dirty = e.UID, e.GID, mode, true
	}
}

func (t *tree) dir(e cpio.Entry) outcome {
	if t.keep && t.spend(0, len(e.Path)+24, 0) {
		t.times = append(t.times, dirTime{e.Path, e.MTime})
	}
	at, err := t.find(e.Path)
	if err != "" {
		return unplaced(e, err)
	}
	n := at.node
	if n == nil {
		n = t.put(at, &inode{mode: unix.S_IFDIR})
	}
	if n.isDir() {
		n.set(e)
	}
	return outcome{}
}

func (t *tree) special(e cpio.Entry, member int64) outcome {
	if link, o := t.maybeLink(e, member); link != notLinked {
		return o
	}
	at, err := t.place(e.Path)
	if err != "" {
		return unplaced(e, err)
	}
	n := at.node
	if n == nil {
		n = t.put(at, &inode{mode: e.Kind(), major: e.RdevMajor, minor: e.RdevMinor})
	}
	// Where mknod failed, the kernel goes on to what is in the way.
	n.set(e)
	n.mtime, n.dirty = e.MTime, true
	switch {
	case n.kind() != e.Kind():
		return blocked(e)
	case e.Kind() != unix.S_IFIFO && e.Kind() != unix.S_IFSOCK && (n.major != e.RdevMajor || n.minor != e.RdevMinor):
		return outcome{id: TreeDevice, text: func() string {
			return fmt.Sprintf("the device node %q is left out: one with other numbers is there, %d:%d", cpio.Clip(e.Path), n.major, n.minor)
		}}
	}
	return outcome{}
}

func (t *tree) symlink(e cpio.Entry) outcome {
	at, err := t.place(e.Path)
	if err != "" {
		return unplaced(e, err)
	}
	n := at.node
	if n == nil {
		if len(e.Link) >= cpio.PathMax {
			return outcome{id: TreeName, text: func() string {
				return fmt.Sprintf("the symbolic link %q is left out: its target is too long", cpio.Clip(e.Path))
			}}
		}
		n = t.put(at, &inode{mode: unix.S_IFLNK | 0o777, link: e.Link})
	}
	n.uid, n.gid, n.mtime, n.dirty = e.UID, e.GID, e.MTime, true
	if n.kind() != unix.S_IFLNK {
		return blocked(e)
	}
	return outcome{}
}

// setTimes sets the times of the directories. The kernel does that at the end,
// last entry first, so that the first entry for a directory wins, and what has
// taken the place of a directory gets its time.
func (t *tree) setTimes() {
	for i := len(t.times) - 1; i >= 0; i-- {
		if at, err := t.find(t.times[i].path); err == "" && at.node != nil && at.node.mtime != t.times[i].mtime {
			at.node.mtime, at.node.dirty = t.times[i].mtime, true
		}
	}
}
