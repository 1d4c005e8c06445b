package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// maxText bounds a small file, in bytes.
const maxText = 1 << 20

// ErrTooLarge is a file larger than it may be. What it holds is not known then,
// not even its beginning.
var ErrTooLarge = errors.New("file too large")

// fsys is FS, or an empty file system.
func (m Machine) fsys() fs.FS {
	if m.FS == nil {
		return empty{}
	}
	return m.FS
}

// empty is a file system without files.
type empty struct{}

// Open finds nothing.
func (empty) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadFile reads a regular file of at most limit bytes, by its path below the
// root directory. Errors are ErrTooLarge and those of package io/fs; what is no
// regular file is never read.
func (m Machine) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := m.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	var b bytes.Buffer
	b.Grow(4 << 10) // most files, with one read(2)
	if n, err := b.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	} else if n > limit {
		return nil, fmt.Errorf("%s: %w: over %d bytes", name, ErrTooLarge, limit)
	}
	return b.Bytes(), nil
}

// open opens a regular file.
func (m Machine) open(name string) (fs.File, error) {
	f, err := m.fsys().Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errSpecial}
	}
	if err != nil {
		_ = f.Close() // the error that counts is err
		return nil, err
	}
	return f, nil
}

// Text returns the text of a small file without the blanks and NULs around it;
// "" where it cannot be read, or is larger than 1 MiB.
func (m Machine) Text(name string) string {
	b, err := m.ReadFile(name, maxText)
	if err != nil {
		return ""
	}
	return string(bytes.Trim(b, " \t\n\x00"))
}

// Exists reports whether there is such a path. A link must lead somewhere.
func (m Machine) Exists(name string) bool {
	_, err := fs.Stat(m.fsys(), name)
	return err == nil
}

// Names returns the names in a directory, sorted; nil where it cannot be read.
func (m Machine) Names(dir string) []string {
	entries, err := fs.ReadDir(m.fsys(), dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Link returns the target of a symbolic link; "" for what is none.
func (m Machine) Link(name string) string {
	target, err := fs.ReadLink(m.fsys(), name)
	if err != nil {
		return ""
	}
	return target
}

// LinkName returns the last element of a link's target: the driver of a device,
// the name of a disk. It is "" for what is no link.
func (m Machine) LinkName(name string) string {
	target := m.Link(name)
	if target == "" {
		return ""
	}
	return path.Base(target)
}

// ReadAt returns n bytes at an offset of a block device or a regular file; nil
// where it has fewer, or cannot be read.
func (m Machine) ReadAt(name string, offset, n int64) []byte {
	info, err := fs.Stat(m.fsys(), name)
	if err != nil || !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeDevice {
		return nil
	}
	f, err := m.fsys().Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, offset); err != nil {
		return nil
	}
	return b
}

// fields returns the values of lines "Key: value", as in /proc/meminfo. The
// first line of a key counts.
func (m Machine) fields(name string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(m.Text(name)) {
		key, value, ok := strings.Cut(line, ":")
		key = strings.TrimSpace(key)
		if _, known := values[key]; ok && !known {
			values[key] = strings.TrimSpace(value)
		}
	}
	return values
}

// IsProgram reports whether a path is a regular file that somebody may execute.
func (m Machine) IsProgram(name string) bool {
	info, err := fs.Stat(m.fsys(), name)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
