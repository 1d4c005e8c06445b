package usage

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// FindingsOf are the findings that an error is about, and the error without them;
// nil for others.
func FindingsOf(err error) (summary string, found []loader.Finding) {
	var blocked *loader.BlockedError
	var lossy *loader.LossyError
	switch {
	case errors.As(err, &blocked):
		return blocked.Summary(), blocked.Findings
	case errors.As(err, &lossy):
		return lossy.Summary(), lossy.Findings
	}
	return "", nil
}

// Cause is an error in one line, without hints: that of findings is what was found.
func Cause(err error) string {
	_, found := FindingsOf(err)
	if found == nil {
		return err.Error()
	}
	var texts []string
	for _, f := range found {
		f.Hint = ""
		texts = append(texts, f.String())
	}
	return strings.Join(texts, "; ")
}

// WithHint adds what only a user of the command can do about an error of the
// library; user is who runs it.
func WithHint(err error, user int) error {
	var memory *loader.MemoryError
	_, found := FindingsOf(err)
	switch {
	case errors.As(err, &memory):
		return hint.Wrap(err, hint.Of(err)+"; "+override(memory.Finding))
	case hint.Of(err) != "":
		return hint.Wrap(err, term.Advice(hint.Of(err)))
	case found != nil:
		return hint.Wrap(err, override(found...))
	case errors.Is(err, initrd.ErrLimit):
		return hint.Wrap(err, "raise initrd.limit in kexec-bls.toml")
	case errors.Is(err, loader.ErrNoSchedule):
		return hint.Wrap(err, "leave out --when")
	case errors.Is(err, entries.ErrNoEntry):
		return hint.Wrap(err, "kexec-bls list shows all entries")
	case errors.Is(err, loader.ErrNothingLoaded):
		return hint.Wrap(err, "load one with kexec-bls load, or leave out --loaded")
	case errors.Is(err, fs.ErrPermission) && user != 0:
		return hint.Wrap(err, "run it as root")
	}
	return err
}

// override are the flags to go on in spite of findings.
func override(found ...loader.Finding) string {
	var flags, ids []string
	for _, f := range found {
		switch {
		case f.ID == trial.IDNoWatchdog || f.ID == trial.IDWatchdogStops:
			flags = []string{"--try-without-watchdog"}
		case !slices.Contains(ids, string(f.ID)):
			ids = append(ids, string(f.ID))
		}
	}
	if len(ids) > 0 {
		flags = append(flags, "--ignore="+strings.Join(ids, ","))
	}
	return "override: " + strings.Join(flags, " ")
}
