package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
)

// Known is what is known of a machine beside its entries. The zero value is
// nothing.
type Known struct {
	Boot   loader.Boot
	Loaded loader.Loaded
	Trial  loader.Trial
}

// Version is that of an entry; of a unified kernel image the release of its
// kernel, where it has that.
func Version(e *entries.Entry) string { return cmp.Or(e.Uname, e.Version) }

// Notes are what is to be known of an entry, the most important first.
func Notes(sys *entries.System, known Known, e *entries.Entry) []string {
	var notes []string
	if next, err := sys.Default(); err == nil && e == next.Entry {
		notes = append(notes, "default")
	}
	if boot := known.Boot; e == sys.Running() {
		note := "running"
		if boot.Image != nil {
			note += ", kexec'ed " + localTime(cmp.Or(boot.Requested, boot.Image.Time))
		}
		notes = append(notes, note)
	}
	if state := known.loaded(e); state == loader.Fresh {
		notes = append(notes, "loaded")
	} else if state != "" {
		notes = append(notes, "loaded, stale")
	}
	switch {
	case e.Bad():
		notes = append(notes, "bad: no boot attempts left")
	case e.Tries.Counted:
		notes = append(notes, Count(e.Tries.Left, "attempt")+" left")
	}
	if last := known.result(e); last != nil {
		notes = append(notes, last.String())
	}
	if missing := e.MissingInitrds(); len(missing) > 0 {
		notes = append(notes, "initrd missing: "+strings.Join(missing, " "))
	}
	switch reason := e.KexecBlocker(); {
	case e.Hidden != "":
		notes = append(notes, "hidden: "+e.Hidden)
	case reason != "":
		notes = append(notes, "no kexec: "+reason)
	}
	return notes
}

// loaded is the state of what is loaded, "" where that is not the entry.
func (k Known) loaded(e *entries.Entry) loader.State {
	if r := k.Loaded.Receipt; r != nil && bls.FoldID(string(r.Entry)) == bls.FoldID(e.ID) {
		return k.Loaded.State
	}
	return ""
}

// result is how the last kexec into an entry ended, where it did not end well or
// was on trial; nil for none.
func (k Known) result(e *entries.Entry) *Result {
	same := func(id loader.Text) bool { return id != "" && bls.FoldID(string(id)) == bls.FoldID(e.ID) }
	switch missed := k.Boot.Missed; {
	case missed != nil && missed.Image != nil && same(missed.Image.Entry):
		return &Result{"missed", missed.Requested}
	case same(k.Trial.Entry):
		return &Result{string(k.Trial.Outcome), k.Trial.Started}
	}
	return nil
}

// A Result is how the last kexec into an entry ended.
type Result struct {
	// Outcome is missed where it did not come up, else that of a trial.
	Outcome string    `json:"outcome"`
	Time    time.Time `json:"time"` // of the request
}

// String is it for a person.
func (r Result) String() string {
	if r.Outcome == "missed" {
		return "the last kexec did not come up, " + localTime(r.Time)
	}
	return "trial " + r.Outcome + ", " + localTime(r.Time)
}

// Count is a number with its noun.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func localTime(t time.Time) string { return t.Local().Format(time.DateTime) }

// MarkOf is how an entry looks before it is planned.
func MarkOf(e *entries.Entry) term.Mark {
	switch {
	case e.KexecBlocker() != "":
		return term.Error
	case e.Bad(), len(e.MissingInitrds()) > 0:
		return term.Warning
	}
	return term.OK
}
