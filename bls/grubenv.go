package bls

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// GrubEnv holds the variables of a GRUB environment block.
type GrubEnv map[string]string

const grubEnvHeader = "# GRUB Environment Block\n"

// ErrNotGrubEnv means that a file is not a GRUB environment block.
var ErrNotGrubEnv = errors.New("not a GRUB environment block")

// ParseGrubEnv reads a grubenv file: a header line, then name=value lines in
// which a backslash takes the next character, newline included, as it is.
func ParseGrubEnv(data []byte) (GrubEnv, error) {
	rest, ok := bytes.CutPrefix(data, []byte(grubEnvHeader))
	if !ok {
		return nil, ErrNotGrubEnv
	}
	env := GrubEnv{}
	for len(rest) > 0 {
		var raw string
		raw, rest = cutEscaped(rest)
		name, value, ok := strings.Cut(raw, "=")
		if ok && name != "" && name[0] != '#' {
			env[name] = value
		}
	}
	return env, nil
}

// EmptyGrubVar returns an environment block of the same size in which name is
// set to nothing, as GRUB leaves next_entry after it has used it. The line of
// every other variable stays as it is.
func EmptyGrubVar(data []byte, name string) ([]byte, error) {
	rest, ok := bytes.CutPrefix(data, []byte(grubEnvHeader))
	if !ok {
		return nil, ErrNotGrubEnv
	}
	out := []byte(grubEnvHeader)
	for len(rest) > 0 && (rest[0] != '#' || bytes.IndexByte(rest, '\n') >= 0) {
		_, after := cutEscaped(rest)
		raw := rest[:len(rest)-len(after)]
		if bytes.HasPrefix(raw, []byte(name+"=")) {
			raw = []byte(name + "=\n")
		}
		out, rest = append(out, raw...), after
	}
	if len(out) > len(data) {
		return nil, fmt.Errorf("%w: no room in it", ErrNotGrubEnv)
	}
	return append(out, bytes.Repeat([]byte("#"), len(data)-len(out))...), nil
}

// cutEscaped takes a line off data and undoes its backslashes.
func cutEscaped(data []byte) (line string, rest []byte) {
	var b strings.Builder
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '\n':
			return b.String(), data[i+1:]
		case data[i] == '\\' && i+1 < len(data):
			i++
		}
		b.WriteByte(data[i])
	}
	return b.String(), nil
}

// Expand replaces $name and ${name} in every value of the entry that GRUB's
// blscfg expands. A variable that is not set is an error naming it, the file
// and the line: GRUB would boot on with an empty string. So is a text that grows
// by more than any command line takes.
func (e *Entry) Expand(env GrubEnv) error {
	room := maxExpansion
	for _, list := range []struct {
		key    string
		values []string
	}{{"options", e.Options}, {"initrd", e.Initrds}, {"linux", []string{e.Linux}}} {
		for i, v := range list.values {
			expanded, err := env.expand(v, &room)
			if err != nil {
				return &ParseError{Path: e.Path, Line: e.LineOf(list.key, i), Key: list.key, Err: err}
			}
			list.values[i] = expanded
		}
		if list.key == "linux" {
			e.Linux = list.values[0]
		}
	}
	e.Initrds = splitInitrds(e.Initrds)
	return nil
}

// splitInitrds cuts lines at blanks, as GRUB does: "initrd /a $tuned_initrd"
// names two files, or one where the variable is empty.
func splitInitrds(initrds []string) []string {
	var out []string
	for _, line := range initrds {
		for p := range strings.FieldsSeq(line) {
			out = append(out, CleanPath(p))
		}
	}
	return out
}

// ExpandLine replaces the variables in a command line that is only to be
// compared: one with a variable that is not set stays as it is.
func (env GrubEnv) ExpandLine(line string) string {
	room := maxExpansion
	expanded, err := env.expand(line, &room)
	if err != nil {
		return line
	}
	return expanded
}

// maxExpansion is how many bytes the variables of one entry may add. An entry of
// 1 MiB that names one again and again would be hundreds; kernels take a few KiB.
const maxExpansion = 64 << 10

// expand replaces the variables of s, whose values take from room.
func (env GrubEnv) expand(s string, room *int) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, rest := cutVariable(after)
		if name == "" {
			b.WriteByte('$')
			s = after
			continue
		}
		value, ok := env[name]
		if !ok && name != "tuned_params" && name != "tuned_initrd" { // grub.cfg sets these two, to nothing where tuned is not installed
			return "", fmt.Errorf("variable $%s is not set in grubenv; set it with: grub2-editenv - set %s=", name, name)
		}
		if *room -= len(value); *room < 0 {
			return "", fmt.Errorf("variable $%s: the variables add more than %d bytes", name, maxExpansion)
		}
		b.WriteString(value)
		s = rest
	}
}

// cutVariable takes a variable name, bare or in braces, off s.
func cutVariable(s string) (name, rest string) {
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		name, rest, ok = strings.Cut(inner, "}")
		if ok && variableLen(name) == len(name) {
			return name, rest
		}
		return "", s
	}
	n := variableLen(s)
	return s[:n], s[n:]
}

func variableLen(s string) int {
	n := 0
	for n < len(s) && (isAlpha(s[n]) || s[n] == '_' || n > 0 && isDigit(s[n])) {
		n++
	}
	return n
}
