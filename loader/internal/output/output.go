// Package output writes files that may hold secrets into directories that a user
// names: whole or not at all, readable by their owner alone, and never where
// somebody else could have prepared something.
package output

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// ErrForeign means that somebody else could change what is written, or gets to
// read it.
var ErrForeign = errors.New("belongs to another user")

// A Dir is a directory for output. Close it.
type Dir struct {
	root *os.Root
	path string
	uid  uint32
}

// MakeDir is OpenDir of a directory that it makes, with its parents, 0755, where
// they are absent.
func MakeDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	return OpenDir(path)
}

// OpenDir opens a directory. One that another user owns, or that others can write
// to, is ErrForeign; the sticky bit of /tmp protects its files from others.
func OpenDir(path string) (*Dir, error) { return openDir(path, uint32(os.Geteuid())) }

func openDir(path string, uid uint32) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil && !trusted(info, uid) {
		err = hint.Errorf("use a directory that only you can write to", "%s: %w, or others can write to it", path, ErrForeign)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Dir{root, path, uid}, nil
}

func trusted(dir fs.FileInfo, uid uint32) bool {
	own := owner(dir)
	return (own == uid || own == 0) && (dir.Mode().Perm()&0o022 == 0 || dir.Mode()&fs.ModeSticky != 0)
}

func owner(info fs.FileInfo) uint32 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid
	}
	return ^uint32(0)
}

// Close closes the directory.
func (d *Dir) Close() error { return d.root.Close() }

// Write writes a file of the directory, 0600. It is written under another name
// and renamed; on error nothing is left. A device or pipe that is there is written
// to if it is the user's own.
func (d *Dir) Write(name string, write func(*os.File) error) error {
	info, err := d.root.Lstat(name)
	switch {
	case err == nil && info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe) != 0:
		err = d.writeTo(name, info, write)
	case err == nil && info.IsDir():
		err = syscall.EISDIR
	case err == nil || errors.Is(err, fs.ErrNotExist):
		err = d.replace(name, write)
	}
	if err != nil {
		return fmt.Errorf("%s/%s: %w", d.path, name, err)
	}
	return nil
}

// writeTo writes to what is there, unless something else is there by now.
func (d *Dir) writeTo(name string, before fs.FileInfo, write func(*os.File) error) error {
	if owner(before) != d.uid {
		return ErrForeign
	}
	f, err := d.root.OpenFile(name, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	now, err := f.Stat()
	if err == nil && !os.SameFile(before, now) {
		err = ErrForeign
	}
	if err == nil {
		err = write(f)
	}
	return errors.Join(err, f.Close())
}

func (d *Dir) replace(name string, write func(*os.File) error) error {
	temporary := "." + name + "-" + rand.Text()[:8]
	f, err := d.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		return cause.Err // without the name, which nobody knows
	} else if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = d.root.Rename(temporary, name)
	}
	if err != nil {
		_ = d.root.Remove(temporary) // it may be renamed already
	}
	return err
}

// Remove removes a file of the directory. There may be none.
func (d *Dir) Remove(name string) error {
	err := d.root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
