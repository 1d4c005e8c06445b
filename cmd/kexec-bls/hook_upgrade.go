package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// Bounds of a hook as a whole, which wait for a boot partition that hangs.
const (
	notifyLimit = 10 * time.Second
	loadLimit   = 2 * time.Minute
	// termGrace is what a load has to undo itself.
	termGrace = 2 * time.Second
)

// upgradeHook makes a verb of the hooks of package managers: it never fails,
// and it does its work in a process of its own, as one that reads from a dead
// device may not even die.
func upgradeHook(a *app, cmd *cobra.Command) *cobra.Command {
	var within bool
	cmd.Flags().BoolVar(&within, "within", false, "be that process")
	_ = cmd.Flags().MarkHidden("within") // it is there
	// Instead of the parent's: a broken configuration is no reason to fail.
	cmd.PersistentPreRun = func(*cobra.Command, []string) {}
	cmd.RunE = undoing(func(cmd *cobra.Command, args []string) error {
		if a.elsewhere() || cmd.Name() == "kernel-install" && !changes(args) {
			return nil
		}
		first := a
		if !within {
			first = a.quietly() // the process will say it
		}
		configuration := first.start()
		if a.config = first.config; a.config.Hook.Policy == policyOff {
			return nil
		}
		if !within {
			a.bounded(cmd.Context(), a.self(againArgs(cmd, args)), a.hookLimit())
			return nil
		}
		if configuration != nil {
			a.warn("%v", configuration)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), a.hookLimit())
		defer cancel()
		a.afterUpgrade(ctx, cmd.Name(), given(cmd))
		return nil
	})
	return cmd
}

// changes says whether a command of kernel-install changes what can be booted.
func changes(args []string) bool {
	return len(args) > 0 && (args[0] == "add" || args[0] == "remove")
}

func (a *app) hookLimit() time.Duration {
	if a.config.Hook.Policy == policyLoad {
		return loadLimit
	}
	return notifyLimit
}

// elsewhere says that this is not the machine that will boot, but a directory
// that will be one (pacstrap, arch-chroot, pacman --root; systemd's rule: the
// root is not that of PID 1) or a container, which has PIDs of its own (the
// number is PROC_PID_INIT_INO of include/linux/proc_ns.h).
func (a *app) elsewhere() bool {
	pids, err := os.Readlink(a.proc + "/self/ns/pid")
	if err == nil && pids != "pid:[4026531836]" {
		return true
	}
	first, err := os.Stat(a.proc + "/1/root")
	if errors.Is(err, os.ErrPermission) {
		return false
	}
	own, ownErr := os.Stat("/")
	return err != nil || ownErr != nil || !os.SameFile(first, own)
}

// ofOtherSystem says that kernel-install wrote to none of the machine's own
// boot partitions: an image is built.
func (a *app) ofOtherSystem(o *outlook) bool {
	root := a.getenv("KERNEL_INSTALL_BOOT_ROOT")
	switch root {
	case "", "/efi", "/boot", "/boot/efi":
		return false
	}
	if o.survey == nil {
		return false
	}
	info, err := os.Stat(root)
	if err != nil {
		return true
	}
	for _, v := range o.survey.volumes {
		if own, err := os.Stat(filepath.Clean(v.Dir)); err == nil && os.SameFile(own, info) {
			return false
		}
	}
	return true
}
