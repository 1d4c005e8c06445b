package secureboot

import (
	"errors"
	"fmt"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/bls/uki"
)

// A Reason is why an image is refused.
type Reason string

// Reasons, in the order in which they are looked for.
const (
	Malformed Reason = "malformed" // no PE image, one that no signature can cover, or no readable signature
	Outdated  Reason = "outdated"  // SBAT: older than what SbatLevelRT asks for
	Forbidden Reason = "forbidden" // its digest or a signing certificate is in dbx or MokListXRT
	Unsigned  Reason = "unsigned"  // no signature, and its digest is not in db or MokListRT
	Untrusted Reason = "untrusted" // signed, but no signature leads to db or MokListRT
)

// A RefusedError means that firmware or shim would not start an image. Its text
// is one line; hint.Of returns what to do about it.
type RefusedError struct {
	Reason Reason
	Err    error
}

// Error is the text of Err.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

func refuse(reason Reason, format string, args ...any) error {
	return hint.Wrap(&RefusedError{reason, fmt.Errorf(format, args...)}, reason.hint())
}

func (r Reason) hint() string {
	switch r {
	case Unsigned, Untrusted:
		return "sign it with an enrolled key (sbctl sign, sbsign), or enroll its key (mokutil --import)"
	case Malformed, Outdated, Forbidden:
	}
	return "install or update the package that it comes from"
}

// classify keeps errors of the reader and refuses what the file is to blame for.
func classify(err error) error {
	for _, malformed := range []error{uki.ErrNotPE, uki.ErrTruncated, uki.ErrNotHashable, uki.ErrTooLarge} {
		if errors.Is(err, malformed) {
			return refuse(Malformed, "%w", err)
		}
	}
	return err
}

// reasonOf is the reason of a refusal, "" for other errors.
func reasonOf(err error) Reason {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return ""
}
