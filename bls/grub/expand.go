package grub

import (
	"fmt"
	"strings"
)

// maxText is the largest text that an expansion may come to, in bytes. No
// kernel takes a command line of that size.
const maxText = 64 << 10

var errTooLong = fmt.Errorf("a text grows over %d bytes", maxText)

// expandOptions is the first step of an entry's expansion, blscfg's own, which
// knows no quotes: $name becomes the variable's value and a blank, and a blank
// after the name is dropped; a name that is not set becomes nothing. ok is
// false where GRUB has no value at all. Oddities that are GRUB's: a text of one
// character before a $ or at the end is lost, and all of it where the first
// thing is a variable that is not set and another or the end follows.
// Fedora's leaves a $ after a backslash to the second step.
func expandOptions(value string, flavor Flavor, get func(string) (string, bool)) (out string, ok bool, err error) {
	var b strings.Builder
	add := func(text string) {
		ok = true
		if b.Len()+len(text) > maxText {
			err = errTooLong
			return
		}
		b.WriteString(text)
	}
	ended := false // a character that is no $ followed the name before
	for more := true; more && err == nil; {
		var text string
		if text, value, more = cutDollar(value, flavor); len(text) > 1 || text == "" && ended {
			add(text)
		}
		if !more {
			break
		}
		var name string
		name, value = cutName(value)
		ended = value != "" && value[0] != '$'
		if ended {
			value = strings.TrimPrefix(value, " ")
		} else if len(name) == 1 {
			continue
		}
		if v, set := get(name); set {
			add(v + " ")
		} else if !ended && !ok {
			return "", false, nil
		}
	}
	return b.String(), ok, err
}

// cutDollar cuts a text at the next $ that begins a variable.
func cutDollar(s string, flavor Flavor) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == '$' && (flavor == Upstream || i == 0 || s[i-1] != '\\') {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// cutName takes the longest name of a variable off a text; it may be empty.
func cutName(s string) (name, rest string) {
	n := 0
	for n < len(s) && (isAlpha(s[n]) || isDigit(s[n]) || s[n] == '_') {
		n++
	}
	return s[:n], s[n:]
}

// An argument is built as GRUB does: backslashes remain until file names were
// matched; what was quoted has one before each character that would count.
type argument struct {
	pattern strings.Builder
	some    bool // it exists, even if empty
}

func (a *argument) quoted(s string) {
	a.some = true
	for i := range len(s) {
		if strings.IndexByte(`\*?`, s[i]) >= 0 {
			a.pattern.WriteByte('\\')
		}
		a.pattern.WriteByte(s[i])
	}
}

func (a *argument) plain(s string) {
	a.some = true
	a.pattern.WriteString(s)
}

// value adds text of a variable: it may be a pattern, and its backslashes remain.
func (a *argument) value(s string) {
	a.some = true
	for i := range len(s) {
		if s[i] == '\\' {
			a.pattern.WriteByte('\\')
			if i+1 < len(s) && (s[i+1] == '*' || s[i+1] == '?') {
				a.pattern.WriteByte('\\')
			}
		}
		a.pattern.WriteByte(s[i])
	}
}

// arguments expands words: variables, splitting of what is not quoted, file
// name patterns, backslashes.
func (r *runner) arguments(words []word) ([]string, error) {
	var out []string
	size := 0
	add := func(a *argument) error {
		if !a.some {
			return nil
		}
		found, err := r.match(a.pattern.String())
		for _, s := range found {
			size += len(s) + 1
		}
		if size > maxText {
			return errTooLong
		}
		out = append(out, found...)
		*a = argument{}
		return err
	}
	for _, w := range words {
		var a argument
		for _, s := range w {
			if err := r.segment(&a, s, add); err != nil {
				return nil, err
			}
			if a.pattern.Len() > 2*maxText {
				return nil, errTooLong
			}
		}
		if err := add(&a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *runner) segment(a *argument, s segment, add func(*argument) error) error {
	switch {
	case !s.isVar && s.quoted:
		a.quoted(s.text)
		return nil
	case !s.isVar:
		a.plain(s.text)
		return nil
	case s.text == "@" || s.text == "*":
		return r.parameters(a, s, add)
	}
	value := r.value(s.text)
	if s.quoted {
		a.quoted(value)
		return nil
	}
	return splitInto(a, value, add)
}

// parameters expands "$@" and "$*".
func (r *runner) parameters(a *argument, s segment, add func(*argument) error) error {
	if s.quoted && s.text == "*" {
		a.quoted(strings.Join(r.params, " "))
		return nil
	}
	for i, p := range r.params {
		if i > 0 {
			if err := add(a); err != nil {
				return err
			}
		}
		if s.quoted {
			a.quoted(p)
		} else if err := splitInto(a, p, add); err != nil {
			return err
		}
	}
	return nil
}

// splitInto adds a value that is not quoted: blanks within it end arguments, those
// at its ends are nothing.
func splitInto(a *argument, value string, add func(*argument) error) error {
	blank := func(c rune) bool { return strings.ContainsRune(" \t\r\n\v\f", c) }
	for i, field := range strings.FieldsFunc(value, blank) {
		if i > 0 {
			if err := add(a); err != nil {
				return err
			}
		}
		a.value(field)
	}
	return nil
}

// unslash takes the backslashes off an argument. Fedora's GRUB leaves \xHH as
// it is.
func unslash(s string, flavor Flavor) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if flavor != Upstream && isHexEscape(s[i:]) {
				b.WriteString(s[i : i+4])
				i += 3
				continue
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isHexEscape(s string) bool {
	return len(s) >= 4 && s[0] == '\\' && s[1] == 'x' && isHex(s[2]) && isHex(s[3])
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// joinLine makes a kernel's command line of arguments: one blank between them,
// quotes around one with a blank, a backslash before quotes and backslashes.
func joinLine(args []string, flavor Flavor) (string, error) {
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		joinArgument(&b, a, flavor)
		if b.Len() > maxText {
			return "", errTooLong
		}
	}
	return b.String(), nil
}

func joinArgument(b *strings.Builder, a string, flavor Flavor) {
	blank := strings.IndexByte(a, ' ') >= 0
	if blank {
		b.WriteByte('"')
	}
	for i := 0; i < len(a); i++ {
		if flavor != Upstream && isHexEscape(a[i:]) {
			b.WriteString(a[i : i+4])
			i += 3
			continue
		}
		if strings.IndexByte(`\'"`, a[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(a[i])
	}
	if blank {
		b.WriteByte('"')
	}
}
