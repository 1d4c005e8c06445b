package hook

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
)

// An Upgrade finds out what an upgrade means for the next boot, and for what is
// loaded.
type Upgrade struct {
	Machine *loader.Machine
	UI      *term.UI
	// Caller is the verb: "pacman", "kernel-install", "debian" or "sysupdate".
	Caller string
	// AutoLoad is the policy load, else notify.
	AutoLoad bool
	Getenv   func(string) string
	// Open opens the system; Options are those of the plan to compare.
	Open    func(context.Context) (*entries.System, error)
	Options loader.PlanOptions
	// Load loads what was loaded before once more, or what boots next for nil. It
	// refuses what a kexec would not survive.
	Load func(ctx context.Context, before *loader.Receipt) (loader.Receipt, error)

	sys    *entries.System // nil: there is no boot partition
	next   loader.NextBoot
	err    error // why nothing is known about the next boot
	loaded loader.Loaded
}

// Run prints what an upgrade means for the next boot, and with the policy load
// makes sure that a kexec goes there too.
func (u *Upgrade) Run(ctx context.Context) {
	if u.Caller == "sysupdate" {
		if err := awaitBootctl(ctx, u.Machine); err != nil {
			u.once(u.UI.Warn, "cannot determine whether bootctl has ended: %v", err)
		}
	}
	if u.sys, u.err = u.Open(ctx); u.err == nil {
		defer u.sys.Close()
		u.compareNext(ctx)
	} else {
		u.sys = nil
	}
	var err error
	if u.loaded, err = u.Machine.Status(ctx, u.sys, loader.StatusOptions{}); err != nil {
		u.loaded = loader.Loaded{State: loader.Foreign}
	}
	if u.Caller == "kernel-install" && u.sys != nil && OtherSystem(u.Getenv("KERNEL_INSTALL_BOOT_ROOT"), u.sys.Volumes()) {
		return
	}
	if u.err != nil {
		u.once(u.UI.Warn, "cannot determine what boots next: %s", term.Message(u.err))
	}
	device := u.unmounted()
	if device != "" {
		u.once(u.UI.Warn, "%s is not mounted, so what was installed may not be on it; mount it at /boot or /efi and install again", device)
	}
	if u.Caller == "debian" && u.differs() {
		if err := RequireReboot(u.Machine.Host, u.Machine.RunDir, u.Getenv("DPKG_MAINTSCRIPT_PACKAGE")); err != nil {
			u.once(u.UI.Warn, "%v", err)
		}
	}
	if u.AutoLoad && device == "" && u.wantsLoad() && u.load(ctx) {
		return
	}
	u.notify()
}

// compareNext compares the next boot with the running system. One that no kexec can
// start, Windows say, is not compared; what failed in a trial makes no difference.
func (u *Upgrade) compareNext(ctx context.Context) {
	if c, err := u.sys.Default(); err == nil && !c.Entry.MissingFile && c.Entry.KexecBlocker() != "" {
		return
	}
	u.next, u.err = loader.Next(ctx, u.sys, u.Options)
	if errors.Is(u.err, loader.ErrNoVersion) {
		u.err = nil
	}
	u.Machine.ForgoTried(u.sys, &u.next)
}

func (u *Upgrade) differs() bool { return u.err == nil && u.next.Difference != loader.SameSystem }

// once prints a line that the same run of a package manager has not heard yet.
func (u *Upgrade) once(print func(string, ...any), format string, args ...any) {
	line := term.Printable(fmt.Sprintf(format, args...))
	if New(u.Machine.Host, u.Machine.RunDir, line) {
		print("%s", line)
	}
}

// notify prints the one line of the policy notify.
func (u *Upgrade) notify() {
	stale := ""
	if u.loaded.State == loader.Stale {
		stale = fmt.Sprintf("what is loaded is stale (%s)", u.loaded.Reasons[0])
	}
	switch {
	case u.differs() && u.AutoLoad && u.loaded.State == loader.Fresh:
		// Was printed when it was loaded.
	case u.differs() && stale != "":
		u.once(u.UI.Note, "%s, and %s; run \"kexec-bls reboot\" to load and boot the new one", u.news(), stale)
	case u.differs():
		u.once(u.UI.Note, "%s; run \"kexec-bls reboot\" to skip firmware", u.news())
	case stale != "":
		u.once(u.UI.Note, "%s; kexec-bls load loads it again, kexec-bls unload drops it", stale)
	}
}

// news is from which kernel to which.
func (u *Upgrade) news() string {
	n := u.next
	switch n.Difference {
	case loader.OtherRelease:
		return fmt.Sprintf("reboot required: kernel %s -> %s (%s)", n.Running, n.Release, n.Entry.ID)
	case loader.OtherBuild:
		return fmt.Sprintf("reboot required: another build of kernel %s (%s)", n.Release, n.Entry.ID)
	}
	return fmt.Sprintf("reboot required: the next boot changes the kernel command line (%s)", n.Entry.ID)
}

// unmounted is the device that the next boot reads and that is mounted nowhere:
// what a package manager writes does not reach it. Else "".
func (u *Upgrade) unmounted() string {
	if u.sys == nil {
		return ""
	}
	c, err := u.sys.Default()
	if err != nil || c.Entry.Volume == nil {
		return ""
	}
	device, ok := strings.CutSuffix(c.Entry.Volume.Dir, ":")
	if !ok {
		return ""
	}
	return device
}

// wantsLoad reports whether there is something to load for the user. Without a
// kexec by systemctl reboot, by SYSTEMCTL_SKIP_AUTO_KEXEC, there is not; and what
// others have loaded is theirs.
func (u *Upgrade) wantsLoad() bool {
	if skip, _ := host.ParseBoolean(u.Getenv("SYSTEMCTL_SKIP_AUTO_KEXEC")); skip {
		return false
	}
	if u.loaded.State == loader.Stale {
		return u.loaded.Receipt.Entry != ""
	}
	return u.loaded.State == loader.None && u.differs()
}

// load loads the next entry, or what is stale once more. It prints what that means
// for a reboot, and reports whether nothing more is to be said.
func (u *Upgrade) load(ctx context.Context) bool {
	var before *loader.Receipt
	if u.loaded.State == loader.Stale {
		before = u.loaded.Receipt
	}
	r, err := u.Load(ctx, before)
	if err != nil {
		u.notLoaded(ctx, err)
		return false
	}
	again := ""
	if u.loaded.State == loader.Stale {
		again = " again, as " + u.loaded.Reasons[0].String()
	}
	u.once(u.UI.Note, "%s (kernel %s) is loaded%s: %s; kexec-bls unload drops it", r.Name(), r.Release, again, StartedBy(u.Machine.Host))
	return true
}

// StartedBy is what starts a loaded kernel, for a person.
func StartedBy(h host.Machine) string {
	if h.InitSystem() != host.Systemd {
		return "kexec-bls reboot --loaded starts it"
	}
	return "systemctl kexec starts it, from systemd 256 on systemctl reboot too"
}

// notLoaded prints why. A stale image that the hook has loaded is dropped: a reboot
// through the firmware is better than one into what is no longer there.
func (u *Upgrade) notLoaded(ctx context.Context, err error) {
	left := ""
	if u.loaded.State == loader.Stale && !u.loaded.Receipt.Named {
		gone, uerr := u.Machine.UnloadStale(ctx, *u.loaded.Receipt)
		switch {
		case uerr != nil:
			left = fmt.Sprintf("; what is loaded is stale, and remains loaded: %v", uerr)
		case gone:
			left, u.loaded = "; what was loaded is stale and was unloaded", loader.Loaded{State: loader.None}
		}
	}
	if u.err == nil {
		left = fmt.Sprintf("; not loaded: %s", term.Message(err)) + left
	}
	if left != "" { // else why is printed already
		u.once(u.UI.Warn, "%s", strings.TrimPrefix(left, "; "))
	}
}
