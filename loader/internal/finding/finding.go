// Package finding is the one type for everything that a look at an initrd, an
// image or a machine brings up, with one scale of severity.
package finding

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// An ID names a kind of finding. It is stable: --ignore, the configuration and
// scripts use it.
type ID string

// All is every ID where IDs are ignored.
const All ID = "all"

// A Severity is what a finding means for the reboot.
type Severity string

// Severities, the gravest first.
const (
	Error   Severity = "error"   // it fails or does harm: load and reboot refuse
	Warning Severity = "warning" // it may fail, or differs from a boot through the firmware
	Info    Severity = "info"    // worth knowing
)

// A Finding is one thing that was found.
type Finding struct {
	ID       ID       `json:"id"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`           // one clause: what it is
	Hint     string   `json:"hint,omitempty"` // one clause: what to do
	// Member is the file of an initrd that it is about, "" for none.
	Member string `json:"member,omitempty"`
	// Offset is where, in bytes from the start of the joined initrd, or of the
	// unpacked stream where Stream is set; nil where there is no place.
	Offset *int64 `json:"offset,omitempty"`
	Stream bool   `json:"stream,omitempty"`
	// Volume is the encrypted volume that it is about, "" for none.
	Volume string `json:"volume,omitempty"`
	// PCRs are those of a TPM that decide it, nil for none.
	PCRs []int `json:"pcrs,omitempty"`
	// Predicted is the values that the next boot will find in them, as
	// systemd-cryptenroll takes them: "7:sha256=...+11:sha256=...".
	Predicted string `json:"predicted,omitempty"`
}

// String is the finding as one line, without its severity.
func (f Finding) String() string {
	text := f.Text
	if f.Member != "" {
		text = f.Member + ": " + text
	}
	if f.Hint != "" {
		text += "; " + f.Hint
	}
	return fmt.Sprintf("%s [%s]", text, f.ID)
}

// Ignored reports whether the finding's ID is among ids, or All is.
func (f Finding) Ignored(ids ...ID) bool {
	return slices.Contains(ids, f.ID) || slices.Contains(ids, All)
}

// Errors returns the findings of severity Error that are not ignored.
func Errors(findings []Finding, ignore ...ID) []Finding {
	var errs []Finding
	for _, f := range findings {
		if f.Severity == Error && !f.Ignored(ignore...) {
			errs = append(errs, f)
		}
	}
	return errs
}

// Sort puts the gravest first; those of one severity keep their order.
func Sort(findings []Finding) {
	rank := []Severity{Error, Warning, Info}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return slices.Index(rank, a.Severity) - slices.Index(rank, b.Severity)
	})
}

// A Topic is what the findings with one ID are about.
type Topic struct {
	ID    ID
	About string // one clause, without a full stop
}

// SortTopics orders topics by ID.
func SortTopics(topics []Topic) {
	slices.SortStableFunc(topics, func(a, b Topic) int { return strings.Compare(string(a.ID), string(b.ID)) })
}

// Of makes a finding of an error, with its hint.
func Of(id ID, severity Severity, err error) Finding {
	return Finding{ID: id, Severity: severity, Text: err.Error(), Hint: hint.Of(err)}
}
