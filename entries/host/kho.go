package host

import (
	"math"
	"strconv"
	"strings"
)

// KHO reports whether the running kernel keeps state for the next one (kexec
// handover, Documentation/core-api/kho).
func (m Machine) KHO() bool {
	config := m.RunningConfig()
	return config.KHO(m.Cmdline()) || !config.Known() && m.Exists(khoDir)
}

// khoDir is in debugfs, where the running kernel hands something over.
const khoDir = "sys/kernel/debug/kho/out"

// KHO reports whether a kernel with this configuration hands state over, by its
// command line or by default.
func (c Config) KHO(cmdline string) bool {
	if c.Off("CONFIG_KEXEC_HANDOVER") {
		return false
	}
	on := c.BuiltIn("CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT")
	for parameter := range strings.FieldsSeq(cmdline) {
		if parameter == "--" {
			break
		}
		if text, ok := strings.CutPrefix(parameter, "kho="); ok {
			if value, ok := parseKernelBool(strings.Trim(text, `"`)); ok {
				on = value
			}
		}
	}
	return on
}

// parseKernelBool reads a boolean as the kernel's kstrtobool does, by its first
// letters; ok is false for what is none.
func parseKernelBool(s string) (value, ok bool) {
	s = strings.ToLower(s)
	switch {
	case s == "":
		return false, false
	case strings.ContainsRune("eyt1", rune(s[0])), strings.HasPrefix(s, "on"):
		return true, true
	case strings.ContainsRune("dnf0", rune(s[0])), strings.HasPrefix(s, "of"):
		return false, true
	}
	return false, false
}

// KHOScratch returns the sizes of the areas, in bytes, that are the only memory for
// an image with KHO: as the kernel lists them in debugfs, or by the last
// kho_scratch= of its command line; nil where they are not known.
func (m Machine) KHOScratch() []int64 {
	if list := m.Text(khoDir + "/scratch_len"); list != "" {
		return sizes(strings.Fields(list))
	}
	var found []int64
	for parameter := range strings.FieldsSeq(m.Cmdline()) {
		if parameter == "--" {
			break
		}
		if text, ok := strings.CutPrefix(parameter, "kho_scratch="); ok {
			found = sizes(strings.Split(strings.Trim(text, `"`), ","))
		}
	}
	return found
}

// sizes reads numbers as the kernel's memparse does; nil where one is none, such as
// a percentage.
func sizes(texts []string) []int64 {
	var found []int64
	for _, text := range texts {
		digits := strings.TrimRight(text, "KMGTkmgt")
		shift := map[string]int{"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
		bits, known := shift[strings.ToLower(text[len(digits):])]
		n, err := strconv.ParseInt(digits, 0, 64)
		if err != nil || !known || n < 0 || n > math.MaxInt64>>bits {
			return nil
		}
		found = append(found, n<<bits)
	}
	return found
}
