package main

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// A tomlIndex says at which line a key was set, as the parser does not keep
// it: dotted name to line, from 1.
type tomlIndex map[string]int

// of is the line of a key; for one in an inline table, that of the table; 0
// when it is not there.
func (x tomlIndex) of(key toml.Key) int {
	for n := len(key); n > 0; n-- {
		if line, ok := x[key[:n].String()]; ok {
			return line
		}
	}
	return 0
}

// tomlLines indexes a text that the parser has accepted.
func tomlLines(text string) tomlIndex {
	s := tomlScan{text: text, line: 1}
	index := tomlIndex{}
	var table toml.Key
	for s.skipTo("") {
		line := s.line
		if s.text[0] != '[' {
			key := append(table[:len(table):len(table)], s.key("=")...)
			index[key.String()] = line
			s.skipTo("\n") // the value
			continue
		}
		s.take(strings.IndexFunc(s.text, func(r rune) bool { return r != '[' }))
		table = s.key("]")
		if _, ok := index[table.String()]; !ok {
			index[table.String()] = line
		}
		s.skipTo("\n")
	}
	return index
}

// A tomlScan is what is left of the text.
type tomlScan struct {
	text string
	line int
}

// take moves over n bytes.
func (s *tomlScan) take(n int) string {
	n = max(0, min(n, len(s.text)))
	taken := s.text[:n]
	s.line += strings.Count(taken, "\n")
	s.text = s.text[n:]
	return taken
}

// skipTo moves on, over strings, comments and brackets: to the newline of the
// statement's end for "\n", else to the next thing that is neither space nor
// comment. It says whether something is left.
func (s *tomlScan) skipTo(end string) bool {
	depth := 0
	for s.text != "" {
		switch c := s.text[0]; {
		case c == '#':
			s.take(len(s.text) - len(strings.TrimLeftFunc(s.text, func(r rune) bool { return r != '\n' })))
			continue
		case end == "" && !strings.ContainsRune(" \t\r\n", rune(c)):
			return true
		case c == '\n' && end == "\n" && depth == 0:
			return true
		case c == '"' || c == '\'':
			s.quoted()
			continue
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth = max(0, depth-1) // the second bracket of [[table]] has no first
		}
		s.take(1)
	}
	return false
}

// quoted takes a string of any of the four kinds and returns its inside.
func (s *tomlScan) quoted() string {
	quote := s.text[:1]
	if strings.HasPrefix(s.text, strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	s.take(len(quote))
	for n := 0; n < len(s.text); n++ {
		switch {
		case s.text[n] == '\\' && quote[0] == '"':
			n++
		case strings.HasPrefix(s.text[n:], quote):
			for len(quote) == 3 && strings.HasPrefix(s.text[n+1:], quote) {
				n++ // one or two quotes may stand before the closing three
			}
			inside := s.take(n)
			s.take(len(quote))
			return inside
		}
	}
	return s.take(len(s.text))
}

// key reads a dotted key up to and with the end.
func (s *tomlScan) key(end string) toml.Key {
	var key toml.Key
	for s.text != "" {
		switch c := s.text[:1]; {
		case c == end:
			s.take(1)
			return key
		case c == `"` || c == "'":
			key = append(key, unescaped(s.quoted(), c))
		case strings.Contains(" \t.", c):
			s.take(1)
		default:
			n := strings.IndexAny(s.text, " \t.\n"+end)
			if n < 0 {
				n = len(s.text)
			}
			key = append(key, s.take(max(n, 1)))
		}
	}
	return key
}

// unescaped is what a quoted key says; the parser knows how to read a string.
func unescaped(inside, quote string) string {
	var v struct{ K string }
	if _, err := toml.Decode("K = "+quote+inside+quote, &v); err != nil {
		return inside
	}
	return v.K
}
