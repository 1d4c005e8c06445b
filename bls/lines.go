package bls

import (
	"errors"
	"iter"
	"strings"
)

// A line is one "key value" pair of an entry file or of loader.conf.
type line struct {
	number int // from 1
	key    string
	value  string
	raw    string // value with its quotes, as bootctl reads it
}

// lines yields the pairs of text by systemd-boot's grammar: lines end at LF or
// CR, a NUL ends the file, only space and tab are blanks, a line that starts
// with # is a comment, and one pair of double quotes around a value is taken
// off. A key without a value, which is nothing to systemd-boot, has raw "".
func lines(text string) iter.Seq[line] {
	return func(yield func(line) bool) {
		text, _, _ := strings.Cut(text, "\x00")
		for number := 1; len(text) > 0; number++ {
			var raw string
			raw, text = cutLine(text)
			key, value := splitPair(raw)
			if key != "" && !yield(line{number, key, unquote(value), value}) {
				return
			}
		}
	}
}

// cutLine takes the first line off text. CRLF is one line end, so that line
// numbers are those that an editor shows.
func cutLine(text string) (first, rest string) {
	i := strings.IndexAny(text, "\r\n")
	if i < 0 {
		return text, ""
	}
	first, rest = text[:i], text[i+1:]
	if text[i] == '\r' {
		rest = strings.TrimPrefix(rest, "\n")
	}
	return first, rest
}

const blanks = " \t"

// splitPair returns no key for a blank line and a comment.
func splitPair(raw string) (key, value string) {
	raw = strings.Trim(raw, blanks)
	if raw == "" || raw[0] == '#' {
		return "", ""
	}
	i := strings.IndexAny(raw, blanks)
	if i < 0 {
		return raw, ""
	}
	return raw[:i], strings.TrimLeft(raw[i:], blanks)
}

// noValue is what is wrong with a key without a value, which is passed over; nil
// where it is clear that nothing was meant.
func noValue(key string) error {
	if name, _, ok := strings.Cut(key, "="); ok && name != "" {
		return errEquals
	}
	return nil
}

var errEquals = errors.New(`a key and its value are parted by a blank, not by "="; ignored`)

func unquote(value string) string {
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		return value[1 : n-1]
	}
	return value
}

// maxProblems is how many lines of a file are complained about. One that is no
// entry at all has as many bad lines as it has lines.
const maxProblems = 20

var errMoreProblems = errors.New("this line and more are of no use either")

// complain adds a problem with a line, unless there were enough. It holds no
// part of the file's text.
func complain(problems []*ParseError, path string, l line, err error) []*ParseError {
	switch n := len(problems); {
	case n < maxProblems:
		return append(problems, &ParseError{Path: path, Line: l.number, Key: clip(l.key), Err: err})
	case n == maxProblems:
		return append(problems, &ParseError{Path: path, Line: l.number, Err: errMoreProblems})
	}
	return problems
}

// clip keeps the beginning of a text for a message.
func clip(s string) string {
	const enough = 64
	if len(s) > enough {
		return s[:enough] + "..."
	}
	return strings.Clone(s)
}
