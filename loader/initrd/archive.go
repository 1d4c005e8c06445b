package initrd

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A Node is a directory or a regular file of a generated archive.
type Node struct {
	Path    string // without leading or trailing slash
	Dir     bool   // a directory, without Content
	Mode    uint32 // permissions
	Ino     uint32 // inode number; 0: counted by Archive
	Content Part
}

// StubDirs lists path and its parents as systemd-stub does: mode is that of
// path itself, parents are always 0555.
func StubDirs(path string, mode uint32) []Node {
	var dirs []Node
	for i, c := range path {
		if c == '/' {
			dirs = append(dirs, Node{Path: path[:i], Dir: true, Mode: 0o555})
		}
	}
	return append(dirs, Node{Path: path, Dir: true, Mode: mode})
}

// Archive makes a newc archive of nodes in the given order, byte for byte as
// systemd-boot and systemd-stub 262 make those for .extra: one link each
// (directories too), all times, owners and devices 0, lower-case hex. Inodes
// count from ino, but for nodes that have a number of their own; the stub begins
// at 1 in each archive, while systemd-boot counts on through all the files of an
// entry, whatever archive they go into, and lists the directories again before
// each.
//
// Files go through as they are and may be large. A directory is listed before
// what is in it. Without a file there is no archive, and the member is empty. An
// archive that lists "bin", "lib" or the like would replace links of the main
// image by directories; callers stay away from those.
func Archive(origin string, ino uint32, nodes []Node) (Member, error) {
	m := Member{Name: origin}
	var head []byte
	for i, n := range nodes {
		size, err := n.check()
		if err != nil {
			return Member{}, fmt.Errorf("%s: %q: %w", origin, clip(n.Path), err)
		}
		h := stubHeader{ino: cmp.Or(n.Ino, ino+uint32(i)), mode: unix.S_IFREG | n.Mode&0o7777, size: uint32(size)}
		if n.Dir {
			h.mode ^= unix.S_IFREG ^ unix.S_IFDIR
		}
		head = appendHeader(head, h, n.Path)
		if n.Dir {
			continue
		}
		content := n.Content
		content.Zeros += align4(size) - size
		m.Parts = append(m.Parts, Part{Data: head}, content)
		head = nil
	}
	if len(m.Parts) > 0 {
		m.Parts = append(m.Parts, Part{Data: append(head, stubTrailer()...)})
	}
	return m, nil
}

func (n Node) check() (int64, error) {
	size := n.Content.length()
	switch {
	case n.Path == "" || len(n.Path) >= pathMax || strings.Contains(n.Path, "\x00"):
		return 0, errors.New("not a name that an archive can hold")
	case n.Dir && size != 0:
		return 0, errors.New("a directory has no content")
	case size > MaxSize:
		return 0, errors.New("larger than 4 GiB")
	}
	return size, n.Content.check()
}

// stubHeader is the part of a header that differs between entries.
type stubHeader struct{ ino, mode, size uint32 }

func appendHeader(b []byte, h stubHeader, name string) []byte {
	b = fmt.Appendf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		h.ino, h.mode, 0, 0, 1, 0, h.size, 0, 0, 0, 0, len(name)+1, 0)
	b = append(b, name...)
	return append(b, make([]byte, align4(int64(newcHeader+len(name)+1))-int64(newcHeader+len(name)))...)
}

// stubTrailer is the last entry; systemd-stub has its name size in upper case.
func stubTrailer() []byte {
	b := appendHeader(nil, stubHeader{}, trailer)
	copy(b[6+8*11:], "0000000B")
	return b
}
