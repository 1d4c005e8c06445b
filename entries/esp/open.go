package esp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
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

// Open opens a regular file of the volume, by its path in a boot entry. It
// never waits on a FIFO and never opens a device. The error is the bare cause;
// the caller closes the file.
func (v *Volume) Open(p string) (*os.File, error) {
	f, err := OpenRegular(v.Root, Name(p))
	if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(Name(p), "boot/") && v.Plain {
		// Written by GRUB's rules: from the root of the file system on.
		return OpenRegular(v.Root, strings.TrimPrefix(Name(p), "boot/"))
	}
	return f, err
}

// Exists looks for a file as Open would, without opening it.
func (v *Volume) Exists(p string) error {
	_, err := v.Root.Stat(Name(p))
	if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(Name(p), "boot/") && v.Plain {
		_, err = v.Root.Stat(strings.TrimPrefix(Name(p), "boot/"))
	}
	return Cause(err)
}

// OpenRegular opens a regular file below root for reading, as Volume.Open.
func OpenRegular(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, Cause(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = errors.New("is a directory")
	case !info.Mode().IsRegular():
		err = errors.New("not a regular file")
	default:
		return f, nil
	}
	_ = f.Close()
	return nil, err
}

// Names lists the regular files of a directory of the volume, in byte order.
// Links, FIFOs and directories are passed over: FAT has none of them but
// directories. A directory that does not exist has no files; one that is, or
// lies behind, a symbolic link is an error.
func (v *Volume) Names(dir string) ([]string, error) {
	f, err := openDir(v.Root, Name(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Where(dir), Cause(err))
	}
	defer func() { _ = f.Close() }() // read only
	all, err := f.ReadDir(-1)
	if err != nil {
		err = fmt.Errorf("%s: %w", v.Where(dir), Cause(err))
	}
	var names []string
	for _, d := range all {
		if d.Type().IsRegular() {
			names = append(names, d.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// Where is a path of the volume as the user sees it.
func (v *Volume) Where(name string) string { return v.Dir + "/" + Name(name) }

// openDir opens a directory of which no part is a symbolic link.
func openDir(root *os.Root, dir string) (*os.File, error) {
	for p := dir; p != "."; p = path.Dir(p) {
		info, err := root.Lstat(p)
		if err != nil {
			return nil, err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil, errors.New("a symbolic link, which no boot loader follows")
		}
	}
	return root.Open(dir)
}

// Cause strips the operation and the path that os puts around an error.
func Cause(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}
