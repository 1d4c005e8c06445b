package bls

import (
	"fmt"
	"strings"
)

// LoaderConf is the part of loader/loader.conf that chooses an entry:
// patterns for MatchID, or "@saved"; "" when unset.
type LoaderConf struct {
	Default, Preferred string
}

// Saved is the pattern that matches the entry booted last.
const Saved = "@saved"

// IsSaved reports whether a pattern asks for the entry booted last.
func IsSaved(pattern string) bool { return strings.EqualFold(pattern, Saved) }

// ParseLoaderConf reads loader.conf(5). It cannot fail: a line that
// systemd-boot ignores is a problem, and an earlier value stays.
func ParseLoaderConf(path string, data []byte) (LoaderConf, []*ParseError) {
	var conf LoaderConf
	var problems []*ParseError
	for l := range lines(string(data)) {
		err := noValue(l.key)
		if l.raw != "" {
			err = conf.set(l.key, l.value)
		}
		if err != nil {
			problems = complain(problems, path, l, err)
		}
	}
	return conf, problems
}

func (c *LoaderConf) set(key, value string) error {
	switch key {
	case "default", "preferred":
		if strings.HasPrefix(value, "@") && !IsSaved(value) {
			return fmt.Errorf("%q is not known, only %s is; ignored", clip(value), Saved)
		}
	}
	switch key {
	case "default":
		c.Default = value
	case "preferred":
		c.Preferred = value
	case "timeout", "console-mode", "editor", "auto-entries", "auto-firmware", "auto-poweroff",
		"auto-reboot", "beep", "secure-boot-enroll", "secure-boot-enroll-action",
		"secure-boot-enroll-timeout-sec", "reboot-for-bitlocker", "reboot-on-error", "log-level":
		// They change the menu or the firmware, not which entry is first.
	default:
		return errUnknownKey
	}
	return nil
}
