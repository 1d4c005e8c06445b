package host

import (
	"slices"
	"strconv"
	"strings"
)

// SysBoot reports whether the process has the capability CAP_SYS_BOOT. In a
// user namespace below the first it does not count.
func (m Machine) SysBoot() Tristate {
	const capSysBoot = 22 // include/uapi/linux/capability.h
	caps, err := strconv.ParseUint(m.fields("proc/self/status")["CapEff"], 16, 64)
	if err != nil {
		return Unknown
	}
	return tristate(caps>>capSysBoot&1 == 1)
}

// UserNamespace reports whether the process is in a user namespace below the
// first.
func (m Machine) UserNamespace() Tristate {
	uids := strings.Fields(m.Text("proc/self/uid_map"))
	if len(uids) == 0 {
		return Unknown
	}
	return tristate(!slices.Equal(uids, []string{"0", "0", "4294967295"}))
}

// PIDNamespace reports whether the process is in a PID namespace below the
// first, whose number is fixed (PROC_PID_INIT_INO, include/linux/proc_ns.h).
func (m Machine) PIDNamespace() Tristate {
	link := m.Link("proc/self/ns/pid")
	if link == "" {
		return Unknown
	}
	return tristate(link != "pid:[4026531836]")
}

// Seccomp reports whether a seccomp filter is active for the process.
func (m Machine) Seccomp() bool { return m.fields("proc/self/status")["Seccomp"] == "2" }

// LSMs returns the active security modules.
func (m Machine) LSMs() []string {
	text := m.Text("sys/kernel/security/lsm")
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// Lockdown returns the kernel's lockdown mode: none, integrity or
// confidentiality; "" where it is not known.
func (m Machine) Lockdown() string {
	_, mode, _ := strings.Cut(m.Text("sys/kernel/security/lockdown"), "[")
	mode, _, found := strings.Cut(mode, "]")
	if !found {
		return ""
	}
	return mode
}

// A Key is a certificate that the kernel trusts.
type Key struct {
	Name string // of its subject
	ID   string // its key identifier in lower-case hexadecimal; "" for none
}

// maxKeys bounds /proc/keys, in bytes: every user's keys are in it.
const maxKeys = 4 << 20

// TrustedKeys returns the certificates in /proc/keys, each once. The kernel
// lists what the reader may view, which only for root is all of its own
// keyrings. known is false where the file cannot be read or is empty.
func (m Machine) TrustedKeys() (keys []Key, known bool) {
	text, err := m.ReadFile("proc/keys", maxKeys)
	if err != nil || len(text) == 0 {
		return nil, false
	}
	for line := range strings.Lines(string(text)) {
		if key, ok := parseKey(line); ok && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, true
}

// parseKey reads a line of ID FLAGS USAGE TIMEOUT PERM UID GID TYPE DESCRIPTION.
// The type is cut at 9 characters. The description of a certificate is its name,
// its identifier (x509_key_preparse) and the kind of key, with ": " between.
func parseKey(line string) (Key, bool) {
	f := strings.Fields(line)
	if len(f) < 9 || f[7] != "asymmetri" {
		return Key{}, false
	}
	parts := strings.Split(strings.Join(f[8:], " "), ": ")
	if n := len(parts); n > 2 && isHex(parts[n-2]) {
		return Key{strings.Join(parts[:n-2], ": "), strings.ToLower(parts[n-2])}, true
	}
	return Key{Name: parts[0]}, true
}

func isHex(s string) bool { return s != "" && strings.Trim(s, "0123456789abcdefABCDEF") == "" }

// ParseBoolean reads a boolean as systemd's parse_boolean does: case does not
// matter. ok is false for what is none.
func ParseBoolean(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}
