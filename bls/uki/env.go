package uki

import (
	"iter"
	"strings"
)

const (
	envBlanks   = " \t"
	envNewlines = "\n\r"
)

// An assignment is one KEY=value of an os-release(5) style text.
type assignment struct{ key, value string }

// assignments yields the assignments of a text in order, quotes and escapes
// resolved. The rules are those of systemd's reader of such files, where they
// go beyond os-release(5) too: blanks around "=" are dropped, a comment starts
// with "#" or ";", a quoted value may span lines, quotes inside an unquoted text
// are ordinary characters, and a text may end anywhere.
func assignments(text string) iter.Seq[assignment] {
	return func(yield func(assignment) bool) {
		rest := text
		for {
			rest = strings.TrimLeft(rest, envBlanks+envNewlines)
			if rest == "" {
				return
			}
			var key string
			var ok bool
			if key, rest, ok = cutKey(rest); !ok {
				continue
			}
			var v envValue
			rest = v.read(rest)
			if !yield(assignment{key, v.b.String()}) {
				return
			}
		}
	}
}

// cutKey takes the key in front of "=" off a text that starts with neither
// blank nor newline. It takes the whole line when that is no assignment.
func cutKey(text string) (key, rest string, ok bool) {
	stop := envNewlines
	if text[0] != '#' && text[0] != ';' {
		stop += "="
	}
	// A first "=" belongs to the key, so that a lone "=x" assigns nothing.
	at := strings.IndexAny(text[1:], stop) + 1
	if at == 0 {
		return "", "", false
	}
	return strings.TrimRight(text[:at], envBlanks), text[at+1:], text[at] == '='
}

// An envValue collects a value. Blanks at its end are dropped only where they
// are neither quoted nor escaped.
type envValue struct{ b strings.Builder }

// read collects one value and returns the text after its line.
func (v *envValue) read(text string) (rest string) {
	for {
		text = strings.TrimLeft(text, envBlanks)
		if text == "" {
			return ""
		}
		switch text[0] {
		case '\n', '\r':
			return text[1:]
		case '\'':
			text = v.single(text[1:])
		case '"':
			text = v.double(text[1:])
		default:
			return v.bare(text)
		}
	}
}

// single takes everything up to the next single quote.
func (v *envValue) single(text string) (rest string) {
	quoted, rest, _ := strings.Cut(text, "'")
	v.b.WriteString(quoted)
	return rest
}

// double takes everything up to the next double quote. A backslash escapes
// what the shell would have it escape, joins lines, and is itself otherwise.
func (v *envValue) double(text string) (rest string) {
	for {
		at := strings.IndexAny(text, "\"\\")
		if at < 0 {
			v.b.WriteString(text)
			return ""
		}
		v.b.WriteString(text[:at])
		if text[at] == '"' {
			return text[at+1:]
		}
		if text = text[at+1:]; text == "" {
			return ""
		}
		switch c := text[0]; {
		case strings.IndexByte("\"\\`$", c) >= 0:
			v.b.WriteByte(c)
		case c != '\n':
			v.b.WriteByte('\\')
			v.b.WriteByte(c)
		}
		text = text[1:]
	}
}

// bare takes an unquoted value up to the end of its line. A backslash escapes
// the next character, or joins lines.
func (v *envValue) bare(text string) (rest string) {
	for {
		at := strings.IndexAny(text, "\\"+envNewlines)
		if at < 0 {
			v.b.WriteString(strings.TrimRight(text, envBlanks))
			return ""
		}
		if text[at] != '\\' {
			v.b.WriteString(strings.TrimRight(text[:at], envBlanks))
			return text[at+1:]
		}
		v.b.WriteString(text[:at])
		if text = text[at+1:]; text == "" {
			return ""
		}
		if c := text[0]; strings.IndexByte(envNewlines, c) < 0 {
			v.b.WriteByte(c)
		}
		text = text[1:]
	}
}
