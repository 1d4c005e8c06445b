package flags

import (
	"strconv"
	"strings"
)

// Unescape undoes systemd-escape(1) in the name of a unit's instance, and
// leaves a name alone that was not escaped: "\x2d" is a dash, and a dash is a
// dash, for no ENTRY has the slash that it would mean.
func Unescape(name string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(name, `\x`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		c, err := strconv.ParseUint(after[:min(2, len(after))], 16, 8)
		if err != nil || len(after) < 2 {
			b.WriteString(`\x`)
			name = after
			continue
		}
		b.WriteByte(byte(c))
		name = after[2:]
	}
}
