package preflight

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
)

// maxRead bounds what is read of a file, in bytes. Files here are small; a
// kernel configuration has its own bound.
const maxRead = 256 << 10

// A tree reads small files of a file system and remembers what permissions
// hid. Everything that is not there, or not readable, reads as nothing.
type tree struct {
	fs     fs.FS
	at     string // mount point, for messages
	unseen *[]string
}

func newTree(fsys fs.FS, at string, unseen *[]string) tree {
	if fsys == nil {
		fsys = nowhere{}
	}
	return tree{fsys, at, unseen}
}

// nowhere is a file system that is not mounted.
type nowhere struct{}

// Open finds nothing.
func (nowhere) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// denied remembers a path that only permissions hide.
func (t tree) denied(name string, err error) {
	if errors.Is(err, fs.ErrPermission) {
		*t.unseen = append(*t.unseen, t.at+"/"+name)
	}
}

// open opens a regular file. It never waits on a FIFO or wakes a device.
func (t tree) open(name string) fs.File {
	info, err := fs.Stat(t.fs, name)
	if err != nil || !info.Mode().IsRegular() {
		t.denied(name, err)
		return nil
	}
	f, err := t.fs.Open(name)
	if err != nil {
		t.denied(name, err)
		return nil
	}
	return f
}

// read returns at most maxRead bytes of a regular file.
func (t tree) read(name string) []byte { return t.readMax(name, maxRead) }

func (t tree) readMax(name string, limit int64) []byte {
	f := t.open(name)
	if f == nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit))
	t.denied(name, err)
	if err != nil {
		return nil
	}
	return b
}

// text is a file's text without the blanks and NULs around it.
func (t tree) text(name string) string { return string(bytes.Trim(t.read(name), " \t\n\x00")) }

// part reads n bytes at an offset of a block device or a file; nil when it
// has fewer.
func (t tree) part(name string, offset, n int64) []byte {
	info, err := fs.Stat(t.fs, name)
	if err == nil && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeDevice {
		return nil
	}
	var f fs.File
	if err == nil {
		f, err = t.fs.Open(name)
	}
	if err != nil {
		t.denied(name, err)
		return nil
	}
	defer f.Close()
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, offset); err != nil {
		t.denied(name, err)
		return nil
	}
	return b
}

// has says whether there is such a path; a link must lead somewhere.
func (t tree) has(name string) bool {
	_, err := fs.Stat(t.fs, name)
	t.denied(name, err)
	return err == nil
}

// names lists a directory, sorted.
func (t tree) names(dir string) []string {
	entries, err := fs.ReadDir(t.fs, dir)
	t.denied(dir, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// link is the last part of what a symbolic link says: the driver of a device,
// the name of a disk.
func (t tree) link(name string) string {
	target, err := fs.ReadLink(t.fs, name)
	if err != nil {
		return ""
	}
	return path.Base(target)
}

// fields splits lines of "Key: value", as in /proc/meminfo.
func fields(text string) map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			m[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return m
}

// word returns the value of the last KEY=VALUE on a command line.
func word(cmdline, key string) string {
	value := ""
	for _, w := range strings.Fields(cmdline) {
		if v, ok := strings.CutPrefix(w, key+"="); ok {
			value = v
		}
	}
	return value
}
