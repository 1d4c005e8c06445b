package esp

import (
	"errors"
	"io/fs"
	"os"
	"path"
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
	if v.reaches(Name(p)) {
		return nil
	}
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
	if err == nil {
		err = regular(info.Mode())
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
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
