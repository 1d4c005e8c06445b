package loader

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// GuardOptions say how to decide about a reboot.
type GuardOptions struct {
	Check CheckOptions
	// Ignore are findings that do not prevent a kexec, besides those that the load
	// was to ignore.
	Ignore []FindingID
	// Load loads what boots next, only what a kexec will survive. It is called where
	// PolicyReboot is enabled and nothing is loaded.
	Load func(context.Context) error
}

// GuardReboot decides about the shutdown under way: a reboot becomes a kexec only
// by its consent. reasons are why it goes through the firmware instead; the kernel is
// unloaded then. None are returned where nothing is loaded, and where the system
// does not reboot. What cannot be determined is a reason too. sys is nil where the
// boot partitions cannot be read. A kexec that Reboot or RebootLoaded began is left
// alone, it was checked when it was asked for; any other may have been a plain
// reboot before systemctl changed it.
func (m *Machine) GuardReboot(ctx context.Context, sys *entries.System, opt GuardOptions) (reasons []string, err error) {
	if err := m.unmark(reboot.ConsentFile); err != nil {
		return nil, err
	}
	loaded, err := m.Kernel.Loaded()
	if err != nil {
		return nil, err
	}
	ends, unknown := m.Init.Ending(ctx)
	switch {
	case unknown != nil:
		reasons = []string{"cannot determine how the system ends: " + unknown.Error()}
	case ends == "kexec" && m.askedFor(), ends != "kexec" && ends != "reboot":
		return nil, nil
	case !loaded && ends == "kexec":
		return nil, nil
	case loaded:
		if reasons = append(m.firmwareRequests(sys), m.blockers(opt)...); len(reasons) == 0 {
			loaded, reasons, err = m.replaceStale(ctx, sys, opt)
		}
	default:
		loaded, reasons = m.loadAtReboot(ctx, sys, opt)
	}
	switch {
	case err != nil || !loaded:
		return reasons, err
	case len(reasons) > 0:
		return reasons, m.dropForFirmware(ctx)
	}
	m.recordDiverted()
	return nil, m.mark(reboot.ConsentFile, "")
}

// recordDiverted notes in the record of this shutdown that it will be a kexec. A
// record that cannot be changed is none: the next boot then shows no missed kexec.
func (m *Machine) recordDiverted() {
	h := m.history()
	if end, err := h.Shutdown(); err == nil && end.BootID == m.Host.BootID() {
		end.Kind = "kexec"
		_ = h.SaveShutdown(end)
	}
}

// loadAtReboot loads as the reboot begins, where that is enabled.
func (m *Machine) loadAtReboot(ctx context.Context, sys *entries.System, opt GuardOptions) (loaded bool, reasons []string) {
	if p, err := m.Enabled(); err != nil || p != PolicyReboot || opt.Load == nil {
		return false, nil
	}
	if reasons := m.firmwareRequests(sys); len(reasons) > 0 {
		return false, reasons
	}
	if err := opt.Load(ctx); err != nil {
		return false, []string{err.Error()}
	}
	return true, m.blockers(opt)
}

// replaceStale loads again, where a reboot loads, what nobody named and is not what
// the boot loader would boot any more; elsewhere that is a reason.
func (m *Machine) replaceStale(ctx context.Context, sys *entries.System, opt GuardOptions) (loaded bool, reasons []string, err error) {
	l, err := m.Status(ctx, sys, StatusOptions{})
	if err != nil || l.State != Stale || l.Receipt.Named {
		return true, nil, err
	}
	if p, err := m.Enabled(); err != nil || p != PolicyReboot {
		return true, []string{"what is loaded is stale: " + l.Reasons[0].String()}, nil
	}
	if err := m.dropForFirmware(ctx); err != nil {
		return true, nil, err
	}
	loaded, reasons = m.loadAtReboot(ctx, sys, opt)
	return loaded, reasons, nil
}

func (m *Machine) dropForFirmware(ctx context.Context) error {
	lock, busy := m.lock(ctx)
	if busy == nil {
		defer lock.Close()
		return m.forget()
	}
	// Another process that loads ends with this shutdown; the image must not remain.
	return m.Kernel.Unload()
}

// firmwareRequests are why a reboot has to go through the firmware, whatever is
// loaded: somebody asked for it. An entry that is to be booted once is among them.
func (m *Machine) firmwareRequests(sys *entries.System) []string {
	reasons := m.firmwareAsked(sys)
	if entry, err := m.Vars.Loader(bli.EntryOneShot); err == nil && entry != "" && entry != bli.KexecJunk {
		return append(reasons, "the boot loader is to boot "+entry+" once (LoaderEntryOneShot)")
	}
	if sys != nil {
		if c, err := sys.Default(); err == nil && c.OneShot {
			reasons = append(reasons, fmt.Sprintf("the boot loader is to boot %s once (%s)", c.Entry.ID, c.Rule))
		}
	}
	return reasons
}

// firmwareAsked are those that a kexec cannot answer.
func (m *Machine) firmwareAsked(sys *entries.System) []string {
	var reasons []string
	if _, err := os.Lstat(filepath.Join(m.RunDir, firmwareMark)); err == nil {
		reasons = append(reasons, "kexec-bls reboot was to go through firmware")
	}
	for _, name := range []string{"reboot-to-firmware-setup", "reboot-to-boot-loader-menu", "reboot-to-boot-loader-entry"} {
		if m.Host.Exists("run/systemd/" + name) { // written by logind where there are no variables
			reasons = append(reasons, "/run/systemd/"+name+" exists")
		}
	}
	if menu, err := m.Vars.Loader(bli.ConfigTimeoutOneShot); err == nil && menu != "" {
		reasons = append(reasons, "the boot loader is to show its menu once (LoaderConfigTimeoutOneShot)")
	}
	return append(reasons, capsules(sys)...)
}

// answeredByFirmware are findings that only a start by firmware ends.
func answeredByFirmware() []FindingID {
	return []FindingID{preflight.IDFirmwareSetup, preflight.IDFirmwareUpdate, preflight.IDBootNext}
}

// blockers are the findings that prevent a kexec into what is loaded, and those
// that only a boot by the firmware answers.
func (m *Machine) blockers(opt GuardOptions) []string {
	ignore := slices.Clone(opt.Ignore)
	if r, err := m.Receipt(); err == nil && r.Request != nil {
		ignore = append(ignore, r.Request.Ignore...)
	}
	var reasons []string
	for _, f := range m.CheckLoaded(opt.Check) {
		if len(Blocking([]Finding{f}, ignore...)) > 0 || slices.Contains(answeredByFirmware(), f.ID) {
			reasons = append(reasons, f.Text)
		}
	}
	return reasons
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

// Files of the run directory that a reboot leaves for the guard.
const (
	firmwareMark = "reboot-by-firmware" // the reboot goes through the firmware
	askedMark    = "kexec-asked"        // the image with this time is to be started
)

// markReboot leaves one of the two for the guard, which only systemd runs.
func (m *Machine) markReboot(name string) error {
	if m.Host.InitSystem() != host.Systemd {
		return nil
	}
	if name == firmwareMark {
		return errors.Join(m.unmark(askedMark), m.mark(firmwareMark, ""))
	}
	return errors.Join(m.unmark(firmwareMark), m.mark(askedMark, m.imageTime()))
}

func (m *Machine) mark(name, text string) error {
	if err := os.MkdirAll(m.RunDir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.RunDir, name), []byte(text), 0o600)
}

func (m *Machine) unmark(name string) error {
	err := os.Remove(filepath.Join(m.RunDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// askedFor reports whether Reboot or RebootLoaded asked for a kexec into what is
// loaded.
func (m *Machine) askedFor() bool {
	asked, err := os.ReadFile(filepath.Join(m.RunDir, askedMark))
	return err == nil && string(asked) == m.imageTime()
}

// imageTime distinguishes loaded images; "" for another program's.
func (m *Machine) imageTime() string {
	r, err := m.Receipt()
	if err != nil {
		return ""
	}
	return r.Time.Format(time.RFC3339Nano)
}
