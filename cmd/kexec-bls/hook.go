package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

func newHook(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "Run by package managers and units, not by users",
		Long: `Run by package managers after an upgrade, and by units around a boot. They end
with exit code 0 whatever they find, so that neither an upgrade nor a boot fails
because of a kexec; only reload, gpu and guard, which are units of their own,
report to systemd that they failed.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHookPacman(a), newHookKernelInstall(a), newHookDebian(a),
		newHookBooted(a), newHookShutdown(a), newHookReload(a), newHookGPU(a), newHookGuard(a),
		newHookTry(a))
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
	how, boot := "started by the firmware", report.BootOf(r.Boot)
	if r.Boot.Kexeced {
		act.Way, how = journal.Kexec, boot.How(true)
	}
	if r.Boot.Image != nil {
		act.Entry = r.Boot.Image.Name()
	}
	a.journal(act)
	if boot != nil && boot.Entry != nil {
		how = string(boot.Entry.ID) + " " + how
	}
	for _, line := range append([]string{how}, boot.Lines()...) {
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
		System: a.asLoaded().open, Plan: a.again,
		Load: a.loadOptions(planFlags{}),
		OnStale: func(l loader.Loaded) {
			a.Note("%s is stale: %s", l.Receipt.Name(), strings.Join(l.Reasons, "; "))
		},
		OnLoaded: func(r loader.Receipt, err error) {
			a.journal(journal.Act{Kind: journal.Load, Entry: r.Name(), Err: err})
		},
	})
	switch {
	case errors.Is(err, loader.ErrUnrepeatable):
		a.Note("what is loaded is stale (%s); %v", strings.Join(l.Reasons, "; "), err)
		return nil
	case err == nil && l.State == loader.Stale:
		a.Warn("%s remains stale: %s", l.Receipt.Name(), strings.Join(l.Reasons, "; "))
	}
	return err
}

// asLoaded is the same app with the boot partitions that were given to the load.
func (a *app) asLoaded() *app {
	other := *a
	r, err := a.machine.Receipt()
	if err != nil {
		return &other
	}
	request := requested(r)
	other.flags.espPath = cmp.Or(a.flags.espPath, string(request.ESP))
	other.flags.bootPath = cmp.Or(a.flags.bootPath, string(request.Boot))
	return &other
}

// requested is the request of a receipt of any version.
func requested(r loader.Receipt) *loader.Request {
	if r.Request != nil {
		return r.Request
	}
	return requestOf(r)
}

// again makes the plan of an earlier load anew, with the configuration of today.
func (a *app) again(ctx context.Context, r loader.Receipt) (*entries.System, *loader.Plan, error) {
	request := requested(r)
	other := *a
	other.flags.espPath, other.flags.bootPath, other.flags.config = string(request.ESP), string(request.Boot), string(request.Config)
	if err := other.start(); err != nil {
		return nil, nil, err
	}
	name := ""
	if r.Named {
		name = string(r.Entry)
	}
	t, err := other.target(ctx, name, planFlagsOf(request))
	if err != nil {
		return nil, nil, err
	}
	return t.sys, t.Plan, nil
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
	modules := slices.Clone(a.config.GPU.Modules)
	for _, m := range reboot.DefaultGPUModules() {
		if !slices.Contains(modules, m) {
			modules = append(modules, m)
		}
	}
	g := reboot.Graphics{Host: a.machine.Host, Modules: modules, Unload: a.machine.Init.UnloadModule}
	unloaded, err := g.Release()
	if len(unloaded) > 0 {
		a.Note("unloaded %s", strings.Join(unloaded, " "))
	}
	if err != nil {
		return fmt.Errorf("graphics drivers remain loaded: %w", err)
	}
	return nil
}
