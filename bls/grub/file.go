package grub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// deviceName is GRUB's name for a device, or a mark for one that is not known.
func (r *runner) deviceName(d *Device) string {
	if d.Name != "" {
		return d.Name
	}
	for i, other := range r.m.Devices {
		if other == d {
			return unknown + itoa(i)
		}
	}
	return unknown
}

// errNoDevice means that GRUB knows no device of this name.
var errNoDevice = errors.New("no such device")

// locate reads a path as GRUB does: "(device)/path", or a path on $root. What
// follows the device is kept as it is.
func (r *runner) locate(name string) (File, error) {
	device, rest := r.value("root"), name
	if strings.HasPrefix(name, "(") {
		var ok bool
		if device, rest, ok = strings.Cut(name[1:], ")"); !ok {
			return File{}, fmt.Errorf("%s: %w", clip(name), errNoDevice)
		}
	}
	for _, d := range r.m.Devices {
		if r.deviceName(d) == device || slices.Contains(d.Aliases, device) {
			return File{d, rest}, nil
		}
	}
	switch {
	case isUnknown(device):
		return File{}, r.undetermined("%s is on a file system that cannot be read here", clip(rest))
	case isDevice(device) && !r.allNamed() && (r.m.Absent == nil || !r.m.Absent(device)):
		return File{}, r.undetermined("which file system GRUB calls (%s) is not known here", clip(device))
	}
	return File{}, fmt.Errorf("%s: %w", clip(device), errNoDevice)
}

// isDevice reports whether GRUB may have a device of this name.
func isDevice(name string) bool {
	for _, prefix := range []string{"hd", "cd", "fd", "lvm/", "lvmid/", "md", "crypto", "ldm/", "dm_nv/"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// allNamed reports whether GRUB's names of all devices are known.
func (r *runner) allNamed() bool {
	return !slices.ContainsFunc(r.m.Devices, func(d *Device) bool { return d.Name == "" })
}

// regular finds a file that must exist; GRUB takes slashes after its name. The error
// is an UndeterminedError, or why GRUB does not find it.
func (r *runner) regular(name string) (File, fs.FileInfo, error) {
	f, err := r.locate(name)
	if err != nil {
		return f, nil, err
	}
	if isUnknown(f.Path) {
		return f, nil, r.undetermined("a path depends on what is not known here")
	}
	if !strings.HasPrefix(f.Path, "/") {
		return f, nil, fmt.Errorf("%s: path does not begin with a slash", clip(f.Path))
	}
	f.Path = path.Clean(f.Path)
	actual, info, err := stat(f.Device, f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return f, nil, fmt.Errorf("%s: %w", f.Path, fs.ErrNotExist)
	case err != nil:
		return f, nil, r.undetermined("%s: %w", f.Path, cause(err))
	}
	f.Path = actual
	return f, info, nil
}

// cause leaves out the operation and the path that a message has already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// fsName is a path as io/fs takes it.
func fsName(p string) string {
	if p = strings.TrimPrefix(path.Clean("/"+p), "/"); p != "" {
		return p
	}
	return "."
}

// stat finds a file, on FAT without regard to case, and returns the path that
// it really has.
func stat(d *Device, p string) (string, fs.FileInfo, error) {
	info, err := fs.Stat(d.FS, fsName(p))
	if err == nil || !d.FAT || !errors.Is(err, fs.ErrNotExist) {
		return p, info, err
	}
	actual := ""
	for part := range strings.SplitSeq(fsName(p), "/") {
		list, err := fs.ReadDir(d.FS, fsName(actual))
		if err != nil {
			return p, nil, err
		}
		found := ""
		for _, e := range list {
			if strings.EqualFold(e.Name(), part) {
				found = e.Name()
			}
		}
		if found == "" {
			return p, nil, fs.ErrNotExist
		}
		actual += "/" + found
	}
	info, err = fs.Stat(d.FS, fsName(actual))
	return actual, info, err
}

// readFile reads a file that GRUB reads whole.
func (r *runner) readFile(f File, limit int64) ([]byte, error) {
	file, err := f.Device.FS.Open(fsName(f.Path))
	if err != nil {
		return nil, r.undetermined("%s: %w", f.Path, cause(err))
	}
	defer file.Close() //nolint:errcheck // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, r.undetermined("%s: %w", f.Path, cause(err))
	}
	if int64(len(data)) > limit {
		return nil, r.undetermined("%s is larger than %d bytes", f.Path, limit)
	}
	if r.loaded += len(data); r.loaded > maxRead {
		return nil, r.undetermined("more than %d bytes are to be read", maxRead)
	}
	return data, nil
}

// match returns the files that a word with * or ? names, or the word itself
// where it has none or no file matches. Backslashes are taken off.
func (r *runner) match(pattern string) ([]string, error) {
	plain := []string{unslash(pattern, r.flavor)}
	at := wildcard(pattern)
	if at == 0 {
		return nil, r.undetermined("%s matches GRUB's names of disks", clip(pattern))
	}
	if at < 0 || pattern[0] != '/' && pattern[0] != '(' || strings.Contains(pattern[at:], "/") {
		return plain, nil
	}
	slash := strings.LastIndexByte(pattern[:at], '/')
	if slash < 0 {
		return plain, nil
	}
	dir := unslash(pattern[:slash+1], r.flavor)
	f, err := r.locate(dir)
	if errors.Is(err, errNoDevice) {
		return plain, nil
	} else if err != nil {
		return nil, err
	}
	list, err := fs.ReadDir(f.Device.FS, fsName(f.Path))
	if err != nil {
		return plain, nil //nolint:nilerr // GRUB takes the word as it is
	}
	var found []string
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), ".") && matches(pattern[slash+1:], e.Name()) {
			found = append(found, dir+e.Name())
		}
	}
	switch len(found) {
	case 0:
		return plain, nil
	case 1:
		return found, nil
	}
	return nil, r.undetermined("more than one file matches %s; their order is the file system's", clip(pattern))
}

// wildcard is the place of the first * or ? that no backslash hides, or -1.
func wildcard(pattern string) int {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '*', '?':
			return i
		}
	}
	return -1
}

// matches reports whether a name matches a pattern of * and ?.
func matches(pattern, name string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(name) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
			continue
		case i < len(pattern) && pattern[i] == '?':
			i, j = i+1, j+1
			continue
		case i+1 < len(pattern) && pattern[i] == '\\' && pattern[i+1] == name[j]:
			i, j = i+2, j+1
			continue
		case i < len(pattern) && pattern[i] == name[j] && pattern[i] != '\\':
			i, j = i+1, j+1
			continue
		case star < 0:
			return false
		}
		mark++
		i, j = star+1, mark
	}
	return strings.Trim(pattern[i:], "*") == ""
}
