package menu

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the user does. A keyEvent has a name, as "a", "ctrl+w" or "shift+up", and
// the text that it types, if any.
type (
	keyEvent   struct{ name, text string }
	pasteEvent string
	clickEvent struct{ line int } // from 0, of the screen
	wheelEvent struct{ line, by int }
)

// An input takes the bytes of a terminal apart, as xterm, the console of Linux
// and those that follow them send them (xterm's ctlseqs, console_codes(4)). It
// holds back what is not whole.
type input struct {
	buf     []byte
	pasting bool
}

const escape = 0x1b

// events are those in the bytes so far. When more has not come for a moment,
// waited is set: then an escape is the key.
func (in *input) events(waited bool) []any {
	var events []any
	for len(in.buf) > 0 {
		ev, n := in.next(waited)
		if n == 0 {
			break
		}
		in.buf = in.buf[n:]
		if ev != nil {
			events = append(events, ev)
		}
	}
	return events
}

// next is the first event, nil for what means nothing here, and its length; 0 if
// the rest is still to come.
func (in *input) next(waited bool) (any, int) {
	switch b := in.buf; {
	case in.pasting:
		return in.pasted(waited)
	case b[0] != escape:
		return plainKey(b, waited)
	case len(b) == 1 && waited, len(b) > 1 && b[1] == escape:
		return keyEvent{name: "esc"}, 1
	case len(b) == 1:
		return nil, 0
	case b[1] == '[':
		return in.control(waited)
	case b[1] == 'O':
		return singleShift(b, waited)
	}
	ev, n := plainKey(in.buf[1:], waited)
	if k, ok := ev.(keyEvent); ok && n > 0 {
		return keyEvent{name: "alt+" + k.name}, 1 + n
	}
	return nil, skip(n > 0 || waited, 1+n)
}

// skip is the length of what is left out once it is whole.
func skip(whole bool, n int) int {
	if whole {
		return n
	}
	return 0
}

// plainKey is a letter, or one of ASCII's control characters.
func plainKey(b []byte, waited bool) (any, int) {
	switch c := b[0]; {
	case c == '\r':
		return keyEvent{name: "enter"}, 1
	case c == '\t':
		return keyEvent{name: "tab"}, 1
	case c == 0x7f:
		return keyEvent{name: "backspace"}, 1
	case c > 0 && c <= 26:
		return keyEvent{name: "ctrl+" + string(rune('a'+c-1))}, 1
	case c < ' ':
		return nil, 1
	case !utf8.FullRune(b):
		return nil, skip(waited, 1)
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n == 1 {
		return nil, 1
	}
	return keyEvent{string(r), string(r)}, n
}

// The keys by the end of their sequence, and by its number where that is "~".
var (
	keysByLetter = map[byte]string{
		'A': "up", 'B': "down", 'C': "right", 'D': "left", 'H': "home", 'F': "end", 'P': "f1", 'Z': "shift+tab",
		'a': "shift+up", 'b': "shift+down", 'c': "shift+right", 'd': "shift+left", // rxvt
	}
	keysByNumber = map[int]string{1: "home", 3: "delete", 4: "end", 5: "pgup", 6: "pgdown", 7: "home", 8: "end", 11: "f1"}
)

// singleShift is a key of the numeric pad's or the cursor's other mode, ESC O x. rxvt
// tells Ctrl from Shift by it.
func singleShift(b []byte, waited bool) (any, int) {
	if len(b) < 3 {
		return nil, skip(waited, len(b))
	}
	name, ok := keysByLetter[b[2]]
	if !ok {
		return nil, 3
	}
	return keyEvent{name: strings.Replace(name, "shift+", "ctrl+", 1)}, 3
}

const (
	pasteBegins = "\x1b[200~"
	pasteEnds   = "\x1b[201~"
)

// control is a control sequence of ECMA-48: ESC [, parameters, a last letter.
func (in *input) control(waited bool) (any, int) {
	b := in.buf
	i := 2
	for i < len(b) && b[i] >= ' ' && b[i] <= '?' {
		i++
	}
	switch {
	case i == len(b):
		return nil, skip(waited, i)
	case b[i] < '@' || b[i] > '~': // cut off by what follows
		return nil, i
	case i == 2 && b[i] == '[': // F1 to F5 of the console of Linux
		if len(b) == i+1 {
			return nil, skip(waited, i+1)
		}
		if b[i+1] == 'A' {
			return keyEvent{name: "f1"}, i + 2
		}
		return nil, i + 2
	case i == 2 && b[i] == 'M': // a mouse of old: a button and where, in three bytes
		return nil, skip(waited || len(b) >= i+4, min(i+4, len(b)))
	}
	whole, last := b[:i+1], b[i]
	switch parameters, isMouse := strings.CutPrefix(string(b[2:i]), "<"); {
	case string(whole) == pasteBegins:
		in.pasting = true
		return nil, i + 1
	case isMouse:
		return mouse(parameters, last), i + 1
	default:
		return sequenceKey(parameters, last), i + 1
	}
}

// sequenceKey is a key with the parameters NUMBER;MODIFIERS.
func sequenceKey(parameters string, last byte) any {
	number, modifiers, _ := strings.Cut(parameters, ";")
	name := keysByLetter[last]
	if last == '~' {
		n, _ := strconv.Atoi(number) // not a number: no such key
		name = keysByNumber[n]
	}
	if name == "" {
		return nil
	}
	held, err := strconv.Atoi(modifiers) // of one more than the bits
	if err != nil || held < 1 {
		held = 1
	}
	for i, modifier := range []string{"shift+", "alt+", "ctrl+"} {
		if (held-1)&(1<<i) != 0 {
			name = modifier + name
		}
	}
	return keyEvent{name: name}
}

// mouse is xterm's report BUTTON;COLUMN;LINE, with M for a press.
func mouse(parameters string, last byte) any {
	fields := strings.Split(parameters, ";")
	if len(fields) != 3 || last != 'M' {
		return nil
	}
	line, err := strconv.Atoi(fields[2])
	if err != nil || line < 1 {
		return nil
	}
	switch fields[0] {
	case "0":
		return clickEvent{line - 1}
	case "64":
		return wheelEvent{line - 1, -1}
	case "65":
		return wheelEvent{line - 1, 1}
	}
	return nil
}

// pasted is the text up to the end of the paste, or as much as has come of it.
func (in *input) pasted(waited bool) (any, int) {
	b := in.buf
	if bytes.HasPrefix(b, []byte(pasteEnds)) {
		in.pasting = false
		return nil, len(pasteEnds)
	}
	n := bytes.IndexByte(b, escape)
	switch {
	case n < 0:
		n = wholeRunes(b, waited)
	case n == 0 && !waited && strings.HasPrefix(pasteEnds, string(b)):
		return nil, 0
	case n == 0:
		return nil, 1
	}
	if n == 0 {
		return nil, 0
	}
	return pasteEvent(bytes.ToValidUTF8(b[:n], nil)), n
}

// wholeRunes is the length of b without a rune at its end that is cut off.
func wholeRunes(b []byte, waited bool) int {
	for n := len(b) - 1; n >= max(0, len(b)-utf8.UTFMax) && !waited; n-- {
		if utf8.RuneStart(b[n]) && !utf8.FullRune(b[n:]) {
			return n
		}
	}
	return len(b)
}
