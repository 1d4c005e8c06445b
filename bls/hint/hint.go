// Package hint lets an error carry what to do about it apart from what
// happened. A program prints both; a library reads the cause alone.
package hint

import (
	"errors"
	"fmt"
)

// An Error is an error with a hint.
type Error struct {
	Err  error
	Hint string // one clause, something to type where there is one; no full stop
}

// Error is the text of Err, without the hint.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Wrap adds a hint to err. It returns nil for nil, and err itself for an empty
// hint.
func Wrap(err error, hint string) error {
	if err == nil || hint == "" {
		return err
	}
	return &Error{err, hint}
}

// Errorf is fmt.Errorf with a hint.
func Errorf(hint, format string, args ...any) error {
	return Wrap(fmt.Errorf(format, args...), hint)
}

// Of returns the outermost hint in the tree of err, "" where there is none.
func Of(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
