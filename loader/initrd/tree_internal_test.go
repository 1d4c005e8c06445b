package initrd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func grown(t *testing.T, entries ...Entry) *tree {
	t.Helper()
	tr := newTree()
	for _, e := range entries {
		require.NoError(t, tr.apply(e, extent{size: e.Size}))
	}
	return tr
}

func dirEntry(path string) Entry      { return Entry{Path: path, Mode: unix.S_IFDIR | 0o755} }
func fileEntry(path string) Entry     { return Entry{Path: path, Mode: unix.S_IFREG | 0o644} }
func linkEntry(path, to string) Entry { return Entry{Path: path, Mode: unix.S_IFLNK | 0o777, Link: to} }

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
		at, ok := tr.find(path)
		assert.Equal(t, want, describe(tr, at, ok), "%.40q", path)
	}
}

func describe(tr *tree, at place, ok bool) string {
	switch {
	case !ok:
		return ""
	case at.node == tr.root:
		return "root"
	case at.name == "":
		return "dir " + tr.pathOf(at.node)
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
	return kind + " " + strings.TrimPrefix(tr.pathOf(at.dir)+"/"+at.name, "/")
}

// The kernel follows 40 links in one path, not 41.
func TestTreeFollowsFortyLinks(t *testing.T) {
	entries := []Entry{dirEntry("end")}
	to := "end"
	for i := range maxLinks + 1 {
		name := fmt.Sprint("l", i)
		entries = append(entries, linkEntry(name, to))
		to = name
	}
	tr := grown(t, entries...)
	_, ok := tr.find(fmt.Sprint("l", maxLinks-1, "/x"))
	assert.True(t, ok)
	_, ok = tr.find(fmt.Sprint("l", maxLinks, "/x"))
	assert.False(t, ok)
}

// Links that each double the work end at a limit, soon.
func TestTreeWorkIsLimited(t *testing.T) {
	tr := grown(t, dirEntry("a"))
	tr.steps = maxSteps + 1
	require.ErrorIs(t, tr.apply(fileEntry("x"), extent{}), errTooMany)
	tr = grown(t, dirEntry("a"))
	tr.nodes = maxNodes
	for _, e := range []Entry{dirEntry("x"), fileEntry("x"), linkEntry("x", "y"), {Path: "x", Mode: unix.S_IFIFO}} {
		require.ErrorIs(t, tr.apply(e, extent{}), errTooMany)
	}
	tr.times = make([]dirTime, maxNodes)
	require.ErrorIs(t, tr.apply(dirEntry("a"), extent{}), errTooMany)
}

func TestTreeSettle(t *testing.T) {
	tr := grown(t, dirEntry("a"), fileEntry("a/x"))
	tr.settle()
	a := &archiver{tree: tr}
	size, err := a.measure()
	require.NoError(t, err)
	assert.EqualValues(t, len(stubTrailer()), size, "nothing has changed")
	require.NoError(t, tr.apply(Entry{Path: "a/x", Mode: unix.S_IFLNK, Link: "y"}, extent{}))
	assert.Equal(t, []string{"a/x"}, tr.gone)
	a = &archiver{tree: tr}
	size, err = a.measure()
	require.NoError(t, err)
	assert.EqualValues(t, len(stubTrailer())+116+4, size, "header with the name, and the target")
}

// FuzzTree: whatever is applied, every node is reached by its own path, counts
// its names, and the archive is as long as measured.
func FuzzTree(f *testing.F) {
	f.Add([]byte("\x01a\x00\x02a/b\x00\x03l\x00a\x00\x02l/c\x00"))
	f.Add([]byte("\x04h\x00\x04i\x00\x01i\x00\x03i\x00h\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := newTree()
		for len(b) > 0 {
			var e Entry
			e, b = fuzzEntry(b)
			require.NoError(t, tr.apply(e, extent{size: e.Size}))
		}
		tr.setTimes()
		names := map[*inode]int{}
		var visit func(dir *inode, prefix string)
		visit = func(dir *inode, prefix string) {
			for name, n := range dir.kids {
				names[n]++
				at, ok := tr.find(prefix + name)
				require.True(t, ok)
				require.Same(t, n, at.node)
				if n.isDir() {
					require.Same(t, dir, n.up)
					visit(n, prefix+name+"/")
				}
			}
		}
		visit(tr.root, "")
		for n, count := range names {
			require.Equal(t, count, n.names)
		}
	})
}

// fuzzEntry takes an entry off b: a type, a path, and what else it needs.
func fuzzEntry(b []byte) (Entry, []byte) {
	kinds := []uint32{unix.S_IFREG, unix.S_IFDIR, unix.S_IFREG, unix.S_IFLNK, unix.S_IFREG, unix.S_IFCHR, unix.S_IFIFO, 0}
	k := b[0]
	path, rest, _ := strings.Cut(string(b[1:]), "\x00")
	e := Entry{Path: path, Mode: kinds[k%8] | uint32(k), NLink: 1, Size: int64(k >> 6), MTime: int64(k)}
	if k%8 == 4 {
		e.NLink, e.Ino = 2, uint32(k>>3)
	}
	if k%8 == 3 {
		e.Link, rest, _ = strings.Cut(rest, "\x00")
	}
	return e, []byte(rest)
}
