package preflight

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

// maxConfig bounds a kernel configuration, in bytes; real ones are below
// 400 KiB.
const maxConfig = 4 << 20

// config is the configuration of the running kernel, without the options that
// are off; nil: none was found where kernels and distributions leave it.
func (l *look) config() map[string]string {
	if packed := l.proc.readMax("config.gz", maxConfig); packed != nil {
		if r, err := gzip.NewReader(bytes.NewReader(packed)); err == nil {
			text, err := io.ReadAll(io.LimitReader(r, maxConfig))
			if config := parseConfig(text); err == nil && config != nil {
				return config
			}
		}
	}
	release := l.release()
	if release == "" || strings.Contains(release, "/") {
		return nil
	}
	for _, name := range []string{
		"boot/config-" + release, "usr/lib/modules/" + release + "/config", "lib/modules/" + release + "/config",
		"usr/lib/kernel/config-" + release, "usr/lib/ostree-boot/config-" + release,
	} {
		if config := parseConfig(l.root.readMax(name, maxConfig)); config != nil {
			return config
		}
	}
	return nil
}

// parseConfig reads lines of CONFIG_NAME=value about kexec; nil when the text
// is no kernel configuration.
func parseConfig(text []byte) map[string]string {
	config, kernel := map[string]string{}, false
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxConfig)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || !strings.HasPrefix(name, "CONFIG_") {
			continue
		}
		kernel = true
		if strings.HasPrefix(name, "CONFIG_KEXEC") {
			config[name] = value
		}
	}
	if !kernel || lines.Err() != nil {
		return nil
	}
	return config
}
