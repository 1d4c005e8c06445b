package esp

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// A FileSystem is the file system that a volume is on, as GRUB's drivers for
// ext4, xfs and btrfs see it: symbolic links are followed, but not out of it.
// ostree has loader as a link. Only directories and regular files are opened.
// What no path leads to, such as one through a file, is fs.ErrNotExist.
//
// Names start at the root of the file system, of which the volume may be a
// directory only. Where that is /boot of the root file system, names are looked
// for there. Else what is not found on the volume is looked for without
// Volume.Subdir, and beside a directory boot.
type FileSystem struct {
	v     *Volume
	above *os.Root // the directory that the volume is in, if it is a boot of a larger file system
}

// FileSystem opens the file system of the volume. The caller closes it before
// the volume.
func (v *Volume) FileSystem() *FileSystem {
	f := &FileSystem{v: v}
	if v.Plain && v.Kind == XBOOTLDR && filepath.Base(v.Dir) == "boot" {
		dir := v.Dir
		if v.under.Node != "" {
			dir = v.Root.Name() // of another machine than this one, perhaps
		}
		f.above, _ = os.OpenRoot(filepath.Dir(dir)) // where it cannot be opened, nothing is found there
	}
	return f
}

// Close closes the file system, but not the volume.
func (f *FileSystem) Close() error {
	if f.above == nil {
		return nil
	}
	return f.above.Close()
}

// Volume returns the volume that the file system is of.
func (f *FileSystem) Volume() *Volume { return f.v }

// Prefix is the path from the root of the file system to the volume, "boot"; ""
// where they are the same, or names are looked for in both.
func (f *FileSystem) Prefix() string {
	if f.above != nil && f.v.under.Node != "" && f.v.FSType != "btrfs" {
		return filepath.Base(f.v.Dir)
	}
	return ""
}

// Where is a path of the file system as the user sees it.
func (f *FileSystem) Where(p string) string {
	at, err := f.find(path.Clean(Name(p)))
	switch {
	case err != nil:
		return f.v.Where(p)
	case at.root == f.v.Root: // which may have the name of a descriptor
		return f.v.Where(at.name)
	}
	return filepath.Join(at.root.Name(), at.name)
}

// A spot is where a name of the file system was found.
type spot struct {
	root *os.Root
	name string
	info fs.FileInfo
}

// find looks for what a name leads to.
func (f *FileSystem) find(name string) (spot, error) {
	var first error
	for _, at := range f.spots(name) {
		var err error
		at.info, err = at.root.Stat(at.name)
		if isNoPath(err) {
			err = fs.ErrNotExist
		}
		if !isMissing(err) {
			return at, err
		}
		if first == nil {
			first = err
		}
	}
	return spot{}, first
}

// isNoPath reports whether a name leads nowhere: through a file, or round in a
// circle of links.
func isNoPath(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENAMETOOLONG)
}

// spots are the places of a name.
func (f *FileSystem) spots(name string) []spot {
	if f.Prefix() != "" {
		return []spot{{root: f.above, name: name}}
	}
	spots := []spot{{root: f.v.Root, name: name}}
	for _, n := range f.v.stripped(name) {
		spots = append(spots, spot{root: f.v.Root, name: n})
	}
	if f.above != nil {
		spots = append(spots, spot{root: f.above, name: name})
	}
	return spots
}

// Open opens a regular file or a directory. What it returns is an *os.File.
func (f *FileSystem) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	at, err := f.find(name)
	if err != nil {
		return nil, err
	}
	var file *os.File
	if at.info.IsDir() {
		file, err = openDirectory(at.root, at.name)
	} else {
		file, err = OpenRegular(at.root, at.name)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: Cause(err)}
	}
	return file, nil
}

// Stat describes what a name leads to.
func (f *FileSystem) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	at, err := f.find(name)
	return at.info, err
}

// OpenRegular opens a regular file by its path; the error is the bare cause.
func (f *FileSystem) OpenRegular(p string) (*os.File, error) {
	file, err := f.Open(path.Clean(Name(p)))
	if err != nil {
		return nil, Cause(err)
	}
	regular, ok := file.(*os.File)
	if info, err := file.Stat(); err != nil || !ok || !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("not a regular file"), file.Close())
	}
	return regular, nil
}

// OpenForUpdate opens a regular file for reading and writing in place; the
// error is the bare cause.
func (f *FileSystem) OpenForUpdate(p string) (*os.File, error) {
	at, err := f.find(path.Clean(Name(p)))
	if err != nil {
		return nil, Cause(err)
	}
	if !at.info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	file, err := at.root.OpenFile(at.name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	return file, Cause(err)
}
