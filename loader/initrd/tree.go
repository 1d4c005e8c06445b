package initrd

import (
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxLinks = 40  // symbolic links in one path, as in the kernel's namei
	nameMax  = 255 // bytes of one component of a path
)

// A treeBudget is what a tree may take.
type treeBudget struct {
	nodes int // files
	bytes int // of names and link targets
	steps int // path components that are looked up
}

// walkBudget keeps a walk below some 30 MiB and a second.
func walkBudget() treeBudget { return treeBudget{nodes: 1 << 17, bytes: 12 << 20, steps: 1 << 23} }

// flatBudget is for a tree that is written: some 150 bytes for a file.
func flatBudget() treeBudget { return treeBudget{nodes: 1 << 20, bytes: 256 << 20, steps: 1 << 28} }

// A tree is the root file system that the kernel's unpacker works on, in
// memory, without the content of the files.
type tree struct {
	root   *inode
	names  map[name]*inode
	budget treeBudget
	full   bool // the budget is used up: nothing is known any more
	opaque bool // an archive was unpacked that was not looked at: anything may be there
	links  map[linkKey]linkFrom
	times  []dirTime // nil where keep is false
	keep   bool      // it is to be written
	gone   []string  // nodes of the kernel's own that were removed
	losses []loss
	more   map[ID]int // losses that were not kept
}

// A name is an entry of a directory.
type name struct {
	dir  *inode
	base string
}

// An inode is one file, under one or more names.
type inode struct {
	mode, uid, gid uint32
	major, minor   uint32 // of a device node
	names          uint32 // how many names a file has
	kids           uint32 // of a directory
	ino            uint32 // in the archive that is written; 0: not yet there
	mtime          int64
	link           string
	content        extent
	up             *inode // of a directory
	own            string // path of one of the kernel's own
	dirty          bool   // differs from what the kernel has by itself
}

// An extent is where the content of a file is.
type extent struct {
	off, size int64
	spooled   bool // in the spool; else in the blob
}

type dirTime struct {
	path  string
	mtime int64
}

// A linkKey is what the kernel takes for the identity of a hard-linked file.
type linkKey struct{ major, minor, ino, kind uint32 }

type linkFrom struct {
	path   string
	member int64 // offset of the member
}

// unknownTime differs from every time that an archive can have.
const unknownTime = -1

// newTree has what every kernel unpacks before: /dev, /dev/console and /root
// (usr/default_cpio_list), with the time of its build.
func newTree(b treeBudget) *tree {
	t := &tree{budget: b, more: map[ID]int{}}
	t.clear()
	dev := t.base(t.root, "dev", "dev", unix.S_IFDIR|0o755)
	console := t.base(dev, "console", "dev/console", unix.S_IFCHR|0o600)
	console.major, console.minor = 5, 1
	t.base(t.root, "root", "root", unix.S_IFDIR|0o700)
	return t
}

func (t *tree) clear() {
	t.root = &inode{mode: unix.S_IFDIR | 0o755, mtime: unknownTime, names: 1}
	t.root.up = t.root
	t.names, t.links = map[name]*inode{}, map[linkKey]linkFrom{}
}

func (t *tree) base(dir *inode, base, path string, mode uint32) *inode {
	n := &inode{mode: mode, mtime: unknownTime, names: 1, up: dir, own: path}
	t.names[name{dir, base}] = n
	dir.kids++
	return n
}

// forget notes that an archive was unpacked that nobody looked at. What is
// known of the tree is then only what comes after it.
func (t *tree) forget() {
	if t.opaque = true; len(t.names)+len(t.links) > 0 {
		t.clear()
	}
}

// trailer empties the kernel's table of hard links.
func (t *tree) trailer() { clear(t.links) }

// spend takes from the budget and reports whether it suffices.
func (t *tree) spend(nodes, bytes, steps int) bool {
	b := &t.budget
	b.nodes, b.bytes, b.steps = b.nodes-nodes, b.bytes-bytes, b.steps-steps
	if b.nodes < 0 || b.bytes < 0 || b.steps < 0 {
		t.full = true
	}
	return !t.full
}

func (n *inode) kind() uint32 { return n.mode & unix.S_IFMT }
func (n *inode) isDir() bool  { return n.kind() == unix.S_IFDIR }

// put makes a new node.
func (t *tree) put(at place, n *inode) *inode {
	if !t.spend(1, len(at.base)+len(n.link), 0) {
		return n
	}
	n.dirty = true
	if n.isDir() {
		n.up = at.dir
	}
	t.add(at, n)
	return n
}

// add gives a node a name.
func (t *tree) add(at place, n *inode) {
	n.names++
	at.dir.kids++
	t.names[name{at.dir, strings.Clone(at.base)}] = n
}

// remove takes the node away, unless it is a directory with something in it.
func (t *tree) remove(at place) bool {
	if at.base == "" || at.node.isDir() && at.node.kids > 0 {
		return false
	}
	if at.node.own != "" && t.keep {
		t.gone = append(t.gone, at.node.own)
	}
	delete(t.names, name{at.dir, at.base})
	at.dir.kids--
	at.node.names--
	t.budget.nodes++
	return true
}

// A loss is an entry that the kernel does not unpack.
type loss struct {
	id     ID
	text   string
	path   string
	kind   uint32
	member string
	off    int64
	stream bool // off is in the content of a stream
}

// maxLosses is how many losses are kept until the end.
const maxLosses = 4 * maxOfID

// lose keeps a loss until the end: a later entry may have the same path.
func (t *tree) lose(o outcome, l loss) {
	if len(t.losses) >= maxLosses {
		t.more[o.id]++
		return
	}
	l.id, l.text, l.path = o.id, o.text(), strings.Clone(l.path)
	t.losses = append(t.losses, l)
}

// treeFindings adds what the tree lost.
func (w *walker) treeFindings() {
	if w.tree == nil {
		return
	}
	for _, l := range w.tree.losses {
		at, err := w.tree.find(l.path)
		if l.id != TreeDevice && err == "" && at.node != nil && at.node.kind() == l.kind && !w.tree.full {
			continue // a later entry has it
		}
		f := Finding{ID: l.id, Member: l.member, Offset: &l.off, Stream: l.stream}
		w.found.add(f, "%s", l.text)
	}
	for id, n := range w.tree.more {
		w.found.kind(id).count += n
	}
	if w.tree.full {
		w.found.add(Finding{ID: TreeUnread}, "more files than are compared with what the kernel makes of them")
	}
}
