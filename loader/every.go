package loader

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// A Policy is what loads a kernel where every reboot is a kexec.
type Policy = state.Policy

// Policies.
const (
	PolicyReboot  = state.PolicyReboot  // a reboot, as it begins
	PolicyUpgrade = state.PolicyUpgrade // the hook of what upgrades, after an upgrade
	PolicyBoot    = state.PolicyBoot    // a unit, at every boot
	PolicyOff     = state.PolicyOff     // nothing
)

const (
	guardUnit     = "kexec-bls-guard.service"    // decides whether a reboot may be a kexec
	sysupdateUnit = "kexec-bls-sysupdate.socket" // is told of updates by systemd-sysupdate
)

// unitsOf are the units of a policy. Those for boot load at every boot, and again
// what has changed.
func unitsOf(p Policy) []string {
	switch p {
	case PolicyBoot:
		return []string{guardUnit, "kexec-bls-load.service", "kexec-bls-reload.path"}
	case PolicyUpgrade:
		return []string{guardUnit, sysupdateUnit}
	}
	return []string{guardUnit}
}

func (m *Machine) unitDir() string { return filepath.Join(m.Host.Dir, "etc/systemd/system") }

// Enable makes a kexec of every reboot by systemd while a kernel is loaded, except
// where the firmware is needed, see GuardReboot; p is what loads it. The guard is
// active before the first reboot becomes a kexec; what fails leaves reboots as they
// were. What an earlier Enable enabled and p does not need is disabled.
func (m *Machine) Enable(ctx context.Context, p Policy) error {
	h := m.history()
	before, err := h.Every()
	if err != nil {
		return err
	}
	now := state.Every{Schema: 1, Policy: p}
	for _, u := range unitsOf(p) {
		is, err := m.Init.UnitProperty(ctx, u, "UnitFileState")
		if err != nil {
			return err
		}
		if is != "enabled" || slices.Contains(before.Units, u) {
			now.Units = append(now.Units, u)
		}
	}
	// Disable has to find what this leaves where it fails.
	both := now
	both.Units = append(slices.Clone(now.Units), missing(before.Units, now.Units)...)
	if err := h.SaveEvery(both); err != nil {
		return err
	}
	if err := m.enableUnits(ctx, now.Units, true); err != nil {
		return err
	}
	for _, u := range unitsOf(p) {
		if u != guardUnit && u != sysupdateUnit {
			continue // loads as of the next boot
		}
		if err := m.Init.StartUnit(ctx, u); err != nil {
			return err
		}
	}
	if err := m.divertReboots(ctx); err != nil {
		return err
	}
	return errors.Join(m.enableUnits(ctx, missing(before.Units, unitsOf(p)), false), h.SaveEvery(now))
}

// missing are the items of a that b does not have.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func (m *Machine) enableUnits(ctx context.Context, units []string, on bool) error {
	for _, u := range units {
		if err := m.Init.EnableUnit(ctx, u, on); err != nil {
			return err
		}
	}
	return nil
}

// divertReboots changes systemd-reboot.service, and changes it back where systemd
// does not take that: before version 254 it knows no kexec-force.
func (m *Machine) divertReboots(ctx context.Context) error {
	const unit, action = "systemd-reboot.service", "kexec-force"
	if err := reboot.WriteDropIn(m.unitDir()); err != nil {
		return err
	}
	err := m.Init.ReloadUnits(ctx)
	if err == nil {
		var is string
		if is, err = m.Init.UnitProperty(ctx, unit, "SuccessAction"); err == nil && is != action {
			err = hint.Errorf("systemctl cat "+unit+" shows its drop-ins; systemd knows "+action+" since version 254",
				"SuccessAction= of %s is %s after the change, want %s", unit, is, action)
		}
	}
	if err == nil {
		return nil
	}
	return errors.Join(err, reboot.RemoveDropIn(m.unitDir()), m.Init.ReloadUnits(ctx))
}

// Disable undoes Enable: the last to go is the guard. What is loaded remains
// loaded, and units that were enabled before Enable remain enabled.
func (m *Machine) Disable(ctx context.Context) error {
	h := m.history()
	was, err := h.Every()
	if err != nil {
		return fmt.Errorf("cannot determine which units were enabled: %w", err)
	}
	if err := reboot.RemoveDropIn(m.unitDir()); err != nil {
		return err
	}
	if err := m.Init.ReloadUnits(ctx); err != nil {
		return err
	}
	slices.Reverse(was.Units) // the guard is the first
	if err := m.enableUnits(ctx, was.Units, false); err != nil {
		return err
	}
	return h.DropEvery()
}

// Enabled returns what loads a kernel where every reboot is a kexec while one is
// loaded; "" where reboots are not changed.
func (m *Machine) Enabled() (Policy, error) {
	has, err := reboot.HasDropIn(m.unitDir())
	if err != nil || !has {
		return "", err
	}
	e, err := m.history().Every()
	if e.Policy == "" {
		e.Policy = PolicyOff // the record is lost, or only root may read it
	}
	return e.Policy, err
}
