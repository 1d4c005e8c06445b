package loader

import (
	"fmt"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// FindingKexecMissed is the ID of the warning about a kexec that did not come up.
const FindingKexecMissed FindingID = "kexec-missed"

// missed is the finding about the last kexec of the same kernel, where it did not
// come up: the same release, or the same name where that is not known.
func (m *Machine) missed(name, release string) []Finding {
	b, _ := m.Boot() // what cannot be read is not known
	if b.Missed == nil || b.Missed.Image == nil {
		return nil
	}
	last := b.Missed.Image
	if string(last.Release) != release || release == "" && last.Name() != name {
		return nil
	}
	return []Finding{{
		ID: FindingKexecMissed, Severity: SeverityWarning,
		Text: fmt.Sprintf("the last kexec into %s, requested %s, did not come up: firmware started the machine instead",
			last.Name(), b.Missed.Requested.Local().Format(time.DateTime)),
		Hint: "see TROUBLESHOOTING in kexec-bls(8), or " + string(hint.Firmware),
	}}
}

// A MissedError is a kexec that is not tried again.
type MissedError struct{ Finding Finding }

// Error is the text of the finding.
func (e *MissedError) Error() string { return e.Finding.Text }

// Untried returns a *MissedError where the last kexec of a plan's kernel did not
// come up, unless the finding about it is ignored.
func (m *Machine) Untried(p *Plan, ignore ...FindingID) error {
	for _, f := range m.missed(p.Name(), p.Release()) {
		if !f.Ignored(ignore...) {
			return &MissedError{f}
		}
	}
	return nil
}
