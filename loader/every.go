package loader

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// guardUnit unloads the kernel in a reboot that has to go through the firmware.
const guardUnit = "kexec-bls-guard.service"

// bootUnits load at every boot, and again what has changed.
func bootUnits() []string { return []string{"kexec-bls-load.service", "kexec-bls-reload.path"} }

func (m *Machine) unitDir() string { return filepath.Join(m.Host.Dir, "etc/systemd/system") }

// Enable makes a kexec of every reboot by systemd while a kernel is loaded, except
// where the firmware is needed, see GuardReboot. With load, the next entry is
// loaded at every boot. The guard is active before the first reboot becomes a
// kexec; what fails leaves reboots as they were.
func (m *Machine) Enable(ctx context.Context, load bool) error {
	units := []string{guardUnit}
	if load {
		units = append(units, bootUnits()...)
	}
	for _, u := range units {
		if err := m.Init.EnableUnit(ctx, u, true); err != nil {
			return err
		}
	}
	if err := m.Init.StartUnit(ctx, guardUnit); err != nil {
		return err
	}
	if err := reboot.WriteDropIn(m.unitDir()); err != nil {
		return err
	}
	if err := m.Init.ReloadUnits(ctx); err != nil {
		return errors.Join(err, reboot.RemoveDropIn(m.unitDir()))
	}
	return nil
}

// Disable undoes Enable: the last to go is the guard. What is loaded remains
// loaded.
func (m *Machine) Disable(ctx context.Context) error {
	if err := reboot.RemoveDropIn(m.unitDir()); err != nil {
		return err
	}
	if err := m.Init.ReloadUnits(ctx); err != nil {
		return err
	}
	for _, u := range append(bootUnits(), guardUnit) {
		if err := m.Init.EnableUnit(ctx, u, false); err != nil {
			return err
		}
	}
	return nil
}

// Enabled reports whether every reboot is a kexec while a kernel is loaded.
func (m *Machine) Enabled() (bool, error) { return reboot.HasDropIn(m.unitDir()) }

// GuardReboot unloads the kernel if the system is in a reboot that has to go
// through the firmware, and returns why: empty where nothing was unloaded. What
// cannot be determined is a reason too. sys is nil where the boot partitions
// cannot be read. A shutdown that was asked for as a kexec is left alone: it was
// checked when it was asked for.
func (m *Machine) GuardReboot(ctx context.Context, sys *entries.System, opt CheckOptions) (reasons []string, err error) {
	loaded, err := m.Kernel.Loaded()
	if err != nil || !loaded {
		return nil, err
	}
	switch ends, err := m.Init.Ending(ctx); {
	case err != nil:
		reasons = []string{"cannot determine how the system ends: " + err.Error()}
	case ends != "reboot":
		return nil, nil
	default:
		reasons = m.firmwareReasons(sys, opt)
	}
	if len(reasons) == 0 {
		return nil, nil
	}
	lock, busy := m.lock(ctx)
	if busy == nil {
		defer lock.Close()
		return reasons, m.forget()
	}
	// Another process that loads ends with this shutdown; the image must not remain.
	return reasons, m.Kernel.Unload()
}

// firmwareReasons are why a reboot has to go through the firmware.
func (m *Machine) firmwareReasons(sys *entries.System, opt CheckOptions) []string {
	var reasons []string
	for _, name := range []string{"reboot-to-firmware-setup", "reboot-to-boot-loader-menu", "reboot-to-boot-loader-entry"} {
		if m.Host.Exists("run/systemd/" + name) { // written by logind where there are no variables
			reasons = append(reasons, "/run/systemd/"+name+" exists")
		}
	}
	if entry, err := m.Vars.Loader("LoaderEntryOneShot"); err == nil && entry != "" && entry != bli.KexecJunk {
		reasons = append(reasons, "the boot loader is to boot "+entry+" once (LoaderEntryOneShot)")
	}
	if menu, err := m.Vars.Loader("LoaderConfigTimeoutOneShot"); err == nil && menu != "" {
		reasons = append(reasons, "the boot loader is to show its menu once (LoaderConfigTimeoutOneShot)")
	}
	needed := []FindingID{preflight.IDFirmwareSetup, preflight.IDFirmwareUpdate, preflight.IDBootNext}
	var ignore []FindingID // whoever loaded it has accepted these
	if r, err := m.Receipt(); err == nil && r.Request != nil {
		ignore = r.Request.Ignore
	}
	for _, f := range m.CheckLoaded(opt) {
		if len(Blocking([]Finding{f}, ignore...)) > 0 || slices.Contains(needed, f.ID) {
			reasons = append(reasons, f.Text)
		}
	}
	return append(reasons, capsules(sys)...)
}

// capsules are files where UEFI 8.5.5 looks for firmware updates.
func capsules(sys *entries.System) []string {
	if sys == nil {
		return nil
	}
	var found []string
	for _, v := range sys.Volumes() {
		if names, err := v.Names("EFI/UpdateCapsule"); err == nil && len(names) > 0 {
			found = append(found, v.Where("EFI/UpdateCapsule/"+names[0])+" is a firmware update")
		}
	}
	return found
}
