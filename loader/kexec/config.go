package kexec

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"strings"
)

// configKeys are the build options that decide whether a kernel can be loaded.
var configKeys = map[string]bool{
	"CONFIG_KEXEC":                    true,
	"CONFIG_KEXEC_FILE":               true,
	"CONFIG_KEXEC_SIG":                true,
	"CONFIG_KEXEC_VERIFY_SIG":         true, // before 5.4, both of SIG and FORCE
	"CONFIG_KEXEC_SIG_FORCE":          true,
	"CONFIG_KEXEC_BZIMAGE_VERIFY_SIG": true,
	"CONFIG_KEXEC_IMAGE_VERIFY_SIG":   true, // arm64
}

// maxConfig bounds a configuration; real ones are below 400 KiB.
const maxConfig = 4 << 20

// kernelConfig reads the configuration of the running kernel from where
// kernels and distributions leave it. An option that it does not mention is
// "n". nil: there is none.
func kernelConfig(root fs.FS) map[string]string {
	release := readText(root, "proc/sys/kernel/osrelease")
	names := []string{"proc/config.gz"}
	if release != "" && !strings.Contains(release, "/") {
		names = append(names, "boot/config-"+release, "usr/lib/modules/"+release+"/config",
			"lib/modules/"+release+"/config", "usr/lib/kernel/config-"+release, "usr/lib/ostree-boot/config-"+release)
	}
	for _, name := range names {
		if config := readConfig(root, name); config != nil {
			return config
		}
	}
	return nil
}

func readConfig(root fs.FS, name string) map[string]string {
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil
		}
	}
	text, err := io.ReadAll(io.LimitReader(r, maxConfig))
	if err != nil {
		return nil
	}
	return parseConfig(text)
}

// parseConfig reads lines of NAME=value; nil if none is of a kernel.
func parseConfig(text []byte) map[string]string {
	config := make(map[string]string, len(configKeys))
	for key := range configKeys {
		config[key] = "n"
	}
	kernel := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxConfig)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), "=")
		kernel = kernel || ok && strings.HasPrefix(key, "CONFIG_")
		if ok && configKeys[key] {
			config[key] = value
		}
	}
	if !kernel || lines.Err() != nil {
		return nil
	}
	return config
}
