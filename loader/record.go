package loader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// recorderUnit is the unit that records how boots begin and end.
const recorderUnit = "kexec-bls-boot.service"

// recordEnd records how and when this boot ends, and keeps a one-shot setting from
// the kernel's efibc; undo is for a reboot that is refused. None of it is worth a
// reboot that fails.
func (m *Machine) recordEnd(ctx context.Context, kind string, opt RebootOptions) (undo func()) {
	end := state.ShutdownRecord{Schema: 1, BootID: m.Host.BootID(), Kind: kind, Requested: time.Now().UTC()}
	reload := func() {}
	if opt.Init.When != "" && m.Host.UnitActive(recorderUnit) {
		return reload // the unit will do all of this, then
	}
	if kind == "kexec" {
		end.OneShot, reload = m.keepOneShot(ctx, opt.Load)
	}
	if opt.Init.When != "" {
		return reload // the time is not known
	}
	if err := m.history().SaveShutdown(end); err != nil {
		if end.OneShot != nil && m.Host.ModuleLoaded("efibc") {
			opt.Load.warn("%v; the one-shot setting will be lost", err)
		}
		return reload
	}
	return func() {
		reload()
		if err := m.history().DropShutdown(); err != nil {
			opt.Load.warn("%v", err)
		}
	}
}

// keepOneShot reads a one-shot setting that has not been consumed, and unloads
// efibc, which would overwrite it. undo loads efibc again.
func (m *Machine) keepOneShot(ctx context.Context, opt LoadOptions) (kept *state.KeptVariable, undo func()) {
	if text, err := m.Vars.Loader(bli.EntryOneShot); err == nil && text != "" && text != bli.KexecJunk {
		if v, err := m.Vars.Read(bli.EntryOneShot, bli.LoaderVendor); err == nil {
			kept = &state.KeptVariable{Name: bli.EntryOneShot, Attributes: v.Attributes, Data: v.Data}
		}
	}
	undo = func() {}
	if !m.Host.ModuleLoaded("efibc") {
		return kept, undo
	}
	if err := m.Init.UnloadModule("efibc"); err != nil {
		opt.warn("efibc: %v", err)
		return kept, undo
	}
	return kept, func() {
		if err := m.Init.LoadModule(context.WithoutCancel(ctx), "efibc"); err != nil {
			opt.warn("efibc is unloaded: %v", err)
		}
	}
}

// restoreOneShot clears what efibc wrote, and nothing else, and restores what was
// there before. done is what was done, "" for nothing.
func (m *Machine) restoreOneShot(kept *state.KeptVariable) (done string, err error) {
	if text, err := m.Vars.Loader(bli.EntryOneShot); err != nil || text != bli.KexecJunk {
		return "", nil
	}
	if kept != nil && kept.Name == bli.EntryOneShot {
		saved := efivar.Saved{Name: bli.EntryOneShot, Variable: efivar.Variable{Attributes: kept.Attributes, Data: kept.Data}}
		if text, err := bli.Decode(kept.Data); err == nil {
			return fmt.Sprintf("restored the one-shot entry %s, which the kernel (efibc) had overwritten", text), m.Vars.Restore(saved)
		}
	}
	_, err = m.Vars.Consume(bli.EntryOneShot)
	return fmt.Sprintf("cleared %q from %s, which the kernel (efibc) writes at a kexec", bli.KexecJunk, bli.EntryOneShot), err
}

// A BootReport is what Booted recorded.
type BootReport struct {
	Boot Boot
	// Missed is set where a kexec was requested and the firmware ran instead, as
	// far as the machine shows that.
	Missed bool
	// Restored is what was done about the one-shot setting, "" for nothing.
	Restored string
	// Warnings are what could not be recorded.
	Warnings []error
}

// Booted records how this boot was started, for the first unit after
// multi-user.target. What the last kexec overwrote is restored. What cannot be
// recorded is a warning: it is no failure of a boot.
func (m *Machine) Booted(ctx context.Context) BootReport {
	var r BootReport
	warn := func(err error) {
		if err != nil {
			r.Warnings = append(r.Warnings, err)
		}
	}
	h := m.history()
	end, damaged := h.Shutdown()
	warn(damaged)
	reached, err := m.Init.Reached(ctx, "multi-user.target")
	warn(err)
	if reached.IsZero() {
		reached = time.Now()
	}
	r.Boot, err = h.Arrive(m.runningSystem(), reached.UTC())
	warn(err)
	r.Restored, err = m.restoreOneShot(end.OneShot)
	warn(err)
	if damaged != nil || end.BootID != "" && end.BootID != r.Boot.BootID {
		warn(h.DropShutdown())
	}
	r.Missed = end.Kind == "kexec" && end.BootID != r.Boot.BootID && m.Host.Kexeced() == host.No
	return r
}

// recent is how long ago a reboot may have been requested that begins now.
const recent = 10 * time.Minute

// ShuttingDown records how this boot ends, for a unit that is stopped first of all
// in a shutdown, and at any time by its user. Any other end than a reboot is
// nothing to record.
func (m *Machine) ShuttingDown(ctx context.Context, opt LoadOptions) error {
	kind, err := m.Init.Ending(ctx)
	if kind != "kexec" && kind != "reboot" {
		return err
	}
	h := m.history()
	end := state.ShutdownRecord{Schema: 1, BootID: m.Host.BootID(), Kind: kind, Requested: time.Now().UTC()}
	// Reboot knows better when it was requested.
	before, readErr := h.Shutdown()
	if ago := end.Requested.Sub(before.Requested); readErr == nil && before.BootID == end.BootID && ago >= 0 && ago < recent {
		end.Requested = before.Requested
	}
	if kind == "kexec" {
		end.OneShot, _ = m.keepOneShot(ctx, opt)
	}
	return errors.Join(err, h.SaveShutdown(end))
}
