// Package fault is what the readers of archives and streams report to the walk.
package fault

import (
	"fmt"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// A Fault is something that the kernel does not accept.
type Fault struct {
	ID   finding.ID
	At   int64 // offset in the file or stream that is read, bytes
	Text string
}

// Error is the text.
func (f *Fault) Error() string { return f.Text }

// New makes a fault.
func New(id finding.ID, at int64, format string, args ...any) *Fault {
	return &Fault{ID: id, At: at, Text: fmt.Sprintf(format, args...)}
}
