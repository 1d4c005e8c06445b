package menu

import (
	"slices"
	"unicode"
)

// A line is a text that is being edited, with a cursor. It is never changed:
// each key makes another.
type line struct {
	text []rune
	at   int // the cursor is before this rune
}

func newLine(s string) line {
	text := []rune(s)
	return line{text, len(text)}
}

// String is the text without the cursor.
func (l line) String() string { return string(l.text) }

func (l line) insert(s string) line {
	r := []rune(s)
	return line{slices.Concat(l.text[:l.at], r, l.text[l.at:]), l.at + len(r)}
}

// cut removes the runes from one position to another.
func (l line) cut(from, to int) line {
	return line{slices.Concat(l.text[:from], l.text[to:]), from}
}

// key is readline's meaning of a key; false for one that it does not have.
func (l line) key(name string) (line, bool) {
	end := len(l.text)
	switch name {
	case "left", "ctrl+b":
		l.at = max(l.at-1, 0)
	case "right", "ctrl+f":
		l.at = min(l.at+1, end)
	case "home", "ctrl+a":
		l.at = 0
	case "end", "ctrl+e":
		l.at = end
	case "ctrl+left", "alt+b":
		l.at = l.wordBefore()
	case "ctrl+right", "alt+f":
		l.at = l.wordAfter()
	case "backspace", "ctrl+h":
		return l.cut(max(l.at-1, 0), l.at), true
	case "delete", "ctrl+d":
		at := l.at
		return l.cut(at, min(at+1, end)), true
	case "ctrl+w":
		return l.cut(l.wordBefore(), l.at), true
	case "ctrl+u":
		return l.cut(0, l.at), true
	case "ctrl+k":
		return l.cut(l.at, end), true
	default:
		return l, false
	}
	return l, true
}

func (l line) wordBefore() int {
	i := l.at
	for i > 0 && unicode.IsSpace(l.text[i-1]) {
		i--
	}
	for i > 0 && !unicode.IsSpace(l.text[i-1]) {
		i--
	}
	return i
}

func (l line) wordAfter() int {
	i := l.at
	for i < len(l.text) && unicode.IsSpace(l.text[i]) {
		i++
	}
	for i < len(l.text) && !unicode.IsSpace(l.text[i]) {
		i++
	}
	return i
}
