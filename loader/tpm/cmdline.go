package tpm

import "strings"

// A parameter is one of a kernel command line.
type parameter struct {
	key, value string
	hasValue   bool
}

// parameters splits a command line as systemd does (proc_cmdline_parse): at
// blanks outside quotes of either kind, which are taken out. As there, "-" and
// "_" are the same in a key.
func parameters(line string) []parameter {
	var found []parameter
	var text strings.Builder
	quote, begun := byte(0), false
	end := func() {
		if begun {
			key, value, ok := strings.Cut(text.String(), "=")
			found = append(found, parameter{strings.ReplaceAll(key, "-", "_"), value, ok})
		}
		text.Reset()
		begun = false
	}
	for i := range len(line) {
		switch c := line[i]; {
		case quote == 0 && strings.IndexByte(" \t\n\r", c) >= 0:
			end()
		case quote == 0 && (c == '"' || c == '\''):
			quote, begun = c, true
		case quote != 0 && c == quote:
			quote = 0
		default:
			text.WriteByte(c)
			begun = true
		}
	}
	end()
	return found
}

// boolean is the last value of a key that has one; set is false where the key is
// not there or that value is no boolean. A key without a value is true.
func boolean(line, key string) (value, set bool) {
	last, found := parameter{}, false
	for _, p := range parameters(line) {
		if p.key != key {
			continue
		}
		if found = true; p.hasValue {
			last = p
		}
	}
	if !found || !last.hasValue {
		return found, found
	}
	switch strings.ToLower(last.value) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

// values are those of one key, in order.
func values(line, key string) []string {
	var found []string
	for _, p := range parameters(line) {
		if p.key == key && p.hasValue {
			found = append(found, p.value)
		}
	}
	return found
}

// masked reports whether a key such as "rd.systemd.mask" names the unit.
func masked(line, key, unit string) bool {
	for _, name := range values(line, key) {
		if name == unit || name+".service" == unit {
			return true
		}
	}
	return false
}
