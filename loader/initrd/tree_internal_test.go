package initrd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
)

func grown(t *testing.T, entries ...cpio.Entry) *tree {
	t.Helper()
	tr := newTree(flatBudget())
	tr.keep = true
	for _, e := range entries {
		require.Empty(t, tr.apply(e, extent{size: e.Size}, 0).id)
	}
	return tr
}

func dirEntry(path string) cpio.Entry  { return cpio.Entry{Path: path, Mode: unix.S_IFDIR | 0o755} }
func fileEntry(path string) cpio.Entry { return cpio.Entry{Path: path, Mode: unix.S_IFREG | 0o644} }
func linkEntry(path, to string) cpio.Entry {
	return cpio.Entry{Path: path, Mode: unix.S_IFLNK | 0o777, Link: to}
}

func TestTreeFind(t *testing.T) {
	long := strings.Repeat("x", nameMax)
	tr := grown(t, dirEntry("a"), dirEntry("a/b"), fileEntry("a/b/c"), linkEntry("up", "a/.."), linkEntry("abs", "/a/b"), linkEntry("slash", "a/b//"), linkEntry("file", "a/b/c"),
		linkEntry("loop", "loop"), linkEntry("x", "y"), linkEntry("y", "x"), linkEntry("dangling", "no/where"), linkEntry("chain1", "abs"), linkEntry("chain2", "chain1"), dirEntry(long))
	for path, want := range map[string]string{
		"a": "dir a", "/a": "dir a", "./a": "dir a", "a/b/c": "file a/b/c", "a//b///c": "file a/b/c", "a/../a/b": "dir a/b",
		"../../a": "dir a", ".": "root", "/": "root", "//": "root", "a/..": "root", "./": "root",
		"up": "link up", "up/a/b/c": "file a/b/c", "abs/c": "file a/b/c", "slash/c": "file a/b/c", "chain2/c": "file a/b/c",
		"a/": "dir a", "abs/": "dir a/b",
		"new": "free new", "a/new": "free a/new", "abs/new": "free a/b/new", "new/": "free new", long: "dir " + long,
		"": "", "no/where": "", "a/b/c/d": "", "a/b/c/": "", "file/x": "", "loop/x": "", "x/y": "", "dangling/x": "", "loop/": "", "dangling/": "",
		long + "x": "", strings.Repeat("a/", 3000): "",
	} {
		at, err := tr.find(path)
		assert.Equal(t, want, describe(tr, at, err), "%.40q", path)
	}
}

func describe(tr *tree, at place, err ID) string {
	switch {
	case err != "":
		return ""
	case at.node == tr.root:
		return "root"
	case at.base == "":
		return "dir " + pathOf(tr, at.node)
	}
	kind := "file"
	switch {
	case at.node == nil:
		kind = "free"
	case at.node.isDir():
		kind = "dir"
	case at.node.kind() == unix.S_IFLNK:
		kind = "link"
	}
	return kind + " " + strings.TrimPrefix(pathOf(tr, at.dir)+"/"+at.base, "/")
}

// The kernel follows 40 links in one path, not 41.
func TestTreeFollowsFortyLinks(t *testing.T) {
	entries := []cpio.Entry{dirEntry("end")}
	to := "end"
	for i := range maxLinks + 1 {
		name := fmt.Sprint("l", i)
		entries = append(entries, linkEntry(name, to))
		to = name
	}
	tr := grown(t, entries...)
	_, err := tr.find(fmt.Sprint("l", maxLinks-1, "/x"))
	assert.Empty(t, err)
	_, err = tr.find(fmt.Sprint("l", maxLinks, "/x"))
	assert.Equal(t, TreeLoop, err)
}

// A hard link to a name that is no regular file any more is opened as what it
// is by then.
func TestTreeLinksToWhatTookThePlace(t *testing.T) {
	first := cpio.Entry{Path: "a", Mode: unix.S_IFREG | 0o644, NLink: 2, Ino: 7}
	second := cpio.Entry{Path: "b", Mode: unix.S_IFREG | 0o600, NLink: 2, Ino: 7, Size: 3}

	tr := newTree(flatBudget())
	for _, e := range []cpio.Entry{first, linkEntry("a", "c"), second} {
		tr.apply(e, extent{size: e.Size}, 0)
	}
	link, _ := tr.find("b")
	assert.EqualValues(t, unix.S_IFLNK, link.node.kind())
	assert.EqualValues(t, 2, link.node.names)
	at, err := tr.find("c")
	require.Empty(t, err)
	require.NotNil(t, at.node, "the kernel writes through the link")
	assert.EqualValues(t, unix.S_IFREG|0o600, at.node.mode)
	assert.EqualValues(t, 3, at.node.content.size)

	for _, kind := range []uint32{unix.S_IFIFO, unix.S_IFCHR, unix.S_IFBLK} {
		tr = newTree(flatBudget())
		tr.apply(first, extent{}, 0)
		tr.apply(cpio.Entry{Path: "a", Mode: kind | 0o600, NLink: 1}, extent{}, 0)
		o := tr.apply(second, extent{}, 0)
		require.Equal(t, TreeLink, o.id)
		assert.Equal(t, `"b" becomes a hard link to a FIFO or a device: the kernel opens it and may wait for ever`, o.text())
	}
}

// pathOf is the path of a directory, without a leading slash.
func pathOf(tr *tree, dir *inode) string {
	var names []string
	for ; dir != tr.root; dir = dir.up {
		for n, kid := range tr.names {
			if kid == dir {
				names = append([]string{n.base}, names...)
			}
		}
	}
	return strings.Join(names, "/")
}

// A tree that costs too much is given up.
func TestTreeIsLimited(t *testing.T) {
	for name, b := range map[string]treeBudget{"nodes": {2, 1000, 1000}, "bytes": {1000, 4, 1000}, "steps": {1000, 1000, 8}} {
		tr := newTree(b)
		for i := range 5 {
			tr.apply(dirEntry(fmt.Sprint("dir", i)), extent{}, 0)
		}
		assert.True(t, tr.full, name)
		assert.LessOrEqual(t, len(tr.names), 3+5)
	}
	assert.False(t, newTree(walkBudget()).full)
}

// After an archive that nobody looked at, anything may be there, but what comes
// later is known.
func TestTreeForgets(t *testing.T) {
	tr := grown(t, dirEntry("a"), fileEntry("a/x"))
	tr.forget()
	assert.Empty(t, tr.apply(fileEntry("a/b/c"), extent{}, 0).id, "the directories may be there")
	assert.Empty(t, tr.apply(fileEntry("plain"), extent{}, 0).id)
	assert.Equal(t, TreeFile, tr.apply(fileEntry("plain/x"), extent{}, 0).id)
	assert.Equal(t, TreeDirectory, tr.apply(linkEntry("a/b", "y"), extent{}, 0).id)
	assert.Equal(t, TreeName, tr.apply(fileEntry(strings.Repeat("x", 256)), extent{}, 0).id)
}

// FuzzTree: whatever is applied, every node is reached by its own path, counts
// its names, and the archive is as long as measured.
func FuzzTree(f *testing.F) {
	f.Add([]byte("\x01a\x00\x02a/b\x00\x03l\x00a\x00\x02l/c\x00"))
	f.Add([]byte("\x04h\x00\x04i\x00\x01i\x00\x03i\x00h\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := newTree(flatBudget())
		tr.keep = true
		for len(b) > 0 {
			var e cpio.Entry
			e, b = fuzzEntry(b)
			tr.apply(e, extent{size: e.Size}, 0)
		}
		tr.setTimes()
		names, kids := map[*inode]uint32{}, map[*inode]uint32{}
		for n, node := range tr.names {
			names[node]++
			kids[n.dir]++
			at, err := tr.find(strings.TrimPrefix(pathOf(tr, n.dir)+"/"+n.base, "/"))
			require.Empty(t, err)
			require.Same(t, node, at.node)
			if node.isDir() {
				require.Same(t, n.dir, node.up)
			}
		}
		for n, count := range names {
			require.Equal(t, count, n.names)
			require.Equal(t, kids[n], n.kids)
		}
	})
}

// fuzzEntry takes an entry off b: a type, a path, and what else it needs.
func fuzzEntry(b []byte) (cpio.Entry, []byte) {
	kinds := []uint32{unix.S_IFREG, unix.S_IFDIR, unix.S_IFREG, unix.S_IFLNK, unix.S_IFREG, unix.S_IFCHR, unix.S_IFIFO, 0}
	k := b[0]
	path, rest, _ := strings.Cut(string(b[1:]), "\x00")
	e := cpio.Entry{Path: path, Mode: kinds[k%8] | uint32(k), NLink: 1, Size: int64(k >> 6), MTime: int64(k)}
	if k%8 == 4 {
		e.NLink, e.Ino = 2, uint32(k>>3)
	}
	if k%8 == 3 {
		e.Link, rest, _ = strings.Cut(rest, "\x00")
	}
	return e, []byte(rest)
}
