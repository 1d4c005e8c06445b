package term

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A JSONMode is the value of --json.
type JSONMode string

// Values of a JSONMode. The zero value is none of them.
const (
	JSONShort  JSONMode = "short"
	JSONPretty JSONMode = "pretty"
	JSONOff    JSONMode = "off"
)

// String, Set and Type make JSONMode a flag value.
func (m *JSONMode) String() string { return string(*m) }

// Set takes one of the three modes.
func (m *JSONMode) Set(s string) error {
	switch JSONMode(s) {
	case JSONOff, JSONShort, JSONPretty:
		*m = JSONMode(s)
		return nil
	}
	return fmt.Errorf("must be one of %s, %s, %s; got %q", JSONShort, JSONPretty, JSONOff, s)
}

// Type names the value in the help text.
func (m *JSONMode) Type() string { return "MODE" }

// JSONModeOf is the mode that arguments ask for, whatever else is wrong with them.
func JSONModeOf(args []string) JSONMode {
	mode := JSONOff
	for _, arg := range args {
		value, asked := strings.CutPrefix(arg, "--json=")
		switch {
		case arg == "--":
			return mode
		case arg == "--json":
			mode = JSONPretty
		case asked:
			_ = mode.Set(value) // one that is none changes nothing
		}
	}
	return mode
}

// JSON writes a value, JSONPretty with tabs, else as one line.
func (u *UI) JSON(mode JSONMode, v any) error {
	e := newEncoder(mode, "")
	text, err := e.encode(v)
	if err != nil {
		return err
	}
	_, err = u.Out.Write(append(text, '\n'))
	return err
}

// JSONArray writes an array as UI.JSON would, element after element, so that
// the text of a long one is never in memory as a whole.
func JSONArray[T any](u *UI, mode JSONMode, elements iter.Seq[T]) error {
	out := bufio.NewWriterSize(u.Out, 32<<10)
	open, between, end := "[", ",", "]\n"
	if mode == JSONPretty {
		open, between, end = "[\n\t", ",\n\t", "\n]\n"
	}
	e, before := newEncoder(mode, "\t"), open
	for v := range elements {
		text, err := e.encode(v)
		if err != nil {
			return err
		}
		_, _ = io.WriteString(out, before) // Flush returns the error
		_, _ = out.Write(text)
		before = between
	}
	if before == open {
		end = "[]\n"
	}
	_, _ = io.WriteString(out, end)
	return out.Flush()
}

// An encoder writes JSON that a terminal cannot obey.
type encoder struct {
	text, safe bytes.Buffer
	enc        *json.Encoder
}

func newEncoder(mode JSONMode, indent string) *encoder {
	e := &encoder{}
	e.enc = json.NewEncoder(&e.text)
	e.enc.SetEscapeHTML(false)
	if mode == JSONPretty {
		e.enc.SetIndent(indent, "\t")
	}
	return e
}

// encode returns a value without a newline at the end; the next call overwrites
// it. Characters that a terminal may obey are escaped, which changes no value:
// outside of strings JSON has none but those of ASCII.
func (e *encoder) encode(v any) ([]byte, error) {
	e.text.Reset()
	e.safe.Reset()
	if err := e.enc.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(e.text.Bytes(), []byte("\n"))
	done := 0
	for i := 0; i < len(text); i++ {
		if text[i] < 0x7f {
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if obeyed(r) {
			e.safe.Write(text[done:i])
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&e.safe, `\u%04x`, unit)
			}
			done = i + n
		}
		i += n - 1
	}
	e.safe.Write(text[done:])
	return e.safe.Bytes(), nil
}
