package entries

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// errUnreadable means that a variable may name another entry than the files do.
var errUnreadable = hint.Wrap(noEntryf("the EFI variables that choose the next boot cannot be read: efivarfs is not mounted, or the kernel runs without EFI runtime services"),
	"name the entry, or mount efivarfs")

// forbidden is the first problem with what only others may read: it may be what
// chooses the entry, or the entry.
func forbidden(problems []error) error {
	if i := slices.IndexFunc(problems, func(p error) bool { return errors.Is(p, fs.ErrPermission) }); i >= 0 {
		return problems[i]
	}
	return nil
}

// unknown leaves no entry for the next boot, err is why.
func (c *choices) unknown(err error) {
	c.next.Entry, c.next.err = nil, err
	c.lasting.Entry, c.lasting.err = nil, err
}
