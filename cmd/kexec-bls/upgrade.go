package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/hook"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/watch"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
)

// Bounds of a hook as a whole, which wait for a boot partition that hangs.
const (
	notifyLimit = 10 * time.Second
	loadLimit   = 2 * time.Minute
	// undoGrace is what a load has to undo itself.
	undoGrace = 2 * time.Second
)

func newHookPacman(a *app) *cobra.Command {
	return upgradeHook(a, &cobra.Command{
		Use:   "pacman",
		Short: "Run after a transaction by the hook 95-kexec-bls.hook",
		Args:  noArgs,
	})
}

func newHookKernelInstall(a *app) *cobra.Command {
	return upgradeHook(a, &cobra.Command{
		Use:   "kernel-install COMMAND [ARGUMENT]...",
		Short: "Run after kernel-install by the plugin 95-kexec-bls.install",
		Long: `Run by kernel-install(8) with the command it runs, add or remove, and the
arguments of that; other commands do nothing.`,
		Args: cobra.ArbitraryArgs,
	})
}

func newHookDebian(a *app) *cobra.Command {
	return upgradeHook(a, &cobra.Command{
		Use:   "debian [ARGUMENT]...",
		Short: "Run by scripts in /etc/kernel and /etc/initramfs after dpkg changed a kernel",
		Long: `Run by the scripts in /etc/kernel/postinst.d, /etc/kernel/postrm.d and
/etc/initramfs/post-update.d with their arguments. Where the distribution has
/run/reboot-required, it is written as well when the next boot would bring
another kernel or command line.`,
		Args: cobra.ArbitraryArgs,
	})
}

// upgradeHook makes a verb of the hooks of package managers: it never fails, and
// it does its work in a process of its own, as one that reads from a dead device
// may not even be killed.
func upgradeHook(a *app, cmd *cobra.Command) *cobra.Command {
	within := a.addWithin(cmd)
	// Instead of the parent's: a broken configuration is no reason to fail.
	cmd.PersistentPreRun = func(*cobra.Command, []string) {}
	cmd.RunE = withSignalCancel(func(cmd *cobra.Command, args []string) error {
		if hook.Elsewhere(a.machine.Host) || cmd.Name() == "kernel-install" && !changes(args) {
			return nil
		}
		reader := a
		if !*within {
			reader = a.quiet() // the process will print it
		}
		failed := reader.start()
		if a.config = reader.config; a.config.Hook.Policy == config.PolicyOff {
			return nil
		}
		if !*within {
			a.bounded(cmd.Context(), childArgs(cmd, args))
			return nil
		}
		a.parent = a.asking()
		if failed != nil {
			a.Warn("%s", term.Message(failed))
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), a.hookLimit())
		defer cancel()
		(&upgrade{app: a, caller: cmd.Name()}).run(ctx)
		return nil
	})
	return cmd
}

// changes reports whether a command of kernel-install changes what can be booted.
func changes(args []string) bool {
	return len(args) > 0 && (args[0] == "add" || args[0] == "remove")
}

func (a *app) hookLimit() time.Duration {
	if a.config.Hook.Policy == config.PolicyLoad {
		return loadLimit
	}
	return notifyLimit
}

// bounded runs the process that does a hook's work.
func (a *app) bounded(ctx context.Context, args []string) {
	child := a.self(args)
	child.Stdout, child.Stderr = a.Err, a.Err
	a.reportEnd(ctx, watch.Run(ctx, child, watch.Options{Limit: a.hookLimit(), Grace: undoGrace}))
}

// reportEnd prints why that process ended early, unless the user ended it.
func (a *app) reportEnd(ctx context.Context, err error) {
	var hung *watch.HungError
	switch {
	case errors.As(err, &hung):
		a.Warn("%v; kexec-bls status shows what is loaded", err)
	case err != nil && ctx.Err() == nil:
		a.Warn("the hook ended early: %v", err)
	}
}

// An upgrade is what an upgrade means for the next boot, and for what is loaded.
type upgrade struct {
	*app
	caller string
	sys    *entries.System // nil: there is no boot partition
	next   loader.NextBoot
	err    error // why nothing is known about the next boot
	loaded loader.Loaded
}

// run prints what an upgrade means for the next boot, and with the policy load
// makes sure that a kexec goes there too.
func (u *upgrade) run(ctx context.Context) {
	silent := u.quiet()
	if u.sys, u.err = silent.open(ctx); u.err == nil {
		defer u.sys.Close()
		u.compareNext(ctx)
	} else {
		u.sys = nil
	}
	var err error
	if u.loaded, err = u.machine.Status(ctx, u.sys, loader.StatusOptions{}); err != nil {
		u.loaded = loader.Loaded{State: loader.Foreign}
	}
	if u.caller == "kernel-install" && u.sys != nil && hook.OtherSystem(u.getenv("KERNEL_INSTALL_BOOT_ROOT"), u.sys.Volumes()) {
		return
	}
	if u.err != nil {
		u.once(u.Warn, "cannot determine what boots next: %s", term.Message(u.err))
	}
	device := u.unmounted()
	if device != "" {
		u.once(u.Warn, "%s is not mounted, so what was installed may not be on it; mount it at /boot or /efi and install again", device)
	}
	if u.caller == "debian" && u.differs() {
		if err := hook.RequireReboot(u.machine.Host, u.machine.RunDir, u.getenv("DPKG_MAINTSCRIPT_PACKAGE")); err != nil {
			u.once(u.Warn, "%v", err)
		}
	}
	if u.config.Hook.Policy == config.PolicyLoad && device == "" && u.wantsLoad() && u.load(ctx) {
		return
	}
	u.notify()
}

// compareNext compares the next boot with the running system. One that no kexec can
// start, Windows say, is not compared.
func (u *upgrade) compareNext(ctx context.Context) {
	if c, err := u.sys.Default(); err == nil && !c.Entry.MissingFile && c.Entry.KexecBlocker() != "" {
		return
	}
	u.next, u.err = loader.Next(ctx, u.sys, u.options(planFlags{}))
	if errors.Is(u.err, loader.ErrNoVersion) {
		u.err = nil
	}
}

func (u *upgrade) differs() bool { return u.err == nil && u.next.Difference != loader.SameSystem }

// once prints a line that the same run of a package manager has not heard yet.
func (u *upgrade) once(print func(string, ...any), format string, args ...any) {
	line := term.Printable(fmt.Sprintf(format, args...))
	if hook.New(u.machine.Host, u.machine.RunDir, line) {
		print("%s", line)
	}
}

// notify prints the one line of the policy notify.
func (u *upgrade) notify() {
	stale := ""
	if u.loaded.State == loader.Stale {
		stale = fmt.Sprintf("what is loaded is stale (%s)", u.loaded.Reasons[0])
	}
	switch {
	case u.differs() && u.config.Hook.Policy == config.PolicyLoad && u.loaded.State == loader.Fresh:
		// Was printed when it was loaded.
	case u.differs() && stale != "":
		u.once(u.Note, "%s, and %s; run \"kexec-bls reboot\" to load and boot the new one", u.news(), stale)
	case u.differs():
		u.once(u.Note, "%s; run \"kexec-bls reboot\" to skip firmware", u.news())
	case stale != "":
		u.once(u.Note, "%s; kexec-bls load loads it again, kexec-bls unload drops it", stale)
	}
}

// news is from which kernel to which.
func (u *upgrade) news() string {
	n := u.next
	switch n.Difference {
	case loader.OtherRelease:
		return fmt.Sprintf("reboot required: kernel %s -> %s (%s)", n.Running, n.Release, n.Entry.ID)
	case loader.OtherBuild:
		return fmt.Sprintf("reboot required: another build of kernel %s (%s)", n.Release, n.Entry.ID)
	}
	return fmt.Sprintf("reboot required: kernel %s with another command line (%s)", n.Release, n.Entry.ID)
}

// unmounted is the device that the next boot reads and that is mounted nowhere:
// what a package manager writes does not reach it. Else "".
func (u *upgrade) unmounted() string {
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
func (u *upgrade) wantsLoad() bool {
	if skip, _ := host.ParseBoolean(u.getenv("SYSTEMCTL_SKIP_AUTO_KEXEC")); skip {
		return false
	}
	if u.loaded.State == loader.Stale {
		return u.loaded.Receipt.Entry != ""
	}
	return u.loaded.State == loader.None && u.differs()
}

// load loads the next entry, or what is stale once more. It prints what that means
// for a reboot, and reports whether nothing more is to be said.
func (u *upgrade) load(ctx context.Context) bool {
	r, err := u.loadChecked(ctx)
	if err != nil {
		u.notLoaded(ctx, err)
		return false
	}
	again := ""
	if u.loaded.State == loader.Stale {
		again = " again, as " + u.loaded.Reasons[0]
	}
	way := "systemctl kexec starts it, from systemd 256 on systemctl reboot too"
	if u.machine.Host.InitSystem() != host.Systemd {
		way = "kexec-bls reboot --loaded starts it"
	}
	u.once(u.Note, "%s (kernel %s) is loaded%s: %s; kexec-bls unload drops it", r.Name(), r.Release, again, way)
	return true
}

// loadChecked loads what a kexec will survive; what is stale as it was loaded
// before.
func (u *upgrade) loadChecked(ctx context.Context) (loader.Receipt, error) {
	silent := u.quiet()
	var sys *entries.System
	var plan *loader.Plan
	var err error
	p := planFlags{verifyFast: true}
	if u.loaded.State == loader.Stale {
		if u.loaded.Receipt.Request != nil {
			p = planFlagsOf(u.loaded.Receipt.Request)
		}
		sys, plan, err = silent.again(ctx, *u.loaded.Receipt)
	} else {
		var t *target
		if t, err = silent.target(ctx, "", p); err == nil {
			sys, plan = t.sys, t.Plan
		}
	}
	if err != nil {
		return loader.Receipt{}, err
	}
	defer sys.Close()
	defer plan.Close()
	if blocking := loader.Blocking(u.machine.Check(ctx, plan, u.checkOptions()), u.ignored(p)...); len(blocking) > 0 {
		return loader.Receipt{}, fmt.Errorf("%s: %s; kexec-bls check shows more", plan.Name(), blocking[0].Text)
	}
	return u.loadRecorded(ctx, plan, u.loadOptions(p))
}

// notLoaded prints why. A stale image that the hook has loaded is dropped: a reboot
// through the firmware is better than one into what is no longer there.
func (u *upgrade) notLoaded(ctx context.Context, err error) {
	left := ""
	if u.loaded.State == loader.Stale && !u.loaded.Receipt.Named {
		gone, uerr := u.machine.UnloadStale(ctx, *u.loaded.Receipt)
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
		u.once(u.Warn, "%s", strings.TrimPrefix(left, "; "))
	}
}
