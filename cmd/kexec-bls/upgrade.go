package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/hook"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/watch"
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
	return upgradeHook(a, &cobra.Command{Use: "pacman", Short: "Report after a transaction of pacman", Args: noArgs})
}

func newHookKernelInstall(a *app) *cobra.Command {
	return upgradeHook(a, &cobra.Command{
		Use:   "kernel-install COMMAND [ARGUMENT]...",
		Short: "Report after kernel-install added or removed a kernel",
		Long: `Run by kernel-install(8) with the command it runs, add or remove, and the
arguments of that; other commands do nothing.`,
		Args: cobra.ArbitraryArgs,
	})
}

func newHookDebian(a *app) *cobra.Command {
	return upgradeHook(a, &cobra.Command{
		Use:   "debian [ARGUMENT]...",
		Short: "Report after dpkg changed a kernel",
		Long: `Run by the scripts in /etc/kernel/postinst.d, /etc/kernel/postrm.d and
/etc/initramfs/post-update.d with their arguments. Where the distribution has
/run/reboot-required, it is written as well when the next boot would bring
another kernel or command line.`,
		Args: cobra.ArbitraryArgs,
	})
}

// newHookSysupdate has a connection of systemd-sysupdate as its standard input.
func newHookSysupdate(a *app) *cobra.Command {
	cmd := upgradeHook(a, &cobra.Command{Use: "sysupdate", Short: "Report after an update by systemd-sysupdate", Args: noArgs})
	work := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if a.flags.within != "" {
			return work(cmd, args)
		}
		return hook.Notified{Version: version, Updated: func() error { return work(cmd, args) }}.Serve(os.Stdin)
	}
	return cmd
}

// upgradeHook makes a verb of the hooks of package managers: it never fails, and
// it does its work in a process of its own, as one that reads from a dead device
// may not even be killed.
func upgradeHook(a *app, cmd *cobra.Command) *cobra.Command {
	// Instead of the parent's: a broken configuration is no reason to fail.
	cmd.PersistentPreRun = func(*cobra.Command, []string) {}
	cmd.RunE = withSignalCancel(func(cmd *cobra.Command, args []string) error {
		if hook.Elsewhere(a.machine.Host) || cmd.Name() == "kernel-install" && !hook.Changes(args) {
			return nil
		}
		reader := a
		if a.flags.within == "" {
			reader = a.quiet() // the process will print it
		}
		failed := reader.start()
		a.config = reader.config
		if p, err := a.machine.Enabled(); err == nil && p == loader.PolicyUpgrade {
			a.config.Hook.Policy = config.PolicyLoad
		}
		switch {
		case a.config.Hook.Policy == config.PolicyOff:
		case a.flags.within == "":
			err := a.again(cmd.Context(), a.Err, watch.Options{Limit: a.hookLimit(), Grace: undoGrace})
			a.reportEnd(cmd.Context(), err)
		default:
			if failed != nil {
				a.Warn("%s", term.Message(failed))
			}
			a.parent = a.asking()
			a.upgrade(cmd.Context(), cmd.Name())
		}
		return nil
	})
	return cmd
}

// upgrade does the work of such a hook.
func (a *app) upgrade(ctx context.Context, caller string) {
	ctx, cancel := context.WithTimeout(ctx, a.hookLimit())
	defer cancel()
	u := hook.Upgrade{
		Machine: a.machine, UI: a.UI, Caller: caller, AutoLoad: a.config.Hook.Policy == config.PolicyLoad, Getenv: a.getenv,
		Open: a.quiet().open, Options: a.options(planFlags{}), Load: a.loadChecked,
	}
	u.Run(ctx)
}

// loadChecked repeats a load, or loads the next entry for nil: only what a kexec
// will survive.
func (a *app) loadChecked(ctx context.Context, before *loader.Receipt) (loader.Receipt, error) {
	if before == nil {
		request := a.request(planFlags{})
		before = &loader.Receipt{Request: &request}
	}
	t, err := a.quiet().repeat(ctx, *before)
	if err != nil {
		return loader.Receipt{}, err
	}
	defer t.close()
	p := planFlags{Request: *before.Request}
	if blocking := loader.Blocking(a.machine.Check(ctx, t.Plan, a.checkOptions()), a.ignored(p)...); len(blocking) > 0 {
		return loader.Receipt{}, fmt.Errorf("%s: %s; kexec-bls check shows more", t.Name(), blocking[0].Text)
	}
	return a.loadRecorded(ctx, t.Plan, a.loadOptions(p))
}

func (a *app) hookLimit() time.Duration {
	if a.config.Hook.Policy == config.PolicyLoad {
		return loadLimit
	}
	return notifyLimit
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
