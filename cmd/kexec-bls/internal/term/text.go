package term

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Printable returns s as text that stays on its line and cannot control a
// terminal: newlines and tabs become blanks; other control characters, invisible
// format characters such as bidirectional overrides, and bytes that are no
// UTF-8 become U+FFFD.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case obeyed(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// obeyed reports whether a terminal may obey a character instead of showing
// it: controls of C0 and C1, line and paragraph separators, and format
// characters (U+200E, U+202E, U+2066, tags ...) but for the two joiners, without
// which Persian and Indic titles are misspelt.
func obeyed(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if r < unicode.MaxASCII {
		return r < ' '
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != nonJoiner && r != joiner
}

// widestCell is how many characters of a text a table shows.
const widestCell = 160

// Cell returns s as a cell of a table: printable, "-" where it is empty, cut
// where it is very long.
func Cell(s string) string {
	if s == "" {
		return "-"
	}
	s = Printable(s[:min(len(s), 4*widestCell)])
	if r := []rune(s); len(r) > widestCell {
		return string(r[:widestCell]) + "…"
	}
	return s
}

// columns is how wide a line is on a terminal.
func columns(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return ansi.StringWidth(s)
		}
	}
	return len(s)
}
