package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// An origin is where a key was set last. The zero value is the default.
type origin struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1
}

func (o origin) String() string {
	if o.File == "" {
		return "default"
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// configDirs are the directories of configuration, the strongest first.
func (m *machine) configDirs() []string {
	return append([]string{filepath.Dir(m.configFile)}, m.vendorDirs...)
}

// configFiles are the files to read, in order, by the rules of systemd's
// configuration (systemd.conf(5), "configuration directories and precedence"):
// the first main file that exists; then drop-ins by name, of each name the
// first that exists. A link to /dev/null, or an empty file, is read as empty
// and so hides those behind it.
func (m *machine) configFiles() ([]string, error) {
	var files []string
	name := filepath.Base(m.configFile)
	dropIns := map[string]string{} // file name to path
	for _, dir := range m.configDirs() {
		main := filepath.Join(dir, name)
		if _, err := os.Lstat(main); err == nil && len(files) == 0 {
			files = append(files, main)
		}
		found, err := os.ReadDir(main + ".d")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, f := range found {
			if _, hidden := dropIns[f.Name()]; !hidden && strings.HasSuffix(f.Name(), ".toml") && !strings.HasPrefix(f.Name(), ".") {
				dropIns[f.Name()] = filepath.Join(main+".d", f.Name())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(dropIns)) {
		files = append(files, dropIns[name])
	}
	return files, nil
}

// readConfig reads and merges the configuration; a file of --config stands for
// all. A key that is not known is only warned about.
func (a *app) readConfig() error {
	a.config, a.origins = config{}, map[string]origin{}
	defer a.config.complete() // also for a hook, which goes on after an error
	files := []string{a.flags.config}
	if a.flags.config == "" {
		var err error
		if files, err = a.configFiles(); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	for _, file := range files {
		if err := a.readConfigFile(file); err != nil {
			return err
		}
	}
	return nil
}

// maxConfig bounds a file, in bytes.
const maxConfig = 1 << 20

// readConfigFile lays a file over what was read before. A list replaces a list.
func (a *app) readConfigFile(path string) error {
	data, err := readSmall(path, maxConfig)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	var own config
	meta, err := toml.Decode(string(data), &own)
	if err != nil {
		return configError(path, err)
	}
	lines := tomlLines(string(data))
	set := map[string]origin{}
	for _, key := range meta.Keys() {
		set[strings.ToLower(key.String())] = origin{path, lines.of(key)} // the parser does not mind case
	}
	a.warnUnknown(path, meta.Undecoded(), lines)
	merged := a.config.keys()
	for i, k := range own.keys() {
		o, ok := set[k.Name]
		if !ok {
			continue
		}
		if why := k.wrong(); why != "" {
			return fmt.Errorf("%s: %s: %s", o, k.Name, why)
		}
		merged[i].value.Set(k.value)
		a.origins[k.Name] = o
	}
	return nil
}

// readSmall reads a regular file of at most limit bytes, or /dev/null.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeDevice != 0:
		return nil, nil
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s: %d bytes, at most %d are read", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

// configError puts file and line in front of what the parser says. Of a value
// of the wrong type it tells the line in its text only.
func configError(path string, err error) error {
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%s:%d: %s", path, syntax.Position.Line, syntax.Message)
	}
	var line int
	var key string
	if _, scan := fmt.Sscanf(err.Error(), "toml: line %d (last key %q)", &line, &key); scan != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, what, _ := strings.Cut(err.Error(), "): ")
	for _, k := range configKeys() {
		if strings.EqualFold(key, k.Name) {
			what = "must be a " + k.Type
		}
	}
	return fmt.Errorf("%s:%d: %s: %s", path, line, key, what)
}
