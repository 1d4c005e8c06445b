package bls

import (
	"bytes"
	"iter"
)

// A line is one "key value" pair of an entry file or of loader.conf.
type line struct {
	number int // from 1
	key    string
	value  string
	raw    string // value with its quotes, as bootctl reads it
}

// lines yields the pairs of data by systemd-boot's grammar: lines end at LF or
// CR, a NUL ends the file, only space and tab are blanks, a line that starts
// with # is a comment, a key without a value is nothing, and one pair of
// double quotes around a value is taken off.
func lines(data []byte) iter.Seq[line] {
	return func(yield func(line) bool) {
		if i := bytes.IndexByte(data, 0); i >= 0 {
			data = data[:i]
		}
		for number := 1; len(data) > 0; number++ {
			var raw []byte
			raw, data = cutLine(data)
			key, value, ok := splitPair(raw)
			if ok && !yield(line{number, string(key), unquote(string(value)), string(value)}) {
				return
			}
		}
	}
}

// cutLine takes the first line off data. CRLF is one line end, so that line
// numbers are those that an editor shows.
func cutLine(data []byte) (first, rest []byte) {
	i := bytes.IndexAny(data, "\r\n")
	if i < 0 {
		return data, nil
	}
	first, rest = data[:i], data[i+1:]
	if data[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return first, rest
}

const blanks = " \t"

func splitPair(raw []byte) (key, value []byte, ok bool) {
	raw = bytes.Trim(raw, blanks)
	if len(raw) == 0 || raw[0] == '#' {
		return nil, nil, false
	}
	i := bytes.IndexAny(raw, blanks)
	if i < 0 {
		return nil, nil, false
	}
	return raw[:i], bytes.TrimLeft(raw[i:], blanks), true
}

func unquote(value string) string {
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		return value[1 : n-1]
	}
	return value
}
