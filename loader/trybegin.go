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
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/state"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// A step is one write of a trial. Whatever the power cut that follows it, the next
// boot knows what to do.
type step struct {
	name string
	do   func() error
}

func run(steps []step) error {
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// beginSteps set the way back: the unit that settles the trial, the record, then
// the settings of the boot loader.
func (m *Machine) beginSteps(ctx context.Context, t Trial) []step {
	steps := []step{
		{"enable " + trial.Unit, func() error { return m.Init.EnableUnit(ctx, trial.Unit, true) }},
		{"record the trial", func() error { return m.history().SaveTrial(t) }},
	}
	for _, c := range t.Changes {
		steps = append(steps, step{"set " + c.Name, func() error { return m.changeSetting(c) }})
	}
	return steps
}

// beginTry sets the way back and readies the watchdog. undo undoes it all.
func (m *Machine) beginTry(ctx context.Context, p *Plan) (t Trial, undo func() error, err error) {
	undo = func() error { return nil }
	try, _, _ := m.Try(p)
	if try.Fallback == nil { // its finding was ignored
		return t, undo, errors.New("there is no entry to return to")
	}
	if err := errors.Join(m.endTrial(ctx), m.endUnlock(ctx)); err != nil {
		return t, undo, err
	}
	if before, _ := m.history().Trial(); before.BootID != "" && !before.Settled {
		return t, undo, hint.Errorf("systemctl start "+trial.Unit, "the trial of %s is not settled yet", before.Entry)
	}
	if t, err = m.newTrial(p, try); err != nil {
		return t, undo, err
	}
	undo = func() error { return m.endTrial(context.WithoutCancel(ctx)) }
	if err := run(m.beginSteps(ctx, t)); err != nil {
		return t, undo, err
	}
	if err := m.verifyWayBack(ctx, p, try.Fallback); err != nil {
		return t, undo, err
	}
	rest := undo
	disarm, err := m.readyWatchdog(ctx, *p.try)
	undo = func() error { return errors.Join(disarm(), rest()) }
	return t, undo, err
}

// newTrial is the record of a trial that begins.
func (m *Machine) newTrial(p *Plan, try Try) (Trial, error) {
	changes, err := m.wayBack(p.sys, try.Fallback)
	if err != nil {
		return Trial{}, err
	}
	s := p.try
	t := Trial{
		Schema: 1, BootID: s.BootID, Entry: raw.String(p.Name()), Fallback: raw.String(try.Fallback.ID), Started: time.Now().UTC(),
		Limit: int(s.Limit / time.Second), Watchdog: s.Watchdog.Name, Timeout: s.Timeout, Promote: try.Promote,
		Cmdline: raw.String(p.exported), Changes: changes, Outcome: state.TrialPending,
	}
	if s.Late {
		t.Driver = s.Watchdog.Driver
	}
	before, err := m.history().Trial()
	if err == nil && before.BootID != "" {
		before.Previous = nil
		t.Previous = &before
	}
	return t, nil
}

// verifyWayBack asks the rules of the boot loader what it would boot now, and at
// a second reset, when what counts once is consumed.
func (m *Machine) verifyWayBack(ctx context.Context, p *Plan, fallback *entries.Entry) error {
	open := p.options.Try.Open
	if open == nil {
		open = func(ctx context.Context) (*entries.System, error) {
			return entries.Open(ctx, entries.Options{Host: m.Host, Vars: m.Vars})
		}
	}
	sys, err := open(ctx)
	if err != nil {
		return err
	}
	defer sys.Close()
	if err := chooses(sys, "", fallback); err != nil {
		return fmt.Errorf("the boot loader's next choice is not %s%w", fallback.ID, err)
	}
	if err := chooses(sys, "@default", fallback); err != nil {
		var fix string
		if sys.GRUB() {
			fix = "set GRUB_DEFAULT=saved in /etc/default/grub, and make grub.cfg again"
		}
		return hint.Errorf(fix, "a second reset would not boot %s%w", fallback.ID, err)
	}
	return nil
}

// chooses returns why the boot loader would not boot an entry.
func chooses(sys *entries.System, name string, want *entries.Entry) error {
	switch c, err := sys.Choose(name); {
	case err != nil:
		return fmt.Errorf(": %w", err)
	case bls.FoldID(c.Entry.ID) != bls.FoldID(want.ID):
		return fmt.Errorf(" but %s, by %s", c.Entry.ID, c.Rule)
	}
	return nil
}

// readyWatchdog makes the watchdog survive the kexec, and has systemd set and ping
// it until then. undo restores systemd's setting; the modules stay as they are.
func (m *Machine) readyWatchdog(ctx context.Context, s trial.Setup) (undo func() error, err error) {
	const property = "KExecWatchdogUSec"
	undo = func() error { return nil }
	if s.Watchdog.Name == "" || s.Stops != nil {
		return undo, nil
	}
	if s.Reload {
		if err := m.reloadWatchdog(ctx, s.Watchdog.Driver); err != nil {
			return undo, fmt.Errorf("%s: %w", s.Name(), err)
		}
	}
	before, err := m.Init.Property(ctx, property)
	if err != nil {
		return undo, err
	}
	if err := m.Init.SetProperty(ctx, property, uint64(s.Timeout)*uint64(time.Second/time.Microsecond)); err != nil {
		return undo, err
	}
	return func() error { return m.Init.SetProperty(context.WithoutCancel(ctx), property, before) }, nil
}

// reloadWatchdog loads the modules of a watchdog that nobody uses anew, so that
// the kernel does not stop it at the kexec.
func (m *Machine) reloadWatchdog(ctx context.Context, driver string) error {
	for _, name := range []string{driver, "watchdog"} {
		if err := m.Init.UnloadModule(name); err != nil {
			return errors.Join(err, m.Init.LoadModule(context.WithoutCancel(ctx), driver))
		}
	}
	err := m.Init.LoadModule(ctx, "watchdog", "stop_on_reboot=0")
	return errors.Join(err, m.Init.LoadModule(context.WithoutCancel(ctx), driver))
}

// loadedTry completes the record with what was loaded.
func (m *Machine) loadedTry(ctx context.Context, t Trial, r Receipt) error {
	t.Files, t.Volumes = r.Files, r.Volumes
	if t.Watchdog != "" {
		if before, err := m.Init.Property(ctx, "RuntimeWatchdogUSec"); err == nil {
			t.RuntimeWatchdog = before
		}
	}
	return m.history().SaveTrial(t)
}

// endTrial ends a trial that this boot has set up and not begun: the settings of
// the boot loader are restored, and the trial before is remembered again.
func (m *Machine) endTrial(ctx context.Context) error {
	t, err := m.history().Trial()
	if err != nil || t.BootID == "" || t.Settled || t.BootID != m.Host.BootID() {
		return nil // without a record nothing is known to be restored
	}
	return run(m.endSteps(ctx, t))
}

func (m *Machine) endSteps(ctx context.Context, t Trial) []step {
	steps := m.restoreSteps(t)
	forget := step{"forget the trial", m.history().DropTrial}
	if t.Previous != nil {
		forget.do = func() error { return m.history().SaveTrial(*t.Previous) }
	}
	return append(steps, forget, step{"disable " + trial.Unit, func() error { return m.disableUnit(ctx) }})
}

// restoreSteps restore the settings of the boot loader, the one-shot entry last.
func (m *Machine) restoreSteps(t Trial) []step {
	var steps []step
	for _, c := range slices.Backward(t.Changes) {
		if c.OneShot() && len(c.Before) > 0 {
			if m.consumed(t, c) {
				continue
			}
			t.Restoring = m.Host.BootID()
			steps = append(steps, step{"record that " + c.Name + " is restored", func() error { return m.history().SaveTrial(t) }})
		}
		steps = append(steps, step{"restore " + c.Name, func() error { return m.restoreSetting(c) }})
	}
	return steps
}

// consumed reports whether a boot loader has used a one-shot setting since an
// earlier boot restored it: systemd-boot names the entry, GRUB does not, and what
// is in doubt is not booted twice.
func (m *Machine) consumed(t Trial, c state.SettingChange) bool {
	if t.Restoring == "" || t.Restoring == m.Host.BootID() {
		return false
	}
	selected, err := m.Vars.Loader(bli.EntrySelected)
	before, decoded := bli.Decode(c.Before)
	return c.Block != "" || err != nil || decoded != nil || bls.FoldID(selected) == bls.FoldID(before)
}

// disableUnit disables the unit. One that remains enabled does nothing.
func (m *Machine) disableUnit(ctx context.Context) error {
	_ = m.Init.EnableUnit(ctx, trial.Unit, false)
	return nil
}
