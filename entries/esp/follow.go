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
//
// Names start at the root of the file system, of which the volume may be a
// directory only: what is not found on the volume is looked for without
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
		f.above, _ = os.OpenRoot(filepath.Dir(v.Dir)) // where it cannot be opened, nothing is found there
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

// Where is a path of the file system as the user sees it.
func (f *FileSystem) Where(p string) string {
	at, err := f.find(path.Clean(Name(p)))
	if err != nil {
		return f.v.Where(p)
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
	spots := []spot{{root: f.v.Root, name: name}}
	for _, n := range f.v.stripped(name) {
		spots = append(spots, spot{root: f.v.Root, name: n})
	}
	if f.above != nil {
		spots = append(spots, spot{root: f.above, name: name})
	}
	var first error
	for _, at := range spots {
		var err error
		if at.info, err = at.root.Stat(at.name); !isMissing(err) {
			return at, err
		}
		if first == nil {
			first = err
		}
	}
	return spot{}, first
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
