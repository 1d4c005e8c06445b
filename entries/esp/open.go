package esp

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Name turns a path of a boot entry into one below Volume.Root: FAT's
// backslashes become slashes, the leading ones go. ".." stays; os.Root lets
// none out of the partition.
func Name(p string) string {
	p = strings.TrimLeft(strings.ReplaceAll(p, `\`, "/"), "/")
	if p == "" {
		return "."
	}
	return p
}

// Open opens a regular file of the volume, by its path in a boot entry. Where
// there is none, the path may begin with Subdir, as GRUB writes it, and on an
// ESP or FAT case does not matter. Nothing else than a regular file is opened,
// so it neither blocks nor acts. The error is the bare cause; the caller closes
// the file.
func (v *Volume) Open(p string) (f *os.File, err error) {
	err = v.lookUp(p, func(name string) (err error) {
		f, err = OpenRegular(v.Root, name)
		return err
	})
	return f, err
}

// Exists returns nil where Open would find a file or directory, without opening
// it, else the error of Open.
func (v *Volume) Exists(p string) error {
	return v.lookUp(p, func(name string) error {
		if err := v.reaches(name); err == nil || isMissing(err) {
			return err
		}
		_, err := v.Root.Stat(name)
		return Cause(err)
	})
}

// lookUp calls try with the names that a path of a boot entry may have on the
// volume, until one exists.
func (v *Volume) lookUp(p string, try func(name string) error) error {
	name := Name(p)
	if len(name) >= unix.PathMax {
		return unix.ENAMETOOLONG
	}
	first := try(name)
	if !isMissing(first) {
		return first
	}
	for _, name := range v.candidates(name) {
		if err := try(name); !isMissing(err) {
			return err
		}
	}
	return first
}

// OpenRegular opens a regular file below root for reading; links are followed
// that lead nowhere else. Nothing else is opened: an open of a FIFO waits, and
// that of some devices acts. The error is the bare cause.
func OpenRegular(root *os.Root, name string) (*os.File, error) {
	at, err := openPath(root, name)
	if err != nil {
		return nil, Cause(err)
	}
	defer func() { _ = at.Close() }() // a path only
	fd, err := reopen(int(at.Fd()))
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), at.Name()), nil
}

// maxLinks is how many symbolic links the kernel follows in a path.
const maxLinks = 40

// openPath finds a file, without opening it (O_PATH), and follows links.
func openPath(root *os.Root, name string) (*os.File, error) {
	for range maxLinks {
		at, err := root.OpenFile(name, unix.O_PATH, 0)
		if err != nil {
			return nil, err
		}
		info, err := at.Stat()
		if err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return at, nil
		}
		_ = at.Close()
		if err != nil {
			return nil, err
		}
		target, err := root.Readlink(name)
		if err != nil {
			return nil, err
		}
		if path.IsAbs(target) {
			return nil, errors.New("a symbolic link that leads out of the partition")
		}
		// Not path.Join: ".." of the target follows what links come before it.
		name = name[:strings.LastIndexByte(name, '/')+1] + target
	}
	return nil, unix.ELOOP
}

// openFlags open a file for reading without waiting for a FIFO, or taking a tty.
const openFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// reopen opens the regular file for reading that a descriptor of O_PATH is.
func reopen(at int) (int, error) {
	if err := isRegular(at); err != nil {
		return -1, err
	}
	link := "/proc/self/fd/" + strconv.Itoa(at)
	return uninterrupted(func() (int, error) { return unix.Open(link, openFlags, 0) })
}

// isRegular returns why a descriptor is no regular file.
func isRegular(fd int) error {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		return errors.New("is a directory")
	}
	return errors.New("not a regular file")
}

// openDirectory opens a directory below root for listing, and nothing else.
func openDirectory(root *os.Root, name string) (*os.File, error) {
	return root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// Names lists the regular files of a directory of the volume, as Dir.Names. A
// directory that does not exist has none.
func (v *Volume) Names(dir string) ([]string, error) {
	d, err := v.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }() // read only
	return d.Names()
}

// Where is a path of the volume as the user sees it.
func (v *Volume) Where(name string) string { return v.Dir + "/" + Name(name) }

// Cause strips the operation and the path that os puts around an error.
func Cause(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}

// OpenFile opens a regular file of the machine by its path, following links. Like
// OpenRegular it neither waits for a FIFO nor opens a device.
func OpenFile(path string) (*os.File, error) {
	at, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(at) }() // a path only
	fd, err := reopen(at)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
