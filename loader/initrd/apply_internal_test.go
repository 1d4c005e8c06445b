package initrd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
)

func deviceEntry(path string, kind, major, minor uint32) cpio.Entry {
	return cpio.Entry{Path: path, Mode: kind | 0o600, NLink: 1, RdevMajor: major, RdevMinor: minor}
}

func hardEntry(path string) cpio.Entry {
	return cpio.Entry{Path: path, Mode: unix.S_IFREG | 0o644, NLink: 2, Ino: 7}
}

// What init/initramfs.c makes of the last entry, each in a member of its own, and what
// is said of it.
func TestApplyOutcomes(t *testing.T) {
	const chr, fifo = unix.S_IFCHR, unix.S_IFIFO
	full := []cpio.Entry{dirEntry("d"), fileEntry("d/x")}
	for name, tt := range map[string]struct {
		entries []cpio.Entry
		id      ID
		text    string
	}{
		"file":                       {[]cpio.Entry{fileEntry("f")}, "", ""},
		"file on a file":             {[]cpio.Entry{fileEntry("f"), fileEntry("f")}, "", ""},
		"directory again":            {append(full, dirEntry("d")), "", ""},
		"link on a link":             {[]cpio.Entry{linkEntry("l", "a"), linkEntry("l", "b")}, "", ""},
		"file on a link":             {[]cpio.Entry{linkEntry("l", "a"), fileEntry("l")}, TreeReplaced, `the file "l" replaces a symbolic link to "a"`},
		"directory on a link":        {[]cpio.Entry{dirEntry("d"), linkEntry("l", "d"), dirEntry("l")}, TreeReplaced, `the directory "l" replaces a symbolic link to "d"`},
		"directory on a file":        {[]cpio.Entry{fileEntry("f"), dirEntry("f")}, TreeReplaced, `the directory "f" replaces a file`},
		"link on a file":             {[]cpio.Entry{fileEntry("f"), linkEntry("f", "a")}, TreeReplaced, `the symbolic link "f" replaces a file`},
		"file on an empty directory": {[]cpio.Entry{dirEntry("d"), fileEntry("d")}, TreeReplaced, `the file "d" replaces a directory`},
		"file on a FIFO":             {[]cpio.Entry{deviceEntry("p", fifo, 0, 0), fileEntry("p")}, TreeReplaced, `the file "p" replaces a special file`},
		"link on the kernel's own":   {[]cpio.Entry{linkEntry("root", "home")}, "", ""},
		"file on a directory":        {append(full, fileEntry("d")), TreeDirectory, `the file "d" is left out: a directory of that name is not empty`},
		"link on a directory":        {append(full, linkEntry("d", "e")), TreeDirectory, `the symbolic link "d" is left out: a directory of that name is not empty`},
		"FIFO on a directory":        {append(full, deviceEntry("d", fifo, 0, 0)), TreeDirectory, `the special file "d" is left out: a directory of that name is not empty`},
		"file without a directory":   {[]cpio.Entry{fileEntry("no/x")}, TreeParent, `the file "no/x" is left out: its directory does not exist at this point`},
		"directory without one":      {[]cpio.Entry{dirEntry("no/x")}, TreeParent, `the directory "no/x" is left out: its directory does not exist at this point`},
		"file below a file":          {[]cpio.Entry{fileEntry("f"), fileEntry("f/x")}, TreeFile, `the file "f/x" is left out: a part of its path is no directory`},
		"file below a loop":          {[]cpio.Entry{linkEntry("l", "l"), fileEntry("l/x")}, TreeLoop, `the file "l/x" is left out: its path goes through a loop of symbolic links`},
		"file with a slash":          {[]cpio.Entry{fileEntry("f/")}, TreeFile, `the file "f/" is left out: a part of its path is no directory`},
		"directory with a slash":     {[]cpio.Entry{dirEntry("d/")}, "", ""},
		"file on the root":           {[]cpio.Entry{fileEntry(".")}, TreeDirectory, `the file "." is left out: a directory of that name is not empty`},
		"no type":                    {[]cpio.Entry{{Path: "x", Mode: 0o644}}, cpio.Skipped, `"x" has no type that the kernel knows, it leaves the entry out`},
		"device":                     {[]cpio.Entry{deviceEntry("c", chr, 1, 3), deviceEntry("c", chr, 1, 3)}, "", ""},
		"device, other minor":        {[]cpio.Entry{deviceEntry("c", chr, 1, 3), deviceEntry("c", chr, 1, 5)}, TreeDevice, `the device node "c" is left out: one with other numbers is there, 1:3`},
		"device, other major":        {[]cpio.Entry{deviceEntry("c", chr, 1, 3), deviceEntry("c", chr, 2, 3)}, TreeDevice, `the device node "c" is left out: one with other numbers is there, 1:3`},
		"device of another type":     {[]cpio.Entry{deviceEntry("c", chr, 1, 3), deviceEntry("c", unix.S_IFBLK, 7, 0)}, TreeReplaced, `the special file "c" replaces a special file`},
		"the kernel's console":       {[]cpio.Entry{deviceEntry("dev/console", chr, 5, 1)}, "", ""},
		"another console":            {[]cpio.Entry{deviceEntry("dev/console", chr, 4, 64)}, TreeDevice, `the device node "dev/console" is left out: one with other numbers is there, 5:1`},
		"numbers of a FIFO":          {[]cpio.Entry{deviceEntry("p", fifo, 0, 0), deviceEntry("p", fifo, 1, 1)}, "", ""},
		"longest target":             {[]cpio.Entry{linkEntry("l", strings.Repeat("x", cpio.PathMax-1))}, "", ""},
		"target too long":            {[]cpio.Entry{linkEntry("l", strings.Repeat("x", cpio.PathMax))}, TreeName, `the symbolic link "l" is left out: its target is too long`},
		"link of two archives":       {[]cpio.Entry{hardEntry("a"), hardEntry("b")}, CPIOLinks, `"b" would become one file with "a"`},
		"link to what was removed":   {[]cpio.Entry{hardEntry("a"), dirEntry("a"), hardEntry("b")}, TreeLink, `"b" is left out: no hard link to "a" can be made`},
		"link on a full directory":   {append([]cpio.Entry{hardEntry("a")}, append(full, hardEntry("d"))...), TreeLink, `"d" is left out: no hard link to "a" can be made`},
		"link without a directory":   {[]cpio.Entry{hardEntry("a"), hardEntry("no/b")}, TreeParent, `the file "no/b" is left out: its directory does not exist at this point`},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(flatBudget())
			var o outcome
			for i, e := range tt.entries {
				o = tr.apply(e, extent{}, int64(i))
			}
			require.Equal(t, tt.id, o.id)
			if o.id != "" {
				assert.Equal(t, tt.text, o.text())
			}
		})
	}
}

// A link of two archives names the archive of the first; a trailer keeps them apart.
func TestApplyLinksOfTwoArchives(t *testing.T) {
	for _, trailer := range []bool{false, true} {
		tr := newTree(flatBudget())
		require.Empty(t, tr.apply(hardEntry("a"), extent{}, 40).id)
		require.Empty(t, tr.apply(hardEntry("b"), extent{}, 40).id, "within one archive")
		if trailer {
			tr.trailer()
		}
		o := tr.apply(hardEntry("c"), extent{}, 80)
		at, err := tr.find("a")
		require.Empty(t, err)
		if trailer {
			assert.Empty(t, o.id)
			assert.EqualValues(t, 2, at.node.names)
			continue
		}
		assert.Equal(t, CPIOLinks, o.id)
		assert.EqualValues(t, 40, o.other)
		assert.EqualValues(t, 3, at.node.names)
	}
}

// What makes two files one: the numbers and the type, from two links on.
func TestApplyLinkIdentity(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(e *cpio.Entry)
		linked bool
	}{
		"the same":       {func(*cpio.Entry) {}, true},
		"more links":     {func(e *cpio.Entry) { e.NLink = 9 }, true},
		"one link":       {func(e *cpio.Entry) { e.NLink = 1 }, false},
		"another inode":  {func(e *cpio.Entry) { e.Ino++ }, false},
		"another major":  {func(e *cpio.Entry) { e.DevMajor++ }, false},
		"another minor":  {func(e *cpio.Entry) { e.DevMinor++ }, false},
		"another type":   {func(e *cpio.Entry) { e.Mode = unix.S_IFIFO | 0o644 }, false},
		"another device": {func(e *cpio.Entry) { e.RdevMajor++ }, true},
	} {
		second := hardEntry("b")
		tt.change(&second)
		tr := grown(t, hardEntry("a"), second)
		a, _ := tr.find("a")
		b, _ := tr.find("b")
		assert.Equal(t, tt.linked, a.node == b.node, name)
	}
}

// The kernel sets the times of directories at the end, from the last entry to the
// first: what is there then gets the time of the first.
func TestSetTimes(t *testing.T) {
	dated := func(e cpio.Entry, mtime int64) cpio.Entry { e.MTime = mtime; return e }
	tr := newTree(flatBudget())
	tr.keep = true
	for _, e := range []cpio.Entry{
		dated(dirEntry("twice"), 5), dated(dirEntry("twice"), 9),
		dated(dirEntry("gone"), 6), dated(fileEntry("gone"), 8),
		dated(fileEntry("file"), 7), dated(dirEntry("."), 4),
		dated(dirEntry("no/where"), 3),
	} {
		tr.apply(e, extent{}, 0)
	}
	tr.setTimes()
	for path, want := range map[string]int64{"twice": 5, "gone": 6, "file": 7, ".": 4, "dev": unknownTime} {
		at, err := tr.find(path)
		require.Empty(t, err)
		assert.Equal(t, want, at.node.mtime, path)
		assert.Equal(t, want != unknownTime, at.node.dirty, path)
	}
}
