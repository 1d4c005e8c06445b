package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// The voice of the tool: results on stdout, all else on stderr with the name
// in front, no capital, no full stop; what happened, then how to mend it.
type ui struct {
	out, err io.Writer
	quiet    bool
}

const prefix = "kexec-bls: "

// fail says why the command did not do what was asked.
func (u *ui) fail(err error) { fmt.Fprintf(u.err, prefix+"%v\n", printable(err.Error())) }

// warn says what the user should know although the command goes on.
func (u *ui) warn(format string, args ...any) {
	fmt.Fprintf(u.err, prefix+"warning: %s\n", printable(fmt.Sprintf(format, args...)))
}

// note says what was done; --quiet keeps it back.
func (u *ui) note(format string, args ...any) {
	if !u.quiet {
		fmt.Fprintf(u.err, prefix+"%s\n", printable(fmt.Sprintf(format, args...)))
	}
}

// print writes a line of the result.
func (u *ui) print(format string, args ...any) {
	fmt.Fprintf(u.out, format+"\n", args...)
}

// printable replaces control characters: names and titles come from files that
// anyone may have written, and the output may go to a terminal.
func printable(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			out[i] = '\ufffd'
		}
	}
	return string(out)
}

// jsonMode is the value of --json.
type jsonMode string

const (
	jsonOff    jsonMode = "off"
	jsonShort  jsonMode = "short"
	jsonPretty jsonMode = "pretty"
)

// String, Set and Type make jsonMode a flag value.
func (m *jsonMode) String() string { return string(*m) }

// Set takes one of the three modes.
func (m *jsonMode) Set(s string) error {
	switch jsonMode(s) {
	case jsonOff, jsonShort, jsonPretty:
		*m = jsonMode(s)
		return nil
	}
	return fmt.Errorf("must be %s, %s or %s", jsonShort, jsonPretty, jsonOff)
}

// Type names the value in the help text.
func (m *jsonMode) Type() string { return "MODE" }

// json writes a value in the mode asked for.
func (u *ui) json(mode jsonMode, v any) error {
	enc := json.NewEncoder(u.out)
	enc.SetEscapeHTML(false)
	if mode == jsonPretty {
		enc.SetIndent("", "\t")
	}
	return enc.Encode(v)
}

// jsonArray writes an array, element after element, so that the text of a long
// one is never in memory as a whole.
func jsonArray[T any](u *ui, mode jsonMode, elements iter.Seq[T]) error {
	out := bufio.NewWriterSize(u.out, 32<<10)
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	open, between, end := "[", ",", "]\n"
	if mode == jsonPretty {
		enc.SetIndent("\t", "\t")
		open, between, end = "[\n\t", ",\n\t", "\n]\n"
	}
	before := open
	for e := range elements {
		text.Reset()
		if err := enc.Encode(e); err != nil {
			return err
		}
		_, _ = out.WriteString(before) // Flush tells
		_, _ = out.Write(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
		before = between
	}
	if before == open {
		end = "[]\n"
	}
	_, _ = out.WriteString(end)
	return out.Flush()
}
