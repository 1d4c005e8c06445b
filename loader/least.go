package loader

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// A Way is a way to reboot.
type Way string

// Ways, the least first.
const (
	NoReboot   Way = "none"
	SoftReboot Way = "soft-reboot" // of userspace, by systemd-soft-reboot.service(8)
	ByKexec    Way = "kexec"
	ByFirmware Way = "firmware"
)

// A Least is the least reboot that does what is to be done.
type Least struct {
	Way Way
	// Reasons are why no less does; one of them at least.
	Reasons []string
}

// raise makes the way a greater one.
func (l *Least) raise(w Way, reasons ...string) {
	if len(reasons) > 0 {
		l.Way, l.Reasons = w, append(l.Reasons, reasons...)
	}
}

// LeastOptions say what is allowed.
type LeastOptions struct {
	Plan PlanOptions
	// Soft allows a soft-reboot where nothing but userspace has changed, as far as is
	// known. One into /run/nextroot is always allowed.
	Soft   bool
	Ignore []FindingID // that do not prevent a kexec
	Check  CheckOptions
}

// LeastReboot finds the least reboot that does the job: none; a soft-reboot, where
// a new root is at /run/nextroot or packages want a reboot and the kernel remains;
// a kexec, where the next boot brings another kernel or command line; and one
// through the firmware, where that has something to do or a kexec would fail. The
// error is why the next boot cannot be determined; nothing wants a reboot then that
// the firmware could not do.
func (m *Machine) LeastReboot(ctx context.Context, sys *entries.System, opt LeastOptions) (Least, error) {
	l := Least{Way: NoReboot}
	wanted := m.rebootWanted()
	soft := m.softReasons(wanted, opt.Soft)
	l.raise(SoftReboot, soft...)
	if len(soft) == 0 {
		l.raise(ByKexec, wanted...)
	}
	next, err := Next(ctx, sys, opt.Plan)
	switch {
	case errors.Is(err, ErrNoVersion):
		l.raise(ByKexec, err.Error())
	case errors.Is(err, entries.ErrNoEntry) && len(wanted) > 0:
		l.raise(ByFirmware, err.Error())
	case err != nil:
		return Least{}, err
	default:
		m.ForgoTried(sys, &next)
		if next.Difference != SameSystem {
			l.raise(ByKexec, next.Reasons.brief()...)
		}
	}
	l.raise(ByFirmware, m.firmwareWaits(sys, opt.Check)...)
	if l.Way == ByKexec {
		l.raise(ByFirmware, m.noKexec(ctx, sys, opt)...)
	}
	if l.Way == NoReboot {
		l.Reasons = []string{"the running kernel and its command line are those of the next boot"}
	}
	return l, nil
}

// rebootWanted are the notes of package managers that a reboot is needed.
func (m *Machine) rebootWanted() []string {
	var reasons []string
	for _, name := range []string{"run/reboot-required", "run/reboot-needed"} { // Debian's, openSUSE's
		if !m.Host.Exists(name) {
			continue
		}
		reason := "/" + name + " exists"
		if packages := m.Host.Text(name + ".pkgs"); packages != "" {
			reason += ": " + strings.Join(slices.Compact(strings.Fields(packages)), " ")
		}
		reasons = append(reasons, reason)
	}
	return reasons
}

// softReasons are why a soft-reboot does the job; none where it does not.
func (m *Machine) softReasons(wanted []string, allowed bool) []string {
	if m.Host.InitSystem() != host.Systemd || !m.Host.Exists("usr/lib/systemd/system/soft-reboot.target") {
		return nil
	}
	if m.Host.Exists("run/nextroot") {
		return append([]string{"a new root file system is at /run/nextroot"}, wanted...)
	}
	packages := strings.Fields(m.Host.Text("run/reboot-required.pkgs"))
	if !allowed || slices.ContainsFunc(packages, ofKernel) {
		return nil
	}
	return wanted
}

// ofKernel reports whether a package is in use only after another start of a
// kernel: a kernel, or what is in its initrd, as microcode is. A kexec loads
// microcode as early as a start by firmware does, but no version that only firmware
// may load.
func ofKernel(name string) bool {
	if strings.HasPrefix(name, "linux-") || strings.HasPrefix(name, "kernel") {
		return true
	}
	return slices.ContainsFunc([]string{"microcode", "ucode", "firmware", "initramfs", "dracut", "mkinitcpio"}, func(part string) bool {
		return strings.Contains(name, part)
	})
}

// firmwareWaits are why the firmware has to run.
func (m *Machine) firmwareWaits(sys *entries.System, opt CheckOptions) []string {
	reasons := m.firmwareAsked(sys)
	for _, f := range m.CheckLoaded(opt) {
		if slices.Contains(answeredByFirmware(), f.ID) {
			reasons = append(reasons, f.Text)
		}
	}
	return reasons
}

// noKexec are why a kexec into what boots next would fail.
func (m *Machine) noKexec(ctx context.Context, sys *entries.System, opt LeastOptions) []string {
	c, err := sys.Default()
	if err != nil {
		return []string{err.Error()}
	}
	p, err := NewPlan(ctx, sys, c.Entry, opt.Plan)
	if err != nil {
		return []string{err.Error()}
	}
	defer p.Close()
	var reasons []string
	for _, f := range Blocking(m.Check(ctx, p, opt.Check), opt.Ignore...) {
		reasons = append(reasons, f.Text)
	}
	if err := m.Untried(p, opt.Ignore...); err != nil {
		reasons = append(reasons, err.Error())
	}
	return reasons
}

// SoftReboot reboots userspace, by systemd. What is loaded remains loaded.
func (m *Machine) SoftReboot(ctx context.Context, opt RebootOptions) error {
	if err := opt.check(m); err != nil {
		return err
	}
	if err := m.canReboot(ctx, opt); err != nil || opt.DryRun {
		return err
	}
	if err := m.Init.SoftReboot(ctx, opt.Init); err != nil {
		return err
	}
	opt.accepted()
	return nil
}
