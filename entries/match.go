package entries

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
)

// ErrNoEntry means that no entry is meant, or none that can be booted.
var ErrNoEntry = errors.New("no such entry")

// Find returns the entry that a user means: its id in any letter case, with
// or without suffix and boot counter; else a prefix of an id, title or version
// that only one entry has. The error is an ErrNoEntry.
func (l *List) Find(name string) (*Entry, error) {
	if e, err := l.byID(name); e != nil || err != nil {
		return e, err
	}
	found := l.filter(func(e *Entry) bool {
		return hasPrefix(e.ID, name) || hasPrefix(e.Title, name) || hasPrefix(e.Version, name)
	})
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %s; the ids are shown by: kexec-bls list", ErrNoEntry, name)
	}
	return one(name, found)
}

// byID looks for the id itself, then for the id without its suffix. Of the
// same id on two partitions, the boot loader's first one is meant.
func (l *List) byID(name string) (*Entry, error) {
	id, _ := bls.SplitTries(name)
	if e := l.ByID(id); e != nil {
		return e, nil
	}
	// A counter is one only in front of a suffix; which one does not matter.
	bare, _ := bls.SplitTries(name + ".conf")
	found := l.filter(func(e *Entry) bool {
		id := bls.FoldID(trimSuffix(e.ID))
		return id == bls.FoldID(name) || id == bls.FoldID(trimSuffix(bare))
	})
	if len(found) == 0 {
		return nil, nil
	}
	return one(name, found)
}

// filter prefers what the boot loader shows to what it hides.
func (l *List) filter(want func(*Entry) bool) []*Entry {
	var shown, hidden []*Entry
	for _, e := range l.Entries {
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
		return nil, fmt.Errorf("%w: %s could be %s; give the whole id", ErrNoEntry, name, strings.Join(ids, ", "))
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

// ByID returns the entry that a variable of the boot loader names, nil when
// none is. Of the same id on two partitions, one may be hidden.
func (l *List) ByID(id string) *Entry {
	if id == "" {
		return nil
	}
	found := l.filter(func(e *Entry) bool { return bls.FoldID(e.ID) == bls.FoldID(id) })
	if len(found) == 0 {
		return nil
	}
	return found[0]
}
