package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/hook"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newHook(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "Serve package managers and units; not for users",
		Long: `Run by package managers after an upgrade, and by units around a boot. They end
with exit code 0 whatever they find, so that neither an upgrade nor a boot fails
because of a kexec; only reload, gpu, guard, try and unlock, units of their own,
report to systemd that they failed.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHookPacman(a), newHookKernelInstall(a), newHookDebian(a), newHookSysupdate(a), newHookBooted(a),
		newHookShutdown(a), newHookReload(a), newHookGPU(a), newHookGuard(a), newHookTry(a), newHookUnlock(a))
	return cmd
}

func newHookBooted(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "booted",
		Short: "Record how this boot was started, restore what the last kexec overwrote",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.booted(cmd.Context())
			return nil
		},
	}
}

// booted is run once the system is up.
func (a *app) booted(ctx context.Context) {
	r := a.machine.Booted(ctx)
	for _, err := range r.Warnings {
		a.Warn("%v", err)
	}
	if r.Restored != "" {
		a.Note("%s", r.Restored)
	}
	act := journal.Act{Kind: journal.Boot, Way: journal.Firmware, Missed: r.Missed, Took: time.Duration(r.Boot.Seconds() * float64(time.Second))}
	if r.Boot.Kexeced {
		act.Way = journal.Kexec
	}
	if r.Boot.Image != nil {
		act.Entry = r.Boot.Image.Name()
	}
	if m := r.Boot.Missed; r.Missed && m != nil && m.Image != nil {
		act.Entry = m.Image.Name()
	}
	a.journal(act)
	for _, line := range report.StartOf(r.Boot) {
		a.Note("%s", line)
	}
}

func newHookShutdown(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "shutdown",
		Short: "Record the time of a reboot, keep a one-shot setting over a kexec",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.machine.ShuttingDown(cmd.Context(), loader.LoadOptions{OnWarning: func(text string) { a.Warn("%s", text) }}); err != nil {
				a.Warn("%v", err)
			}
			return nil
		},
	}
}

func newHookReload(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Load again what kexec-bls has loaded and is stale",
		Args:  noArgs,
		RunE:  withSignalCancel(func(cmd *cobra.Command, _ []string) error { return a.reload(cmd.Context()) }),
	}
}

func (a *app) reload(ctx context.Context) error {
	l, err := a.machine.Reload(ctx, loader.ReloadOptions{
		System: a.asLoaded().open,
		Plan: func(ctx context.Context, r loader.Receipt) (*loader.Plan, error) {
			t, err := a.repeat(ctx, r)
			if err != nil {
				return nil, err
			}
			return t.Plan, nil
		},
		Load: a.loadOptions(planFlags{}),
		OnStale: func(l loader.Loaded) {
			a.Note("%s is stale: %s", l.Receipt.Name(), l.Reasons)
		},
		OnLoaded: func(r loader.Receipt, err error) {
			a.journal(journal.Act{Kind: journal.Load, Entry: r.Name(), Err: err})
		},
	})
	switch {
	case errors.Is(err, loader.ErrUnrepeatable):
		a.Note("what is loaded is stale (%s); %v", l.Reasons, err)
		return nil
	case err == nil && l.State == loader.Stale:
		a.Warn("%s remains stale: %s", l.Receipt.Name(), l.Reasons)
	}
	return err
}

// asLoaded is the same app with the boot partitions that were given to the load.
func (a *app) asLoaded() *app {
	other := *a
	if r, err := a.machine.Receipt(); err == nil && r.Request != nil {
		other.flags.espPath = cmp.Or(a.flags.espPath, string(r.Request.ESP))
		other.flags.bootPath = cmp.Or(a.flags.bootPath, string(r.Request.Boot))
	}
	return &other
}

// repeat makes the plan of an earlier load anew, with the configuration of today.
func (a *app) repeat(ctx context.Context, r loader.Receipt) (*target, error) {
	other, request := *a, *r.Request
	other.flags.espPath, other.flags.bootPath, other.flags.config = string(request.ESP), string(request.Boot), string(request.Config)
	if err := other.start(); err != nil {
		return nil, err
	}
	name := ""
	if r.Named {
		name = string(r.Entry)
	}
	return other.target(ctx, name, planFlags{Request: request, verifyFast: true})
}

func newHookGPU(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "gpu",
		Short: "Unload graphics drivers that do not survive a kexec",
		Long: `Take the text consoles off the graphics cards and unload nvidia's driver, and
before it the modules that gpu.modules of the configuration names. Nothing is
unloaded while a process has a card open; it is named then, and the exit code
is 1.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.releaseGPU() },
	}
}

func (a *app) releaseGPU() error {
	unloaded, err := hook.ReleaseGPU(a.machine, a.config.GPU.Modules)
	if len(unloaded) > 0 {
		a.Note("unloaded %s", strings.Join(unloaded, " "))
	}
	if err != nil {
		return fmt.Errorf("graphics drivers remain loaded: %w", err)
	}
	return nil
}
