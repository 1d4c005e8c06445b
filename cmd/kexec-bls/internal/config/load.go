package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/sys/unix"
)

// File is the main file; its drop-ins are in a directory of that name and ".d".
const File = "/etc/kexec-bls.toml"

// Paths are where configuration is looked for.
type Paths struct {
	File   string   // the administrator's main file, beside its drop-ins
	Vendor []string // directories that may have both too, the first one wins
	Only   string   // a file that is read instead of all others; "" for none
}

// SystemPaths returns the paths of the running system, in systemd's order.
func SystemPaths() Paths {
	return Paths{File: File, Vendor: []string{"/run", "/usr/local/lib", "/usr/lib"}}
}

// Origins maps the name of each key that is set to the file that set it last.
type Origins map[string]string

// Files are those that set a key, in alphabetical order.
func (o Origins) Files() []string {
	return slices.Compact(slices.Sorted(maps.Values(o)))
}

// Load reads and merges the configuration. A key that is not known is a
// warning that names file and key; a value of the wrong type and a file that
// cannot be read are errors. With an error the Config is Default.
func Load(p Paths) (Config, Origins, []string, error) {
	r := reader{config: Default(), origins: Origins{}}
	files, err := p.files()
	for _, file := range files {
		if err == nil {
			err = r.read(file)
		}
	}
	if err != nil {
		return Default(), nil, nil, err
	}
	return r.config, r.origins, r.warnings, nil
}

// files are the files to read, in order, by the rules of systemd.conf(5),
// "configuration directories and precedence": the first main file that exists;
// then drop-ins by name, of each name the first that exists. A link to
// /dev/null, or an empty file, is read as empty and so hides later ones.
func (p Paths) files() ([]string, error) {
	if p.Only != "" {
		return []string{p.Only}, nil
	}
	var files []string
	dropIns := map[string]string{} // file name to path
	for _, dir := range append([]string{filepath.Dir(p.File)}, p.Vendor...) {
		path := filepath.Join(dir, filepath.Base(p.File))
		if _, err := os.Lstat(path); err == nil && len(files) == 0 {
			files = append(files, path)
		}
		found, err := os.ReadDir(path + ".d")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		for _, f := range found {
			if _, hidden := dropIns[f.Name()]; !hidden && isDropIn(f.Name()) {
				dropIns[f.Name()] = filepath.Join(path+".d", f.Name())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(dropIns)) {
		files = append(files, dropIns[name])
	}
	return files, nil
}

func isDropIn(name string) bool {
	return strings.HasSuffix(name, ".toml") && !strings.HasPrefix(name, ".")
}

// A reader is what the files so far came to.
type reader struct {
	config   Config
	origins  Origins
	warnings []string
}

// read merges a file. A list replaces a list.
func (r *reader) read(path string) error {
	data, err := readFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	var tree map[string]any
	meta, err := toml.Decode(string(data), &tree)
	var syntax toml.ParseError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s:%d: %s", path, syntax.Position.Line, syntax.Message)
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, key := range meta.Keys() {
		name := strings.ToLower(key.String()) // case does not matter, as with encoding/json
		if err := r.set(name, lookup(tree, key), path); err != nil {
			return fmt.Errorf("%s: %s: %w", path, name, err)
		}
	}
	r.warnUnknown(path, meta.Keys())
	return nil
}

// maxUnknown is how many unknown keys of a file are named.
const maxUnknown = 16

// warnUnknown names the keys that do not exist; of a table that does not, its
// keys. An array of tables has the same ones again and again.
func (r *reader) warnUnknown(path string, keys []toml.Key) {
	seen := map[string]bool{}
	for i, key := range keys {
		name := key.String()
		if seen[name] || r.knows(strings.ToLower(name)) || slices.ContainsFunc(keys[i+1:], inside(key)) {
			continue
		}
		if len(seen) == maxUnknown {
			r.warnings = append(r.warnings, path+": more unknown keys ignored")
			return
		}
		seen[name] = true
		r.warnings = append(r.warnings, fmt.Sprintf("%s: unknown key %s ignored", path, name))
	}
}

// set sets the key of that name, if there is one.
func (r *reader) set(name string, value any, path string) error {
	for _, k := range r.config.Keys() {
		if k.Name == name {
			r.origins[name] = path
			return k.set(value)
		}
		if _, table := value.(map[string]any); strings.HasPrefix(k.Name, name+".") && !table {
			return errors.New("must be a table")
		}
	}
	return nil
}

// knows reports whether there is a key or a table of that name.
func (r *reader) knows(name string) bool {
	return slices.ContainsFunc(r.config.Keys(), func(k Key) bool { return strings.HasPrefix(k.Name+".", name+".") })
}

// inside returns what reports whether a key is in the table of that name.
func inside(table toml.Key) func(toml.Key) bool {
	return func(k toml.Key) bool { return strings.HasPrefix(k.String(), table.String()+".") }
}

// lookup returns the value of a key, nil for one in an array of tables.
func lookup(tree map[string]any, key toml.Key) any {
	for _, name := range key[:len(key)-1] {
		tree, _ = tree[name].(map[string]any)
	}
	return tree[key[len(key)-1]]
}

// maxFile bounds a file, in bytes.
const maxFile = 1 << 20

// readFile reads a regular file of at most maxFile bytes. A device is empty,
// as systemd reads it, and is not opened: O_PATH opens nothing.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeDevice != 0:
		return nil, nil
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	r, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		var cause *fs.PathError
		errors.As(err, &cause)
		return nil, fmt.Errorf("%s: %w", path, cause.Err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return data, err
}
