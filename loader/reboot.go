package loader

import (
	"context"
	"errors"
	"fmt"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// RebootOptions say how to reboot. The zero value reboots now.
type RebootOptions struct {
	// Init are the options that systemctl(1) has too.
	Init reboot.Options
	Load LoadOptions
	// DryRun stops, with the errors of a reboot, before anything is changed.
	DryRun bool
	// Check bounds the check before the load.
	Check CheckOptions
	// OnFindings, if not nil, is called with what the check found, before anything
	// is changed.
	OnFindings func([]Finding)
	// OnTry, if not nil, is called with the trial that a plan for one begins.
	OnTry func(Try)
	// Unlock, if not nil, lets encrypted volumes open after this kexec alone.
	Unlock *UnlockOptions
	// OnLoaded, if not nil, is called with the result of the load.
	OnLoaded func(Receipt, error)
	// OnStart, if not nil, is called before a kexec is requested: all is checked and
	// loaded.
	OnStart func()
	// OnAccepted, if not nil, is called once the reboot is accepted: with Force
	// and without systemd nothing runs after it.
	OnAccepted func()
}

func (o RebootOptions) accepted() {
	if o.OnAccepted != nil {
		o.OnAccepted()
	}
}

func (o RebootOptions) loaded(r Receipt, err error) {
	if o.OnLoaded != nil {
		o.OnLoaded(r, err)
	}
}

// ErrNoSchedule means that a time was given where nothing reboots at a later time.
var ErrNoSchedule = errors.New("systemd does not run here, and no other init system takes a time: this would be a reboot at once")

// check refuses what is dangerous without systemd: no other init system reboots
// at a later time.
func (o RebootOptions) check(m *Machine) error {
	if o.Init.When != "" && m.Host.InitSystem() != host.Systemd {
		return ErrNoSchedule
	}
	return nil
}

// A RebootError is a reboot that failed after its kernel was loaded: the kexec was
// possible, the reboot was refused. The load is undone.
type RebootError struct{ Err error }

// Error is that of Err, with what is loaded now.
func (e *RebootError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *RebootError) Unwrap() error { return e.Err }

// Reboot checks, loads a plan and reboots into it. A one-shot setting that chose
// the entry is consumed, as the boot loader would. What fails after the load is a
// *RebootError and undoes everything; before it nothing is changed. A finding that
// ends the reboot is a *BlockedError; others are those of Load.
func (m *Machine) Reboot(ctx context.Context, p *Plan, opt RebootOptions) error {
	if err := opt.check(m); err != nil {
		return err
	}
	if err := m.acceptable(p, opt.Load); err != nil {
		return err
	}
	opt.Check.Force = opt.Check.Force || opt.Init.Force
	found := m.Check(ctx, p, opt.Check)
	try, tryFound, trying := m.Try(p)
	found = append(found, tryFound...)
	finding.Sort(found)
	if opt.OnFindings != nil {
		opt.OnFindings(found)
	}
	if err := blocked(p.Name(), found, opt); err != nil {
		return err
	}
	if err := m.canReboot(ctx, opt); err != nil {
		return err
	}
	if opt.Unlock != nil {
		u, err := m.newUnlocker(ctx, p, opt)
		if err == nil && !opt.DryRun {
			err = u.prepare(ctx, &opt.Load)
		}
		if err != nil {
			return fmt.Errorf("%s: %w; nothing was changed", p.Name(), err)
		}
	}
	if opt.DryRun {
		return nil
	}
	if trying && opt.OnTry != nil {
		opt.OnTry(try)
	}
	return m.loadAndReboot(ctx, p, opt)
}

func (m *Machine) loadAndReboot(ctx context.Context, p *Plan, opt RebootOptions) (err error) {
	var t Trial
	if p.try != nil {
		opt.Load.begin = func() (undo func() error, err error) {
			t, undo, err = m.beginTry(ctx, p)
			return undo, err
		}
	}
	l, err := m.load(ctx, p, opt.Load)
	if err != nil {
		opt.loaded(Receipt{}, err)
		return err
	}
	opt.loaded(l.receipt, nil)
	undo := func() error { return nil }
	l.done = false
	defer func() {
		if l.done {
			err = l.release()
			return
		}
		restored := undo()
		if err = l.abandon(err); err != nil {
			err = &RebootError{errors.Join(err, restored)}
		}
	}()
	if p.try != nil {
		if err = m.loadedTry(ctx, t, l.receipt); err != nil {
			return fmt.Errorf("%w; nothing was rebooted", err)
		}
	} else if p.oneShot() {
		if undo, err = p.sys.ConsumeOneShot(); err != nil {
			undo = func() error { return nil }
			return fmt.Errorf("%w; nothing was rebooted", err)
		}
	}
	if err := m.end(ctx, "kexec into "+p.Name(), opt); err != nil {
		return fmt.Errorf("%w; nothing was rebooted", err)
	}
	l.done = true
	return nil
}

// blocked is a *BlockedError where findings end the reboot.
func blocked(name string, found []Finding, opt RebootOptions) error {
	if blocking := Blocking(found, opt.Load.Ignore...); len(blocking) > 0 {
		return &BlockedError{name, blocking}
	}
	return nil
}

// canReboot refuses, before anything is loaded, what the init system would refuse.
func (m *Machine) canReboot(ctx context.Context, opt RebootOptions) error {
	kind := m.Host.InitSystem()
	if kind == host.Systemd {
		if err := m.Init.Check(ctx, opt.Init); err != nil {
			return fmt.Errorf("%w; nothing was changed", err)
		}
		return nil
	}
	if opt.Init.Force {
		return nil
	}
	if _, err := reboot.Command(m.Host, kind); err != nil {
		return fmt.Errorf("systemd does not run here: %w", err)
	}
	return nil
}

// end records how this boot ends and gives the machine over: to the init system,
// or at once to the loaded kernel.
func (m *Machine) end(ctx context.Context, message string, opt RebootOptions) error {
	if opt.OnStart != nil {
		opt.OnStart()
	}
	undo := m.recordEnd(ctx, "kexec", opt)
	err := m.markReboot(askedMark)
	if err == nil {
		err = m.startReboot(ctx, message, opt)
	}
	if err != nil {
		undo()
		err = errors.Join(err, m.unmark(askedMark))
	}
	return err
}

func (m *Machine) startReboot(ctx context.Context, message string, opt RebootOptions) error {
	if opt.Init.Message == "" {
		opt.Init.Message = message
	}
	var err error
	switch {
	case m.Host.InitSystem() == host.Systemd:
		err = m.Init.Kexec(ctx, opt.Init)
	case opt.Init.Force:
		if err := ctx.Err(); err != nil {
			return err
		}
		opt.accepted()
		return m.JumpNow()
	default:
		err = m.Init.NativeKexec(ctx, opt.Init)
	}
	if err == nil {
		opt.accepted()
	}
	return err
}

// JumpNow is a reboot without a shutdown: what is in memory is written out, file
// systems are made read-only where that is possible, then the kernel jumps. It
// returns only on failure.
func (m *Machine) JumpNow() error {
	_, undo, err := reboot.ReadOnly(m.Host)
	if err != nil {
		return m.Kernel.Jump() // it has synced
	}
	return errors.Join(m.Kernel.Jump(), undo())
}

// Cancel cancels a scheduled reboot, and drops what is loaded if it was loaded
// here. kept says why it was not dropped, "" where it was or nothing is loaded.
func (m *Machine) Cancel(ctx context.Context, opt RebootOptions) (kept string, err error) {
	if err := m.Init.Cancel(ctx, opt.Init); err != nil {
		return "", err
	}
	lock, err := m.lock(ctx)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := errors.Join(m.unmark(askedMark), m.unmark(firmwareMark)); err != nil {
		return "", err
	}
	loaded, err := m.Kernel.Loaded()
	if err != nil || !loaded {
		return "", err
	}
	switch _, err := m.Receipt(); {
	case errors.Is(err, state.ErrInterrupted):
		return err.Error(), nil
	case err != nil:
		return "it was loaded by another program", nil
	}
	return "", m.forget()
}

// UnloadStale drops the image of a receipt, unless another one has replaced it.
func (m *Machine) UnloadStale(ctx context.Context, stale Receipt) (gone bool, err error) {
	lock, err := m.lock(ctx)
	if err != nil {
		return false, err
	}
	defer lock.Close()
	now, err := readReceipt(m.RunDir)
	if err != nil || !now.Time.Equal(stale.Time) {
		return false, nil
	}
	return true, m.forget()
}
