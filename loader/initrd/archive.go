package initrd

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
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
			return Member{}, fmt.Errorf("%s: %q: %w", origin, cpio.Clip(n.Path), err)
		}
		e := cpio.Entry{Path: n.Path, Ino: cmp.Or(n.Ino, ino+uint32(i)), Mode: unix.S_IFREG | n.Mode&0o7777, NLink: 1, Size: size}
		if n.Dir {
			e.Mode ^= unix.S_IFREG ^ unix.S_IFDIR
		}
		head = cpio.AppendHeader(head, e, true)
		if n.Dir {
			continue
		}
		content := n.Content
		content.Zeros += cpio.Align(size) - size
		m.Parts = append(m.Parts, Part{Data: head}, content)
		head = nil
	}
	if len(m.Parts) > 0 {
		m.Parts = append(m.Parts, Part{Data: append(head, cpio.Trailer()...)})
	}
	return m, nil
}

func (n Node) check() (int64, error) {
	size := n.Content.length()
	switch {
	case n.Path == "" || len(n.Path) >= cpio.PathMax || strings.Contains(n.Path, "\x00"):
		return 0, errors.New("not a name that an archive can hold")
	case n.Dir && size != 0:
		return 0, errors.New("a directory has no content")
	case size > MaxSize:
		return 0, errors.New("larger than 4 GiB")
	}
	return size, n.Content.check()
}
