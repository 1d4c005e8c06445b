// Package term is the output of kexec-bls: results on stdout, all else on
// stderr with the name in front, no capital, no full stop; what happened, then
// how to fix it. It is the only package that knows terminals.
//
// Names and titles come from files that anyone may have written, so all text
// is made Printable before it is written: a message is always one line.
package term

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// A UI is where the results and messages of a command go.
type UI struct {
	Out, Err io.Writer
	Quiet    bool // no notes, no progress
	Verbose  bool // details
	NoPager  bool
	// Env reads an environment variable, as os.LookupEnv does; nil: none is set.
	Env func(name string) (value string, set bool)
	// Given is the View of another process that shows what this one writes; nil:
	// there is none.
	Given *View
}

const prefix = "kexec-bls: "

// Fail prints why the command did not do what it was asked to, with the hint
// of the error.
func (u *UI) Fail(err error) { fmt.Fprintf(u.Err, prefix+"%s\n", Message(err)) }

// FailList is Fail with a summary and a line for each cause.
func (u *UI) FailList(summary string, causes []string) {
	fmt.Fprintf(u.Err, prefix+"%s:\n", Printable(summary))
	for _, cause := range causes {
		fmt.Fprintf(u.Err, "  %s\n", Printable(cause))
	}
}

// Warn prints what the user should know although the command goes on.
func (u *UI) Warn(format string, args ...any) {
	fmt.Fprintf(u.Err, prefix+"warning: %s\n", Printable(fmt.Sprintf(format, args...)))
}

// Note prints what was done, unless Quiet.
func (u *UI) Note(format string, args ...any) {
	if !u.Quiet {
		fmt.Fprintf(u.Err, prefix+"%s\n", Printable(fmt.Sprintf(format, args...)))
	}
}

// Detail is Note for who wants to know more.
func (u *UI) Detail(format string, args ...any) {
	if u.Verbose {
		u.Note(format, args...)
	}
}

// Print writes a line of the result.
func (u *UI) Print(format string, args ...any) {
	fmt.Fprintln(u.Out, Printable(fmt.Sprintf(format, args...)))
}

// Message returns an error and its hint, with what to type, as one printable line.
func Message(err error) string {
	text := Printable(err.Error())
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		text = joined(err.Error(), several.Unwrap())
	}
	if h := hint.Of(err); h != "" {
		text += "; " + Printable(Advice(h))
	}
	return text
}

// joined puts the errors of errors.Join, which puts each on a line, on one.
func joined(text string, errs []error) string {
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = Printable(err.Error())
	}
	if errors.Join(errs...).Error() != text {
		return Printable(text) // of fmt.Errorf
	}
	return strings.Join(lines, "; ")
}

// Screen returns the size of the terminal that results go to, in columns and
// lines; 0 and 0 where they do not go to one, or its size is not known, as on a
// serial console.
func (u *UI) Screen() (width, height int) { return screen(terminal(u.Out)) }

// terminal returns the file that w is if that is a terminal, else nil.
func terminal(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

func screen(f *os.File) (width, height int) {
	if f == nil {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}

// Colour reports whether results may have colours and other attributes: on a
// terminal that has them, by no-color.org, and by systemd's own variable, which
// decides alone where it is set.
func (u *UI) Colour() bool {
	value := u.getenv("SYSTEMD_COLORS")
	switch {
	case value == "", strings.HasPrefix(value, "auto"):
		return terminal(u.Out) != nil && u.getenv("NO_COLOR") == "" && u.getenv("TERM") != "dumb"
	}
	return !isFalse(value)
}

func (u *UI) getenv(name string) string {
	value, _ := u.lookup(name)
	return value
}

func (u *UI) lookup(name string) (string, bool) {
	if u.Env == nil {
		return "", false
	}
	return u.Env(name)
}

// isFalse reports whether systemd's parse_boolean reads s as false.
func isFalse(s string) bool {
	switch strings.ToLower(s) {
	case "0", "n", "no", "f", "false", "off":
		return true
	}
	return false
}
