package entries

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// ErrNoEntry means that no entry is meant, or none that can be booted.
var ErrNoEntry = errors.New("no such entry")

// A noEntryError is an ErrNoEntry with a text of its own.
type noEntryError string

func noEntryf(format string, args ...any) error { return noEntryError(fmt.Sprintf(format, args...)) }

func (e noEntryError) Error() string { return string(e) }

func (e noEntryError) Is(target error) bool { return target == ErrNoEntry }

// find returns the entry that a user means: its id in any letter case, with
// or without suffix and boot counter; else its whole title; else a prefix of an id, title or version
// that only one entry has. The error is an ErrNoEntry.
func (m *menu) find(name string) (*Entry, error) {
	if e, err := m.withoutSuffix(name); e != nil || err != nil {
		return e, err
	}
	if found := m.filter(func(e *Entry) bool { return name != "" && strings.EqualFold(e.Title, name) }); len(found) > 0 {
		return one(name, found)
	}
	found := m.filter(func(e *Entry) bool {
		return hasPrefix(e.ID, name) || hasPrefix(e.Title, name) || hasPrefix(e.Version, name)
	})
	if len(found) == 0 {
		return nil, m.unmatched(name)
	}
	return one(name, found)
}

// unmatched is the error of a name that no entry has, with the ids that are spelled
// almost like it as a hint.
func (m *menu) unmatched(name string) error {
	var ids []string
	for _, e := range m.filter(func(e *Entry) bool { return hint.Misspelled(name, e.ID) || hint.Misspelled(name, trimSuffix(e.ID)) }) {
		if !slices.Contains(ids, e.ID) {
			ids = append(ids, e.ID)
		}
	}
	err := noEntryf("no entry matches '%s'", name)
	if strings.HasPrefix(name, "@") {
		return hint.Wrap(err, "names with an @ are "+strings.Join(atNames(), ", "))
	}
	if len(ids) == 0 || len(ids) > maxSuggestions {
		return err
	}
	return hint.Wrap(err, fmt.Sprintf("did you mean %s?", strings.Join(ids, " or ")))
}

// maxSuggestions is how many ids help.
const maxSuggestions = 3

// withoutSuffix looks for the id itself, then for the id without its suffix. Of the
// same id on two partitions, the boot loader's first one is meant.
func (m *menu) withoutSuffix(name string) (*Entry, error) {
	id, _ := bls.SplitTries(name)
	if e := m.byID(id); e != nil {
		return e, nil
	}
	// A counter is one only in front of a suffix; which one does not matter.
	bare, _ := bls.SplitTries(name + ".conf")
	found := m.filter(func(e *Entry) bool {
		id := bls.FoldID(trimSuffix(e.ID))
		return id == bls.FoldID(name) || id == bls.FoldID(trimSuffix(bare))
	})
	if len(found) == 0 {
		return nil, nil
	}
	return one(name, found)
}

// filter prefers what the boot loader shows to what it hides.
func (m *menu) filter(want func(*Entry) bool) []*Entry {
	var shown, hidden []*Entry
	for _, e := range m.entries {
		switch {
		case e.Type == bls.Reported || !want(e):
		case e.Hidden == "":
			shown = append(shown, e)
		default:
			hidden = append(hidden, e)
		}
	}
	if len(shown) > 0 {
		return shown
	}
	return hidden
}

// one wants all of found to have one id.
func one(name string, found []*Entry) (*Entry, error) {
	var ids []string
	for _, e := range found {
		if len(ids) == 0 || bls.FoldID(e.ID) != bls.FoldID(ids[len(ids)-1]) {
			ids = append(ids, e.ID)
		}
	}
	if len(ids) > 1 {
		return nil, hint.Wrap(noEntryf("'%s' is ambiguous: %s", name, strings.Join(ids, ", ")), "type more of it")
	}
	return found[0], nil
}

func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// trimSuffix takes ".conf" or ".efi" off an id.
func trimSuffix(id string) string {
	for _, suffix := range []string{".conf", ".efi"} {
		if n := len(id) - len(suffix); n > 0 && strings.EqualFold(id[n:], suffix) {
			return id[:n]
		}
	}
	return id
}

// byID returns the entry that a variable of the boot loader names, nil when
// none is. Of the same id on two partitions, one may be hidden.
func (m *menu) byID(id string) *Entry {
	if id == "" {
		return nil
	}
	found := m.filter(func(e *Entry) bool { return bls.FoldID(e.ID) == bls.FoldID(id) })
	if len(found) == 0 {
		return nil
	}
	return found[0]
}
