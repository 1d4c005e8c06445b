package esp

import (
	"io/fs"
	"os"
)

// FollowFS is the volume as GRUB's drivers for ext4, xfs and btrfs see it:
// symbolic links are followed, but not out of the volume. ostree has loader as
// a link. Only directories and regular files are opened. It is valid until the
// volume is closed.
func (v *Volume) FollowFS() fs.FS { return followFS{v.Root} }

type followFS struct{ root *os.Root }

// Open opens a regular file or a directory.
func (f followFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	info, err := f.root.Stat(name)
	if err != nil {
		return nil, err
	}
	var file *os.File
	if info.IsDir() {
		file, err = openDirectory(f.root, name)
	} else {
		file, err = OpenRegular(f.root, name)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: Cause(err)}
	}
	return file, nil
}

// Stat describes what a name leads to.
func (f followFS) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	return f.root.Stat(name)
}
