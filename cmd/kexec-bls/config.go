package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
)

const configPath = "/etc/kexec-bls.toml"

// config is /etc/kexec-bls.toml. The zero value changes nothing.
type config struct {
	Cmdline struct {
		// Append are words put at the end of every command line.
		Append []string `toml:"append"`
		// Remove are keys taken out of every command line.
		Remove []string `toml:"remove"`
	} `toml:"cmdline"`
	Check struct {
		// Ignore are the IDs of findings that do not end a reboot.
		Ignore []string `toml:"ignore"`
	} `toml:"check"`
	Initrd struct {
		// Flat unpacks all initrds into one uncompressed archive.
		Flat bool `toml:"flat"`
		// EarlyFirst moves pure early archives to the front.
		EarlyFirst bool `toml:"early_first"`
	} `toml:"initrd"`
}

// readConfig reads the configuration. A file that was not asked for may be
// absent; a key that is not known is only warned about.
func (a *app) readConfig() error {
	path, asked := a.flags.config, a.flags.config != ""
	if !asked {
		path = a.configFile
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return nil
	}
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	meta, err := toml.Decode(string(data), &a.config)
	if err != nil {
		return configError(path, err)
	}
	for _, key := range meta.Undecoded() {
		a.warn("%s:%d: unknown key %s, ignored", path, keyLine(string(data), key), key)
	}
	return nil
}

// configError puts file and line in front of what the parser says. For a value
// of the wrong type it tells the line in its text only.
func configError(path string, err error) error {
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%s:%d: %s", path, syntax.Position.Line, syntax.Message)
	}
	var line int
	var key string
	if _, scan := fmt.Sscanf(err.Error(), "toml: line %d (last key %q)", &line, &key); scan == nil {
		_, what, _ := strings.Cut(err.Error(), "): ")
		return fmt.Errorf("%s:%d: %s: %s", path, line, key, what)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// keyLine finds the line, from 1, that sets a key. The parser does not keep
// it; the last part of the key stands in front of "=" or in a table's header.
func keyLine(text string, key toml.Key) int {
	name := key[len(key)-1]
	table := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if header, ok := strings.CutPrefix(line, "["); ok {
			table = strings.Trim(strings.TrimSuffix(strings.TrimSpace(header), "]"), "[] ")
			if table == key.String() {
				return i + 1
			}
			continue
		}
		left, _, ok := strings.Cut(line, "=")
		left = strings.Trim(strings.TrimSpace(left), `"'`)
		full := left
		if table != "" {
			full = table + "." + left
		}
		if ok && (full == key.String() || left == name && strings.HasSuffix(key.String(), full)) {
			return i + 1
		}
	}
	return 0
}
