package host

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

// A Config is the configuration of a kernel: "y", "m" or another value of every
// option that is set, by its name with CONFIG_. nil is not known.
type Config map[string]string

// Known reports whether a configuration was found.
func (c Config) Known() bool { return c != nil }

// Off reports whether the configuration is known and lacks an option.
func (c Config) Off(option string) bool { return c != nil && c[option] == "" }

// BuiltIn reports whether the configuration is known and has an option as "y".
func (c Config) BuiltIn(option string) bool { return c[option] == "y" }

// maxConfig bounds a kernel configuration, in bytes; real ones are below
// 400 KiB.
const maxConfig = 4 << 20

// RunningConfig returns the configuration of the running kernel: /proc/config.gz
// or where KernelConfig looks.
func (m Machine) RunningConfig() Config {
	if packed, err := m.ReadFile("proc/config.gz", maxConfig); err == nil {
		if config := parseConfig(gunzip(packed)); config != nil {
			return config
		}
	}
	return m.KernelConfig(m.Release())
}

// gunzip returns nil for what is malformed, or larger than a configuration.
func gunzip(packed []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r, maxConfig+1))
	if err != nil || len(text) > maxConfig {
		return nil
	}
	return text
}

// KernelConfig returns the configuration of an installed kernel, from where
// distributions leave it.
func (m Machine) KernelConfig(release string) Config {
	if !isRelease(release) {
		return nil
	}
	for _, name := range []string{
		"boot/config-" + release, "usr/lib/modules/" + release + "/config", "lib/modules/" + release + "/config",
		"usr/lib/kernel/config-" + release, "usr/lib/ostree-boot/config-" + release,
	} {
		if text, err := m.ReadFile(name, maxConfig); err == nil {
			if config := parseConfig(text); config != nil {
				return config
			}
		}
	}
	return nil
}

// parseConfig reads lines of CONFIG_NAME=value; nil where there are none.
func parseConfig(text []byte) Config {
	var config Config
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxConfig)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || value == "" || value == "n" || !strings.HasPrefix(name, "CONFIG_") {
			continue
		}
		if config == nil {
			config = Config{}
		}
		config[name] = value
	}
	return config
}
