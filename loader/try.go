package loader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/state"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// A Trial records a reboot on trial, and what became of it.
type Trial = state.Trial

// TryOptions make a reboot one on trial. The zero value is 3 minutes and the
// fallback that NewPlan finds.
type TryOptions struct {
	// Limit is how long the new system has to be healthy, from the start of its
	// kernel; 0 is trial.DefaultLimit.
	Limit time.Duration
	// Fallback is the entry to return to, as System.Pick takes it; "" is what runs,
	// if its kernel is still there, else the first other entry that can boot.
	Fallback string
	// WithoutWatchdog goes on where no watchdog resets a machine that hangs.
	WithoutWatchdog bool
	// Promote makes the entry the boot loader's default if it succeeds.
	Promote bool
	// Open opens the system again, to verify what the boot loader would boot; nil
	// is entries.Open for the machine.
	Open func(context.Context) (*entries.System, error)
}

// A Try is a trial as it would be.
type Try struct {
	Entry    string
	Fallback *entries.Entry // nil where there is none
	Watchdog string         // "watchdog0 (i6300esb)"; "panic= alone" for none
	Limit    time.Duration
	// Parameters are added to the command line for the trial alone.
	Parameters []string
	Promote    bool
}

// String is the trial in one line.
func (t Try) String() string {
	fallback := "nothing"
	if t.Fallback != nil {
		fallback = t.Fallback.ID
	}
	return fmt.Sprintf("trying %s: returns to %s by %s within %s unless boot-complete.target is reached", t.Entry, fallback, t.Watchdog, FormatSpan(t.Limit))
}

// newSetup is set by a plan for a trial: how it is watched.
func (o *TryOptions) newSetup(m host.Machine) trial.Setup {
	limit := o.Limit
	if limit == 0 {
		limit = trial.DefaultLimit
	}
	return trial.NewSetup(m, limit)
}

// Try returns the trial that the plan is for, and what is wrong with it; ok is
// false for a plan that is not for a trial. It changes nothing.
func (m *Machine) Try(p *Plan) (t Try, found []Finding, ok bool) {
	if p.try == nil {
		return Try{}, nil, false
	}
	s := p.try
	t = Try{Entry: p.Name(), Watchdog: s.Name(), Limit: s.Limit, Parameters: s.Parameters(p.exported), Promote: p.options.Try.Promote}
	found = m.unitFindings()
	fallback, err := m.fallback(p)
	if err == nil {
		t.Fallback = fallback
		_, err = m.wayBack(p.sys, fallback)
	}
	if err != nil {
		found = append(found, finding.Of(trial.IDNoFallback, finding.Error, err))
	}
	for _, f := range s.Findings(p.exported) {
		if p.options.Try.WithoutWatchdog && (f.ID == trial.IDNoWatchdog || f.ID == trial.IDWatchdogStops) {
			f.Severity, f.Hint = finding.Warning, "a panic returns, a hang does not"
		}
		found = append(found, f)
	}
	finding.Sort(found)
	return t, found, true
}

// unitFindings look for who would watch the new system.
func (m *Machine) unitFindings() []Finding {
	unit := func(text, hint string) []Finding {
		return []Finding{{ID: trial.IDUnit, Severity: finding.Error, Text: text, Hint: hint}}
	}
	if m.Host.InitSystem() != host.Systemd {
		return unit("systemd does not run here: nothing would reach boot-complete.target", "")
	}
	if m.unitExists(trial.Unit) {
		return nil
	}
	return unit(trial.Unit+" is not installed: nothing would watch the new system", installUnits)
}

const installUnits = "install the package of kexec-bls, or its units with make install"

// unitExists reports whether systemd finds the file of a unit.
func (m *Machine) unitExists(unit string) bool {
	dirs := []string{"etc/systemd/system/", "run/systemd/system/", "usr/local/lib/systemd/system/", "usr/lib/systemd/system/", "lib/systemd/system/"}
	return slices.ContainsFunc(dirs, func(dir string) bool { return m.Host.Exists(dir + unit) })
}

// fallback is the entry to return to.
func (m *Machine) fallback(p *Plan) (*entries.Entry, error) {
	if p.sys == nil {
		return nil, errors.New("files that were named one by one are of no boot partition: there is nothing to return to")
	}
	if name := p.options.Try.Fallback; name != "" {
		e, err := p.sys.Pick(name)
		if err != nil {
			return nil, fmt.Errorf("fallback: %w", err)
		}
		if _, err := m.versionOf(p, e); err != nil {
			return nil, fmt.Errorf("fallback %s: %w", e.ID, err)
		}
		return e, nil
	}
	running := p.sys.Running()
	var why error
	if running != nil {
		if why = m.returnsToRunning(p, running); why == nil {
			return running, nil
		}
		why = fmt.Errorf("%s, which runs: %w", running.ID, why)
	}
	if other := m.otherThan(running, p); other != nil {
		return other, nil
	}
	if why == nil {
		why = errors.New("the entry that runs cannot be determined")
	}
	return nil, hint.Errorf(string(hint.ReturnTo)+", or install a second kernel", "nothing to return to: no other entry can boot (%w)", why)
}

// otherThan is the first entry with another kernel than the one that is tried, or
// else with the same; nil for none.
func (m *Machine) otherThan(running *entries.Entry, p *Plan) (same *entries.Entry) {
	for _, e := range p.sys.Entries() {
		if e == running {
			continue
		}
		switch version, err := m.versionOf(p, e); {
		case err != nil:
		case version != p.kernel.Version:
			return e
		case same == nil:
			same = e
		}
	}
	return same
}

// versionOf is the version of the kernel of an entry that can be the fallback.
func (m *Machine) versionOf(p *Plan, e *entries.Entry) (string, error) {
	switch {
	case bls.FoldID(e.ID) == bls.FoldID(p.Name()):
		return "", errors.New("it is the entry that is tried")
	case e.Hidden != "":
		return "", errors.New(e.Hidden)
	case e.Bad():
		return "", errors.New("it has no boot attempts left")
	}
	opt := PlanOptions{versionOnly: true}
	other, err := newPlan(p.sys, e, opt)
	if err != nil {
		return "", err
	}
	defer other.Close()
	return other.kernel.Version, other.broken
}

// returnsToRunning reports why the entry that runs is no fallback: its kernel may
// have been replaced.
func (m *Machine) returnsToRunning(p *Plan, e *entries.Entry) error {
	version, err := m.versionOf(p, e)
	switch {
	case err != nil:
		return err
	case releaseOf(version) != m.Host.Release() || !sameBuild(version, m.Host.KernelVersion()):
		return errors.New("its file no longer holds the kernel that runs")
	}
	return nil
}

// Trial returns the last trial; ok is false for none. The error is
// fs.ErrPermission for who may not read it.
func (m *Machine) Trial() (t Trial, ok bool, err error) {
	t, err = m.history().Trial()
	return t, err == nil && t.BootID != "", err
}

// ForgoTried makes no difference of what failed in a trial, as long as it is the
// same: the same files and the same command line.
func (m *Machine) ForgoTried(sys *entries.System, n *NextBoot) {
	t, ok, _ := m.Trial() // who may not read it does not know it
	switch {
	case !ok || !t.Outcome.Failed() || n.Difference == SameSystem || len(t.Files) == 0:
		return
	case bls.FoldID(n.Entry.ID) != bls.FoldID(string(t.Entry)) || string(t.Cmdline) != n.cmdline:
		return
	}
	open := opener(t.Volumes, sys)
	for _, f := range t.Files {
		if f.Changed(open, false) != "" {
			return
		}
	}
	n.Difference = SameSystem
	n.Reasons = Reasons{because(ReasonTrial, "the trial of %s ended %s: it is not required until it changes", t.Entry, t.Outcome)}
}

// promote makes the tried entry the boot loader's default.
func (m *Machine) promote(t Trial) error {
	name := bli.EntryDefault
	for _, c := range t.Changes {
		switch {
		case c.Block != "":
			return setBlock(string(c.Block), "saved_entry", []byte(grubID(string(t.Entry))))
		case c.Name == bli.EntryPreferred && c.Before != nil:
			name = c.Name // it comes before the default
		}
	}
	return m.writeVariable(state.SettingChange{Name: name}, bli.Encode(string(t.Entry)))
}
