package main

import (
	"github.com/spf13/cobra"
)

func newHookPacman(a *app) *cobra.Command {
	return upgradeHook(a, &cobra.Command{
		Use:   "pacman",
		Short: "after a transaction: what the hook 95-kexec-bls.hook calls",
		Args:  noArgs,
	})
}

func newHookKernelInstall(a *app) *cobra.Command {
	return upgradeHook(a, &cobra.Command{
		Use:   "kernel-install COMMAND [ARGUMENT]...",
		Short: "after kernel-install: what the plugin 95-kexec-bls.install calls",
		Long: `Called by kernel-install(8) with the command it runs, add or remove, and the
arguments of that; other commands do nothing.`,
		Args: cobra.ArbitraryArgs,
	})
}

func newHookDebian(a *app) *cobra.Command {
	return upgradeHook(a, &cobra.Command{
		Use:   "debian [ARGUMENT]...",
		Short: "after dpkg changed a kernel or initrd: what the scripts in /etc/kernel and /etc/initramfs call",
		Long: `Called by the scripts in /etc/kernel/postinst.d, /etc/kernel/postrm.d and
/etc/initramfs/post-update.d with their arguments. Where the distribution has
/run/reboot-required, it is written as well when the next boot would bring
another kernel or command line.`,
		Args: cobra.ArbitraryArgs,
	})
}
