package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// dirFS is os.DirFS whose Open neither blocks nor acts: it opens with O_PATH,
// looks, and opens again only regular files and directories; below /dev block
// devices, too, and the registers of a processor.
type dirFS string

var errSpecial = errors.New("not a regular file")

// Open opens a file for reading.
func (d dirFS) Open(name string) (fs.File, error) {
	path, err := d.path("open", name)
	if err != nil {
		return nil, err
	}
	f, err := openQuietly(path, name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f, nil
}

// opens reports whether what has the name may be opened, by its S_IFMT.
func opens(name string, kind uint32) bool {
	switch kind {
	case unix.S_IFREG, unix.S_IFDIR:
		return true
	case unix.S_IFBLK:
		return strings.HasPrefix(name, "dev/")
	case unix.S_IFCHR:
		return name == msrDevice
	}
	return false
}

func openQuietly(path, name string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, err
	}
	if !opens(name, stat.Mode&unix.S_IFMT) {
		return nil, errSpecial
	}
	again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(again), path), nil
}

// Stat follows links.
func (d dirFS) Stat(name string) (fs.FileInfo, error) {
	path, err := d.path("stat", name)
	if err != nil {
		return nil, err
	}
	return os.Stat(path)
}

// Lstat does not follow a link.
func (d dirFS) Lstat(name string) (fs.FileInfo, error) {
	path, err := d.path("lstat", name)
	if err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

// ReadLink returns the target of a link.
func (d dirFS) ReadLink(name string) (string, error) {
	path, err := d.path("readlink", name)
	if err != nil {
		return "", err
	}
	return os.Readlink(path)
}

func (d dirFS) path(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(string(d), name), nil
}
