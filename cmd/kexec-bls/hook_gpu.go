package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

func newHookGPU(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "gpu",
		Short: "unload graphics drivers that do not survive a kexec",
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
	g := reboot.Graphics{Host: a.facts(), Modules: modules, Unload: a.unloadModule}
	unloaded, err := g.Release()
	if len(unloaded) > 0 {
		a.note("unloaded %s", strings.Join(unloaded, " "))
	}
	if err != nil {
		return fmt.Errorf("graphics drivers stay: %w", err)
	}
	return nil
}
