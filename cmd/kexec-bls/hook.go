package main

import "github.com/spf13/cobra"

func newHook(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "called by package managers and units, not by hand",
		Long: `Called by package managers after an upgrade, and by units around a boot. They
end with exit code 0 whatever they find, so that neither an upgrade nor a boot
fails for a kexec; only reload and gpu, which are units of their own, tell
systemd when they failed.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHookPacman(a), newHookKernelInstall(a), newHookDebian(a),
		newHookBooted(a), newHookShutdown(a), newHookReload(a), newHookGPU(a))
	return cmd
}
