package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// isStandIn says whether the program was called by the name kexec. An initramfs
// that ends a shutdown does that: dracut's, mkinitcpio's; and so do scripts of
// init systems other than systemd.
func isStandIn(name string) bool { return filepath.Base(name) == "kexec" }

// standIn is kexec(8) as far as those need it: kexec -e.
func standIn(m *machine, args []string, stderr io.Writer) int {
	execute := false
	for _, arg := range args {
		switch arg {
		case "-e", "--exec":
			execute = true
		case "-x", "--no-ifdown", "-y", "--no-sync", "-d", "--debug": // nothing to leave out
		default:
			fmt.Fprintf(stderr, "kexec: %s is not known: this is kexec-bls standing in for kexec -e; install kexec-tools for more\n", arg)
			return exitUsage
		}
	}
	if !execute {
		fmt.Fprintln(stderr, "kexec: this is kexec-bls standing in for kexec -e; install kexec-tools for more")
		return exitUsage
	}
	err := m.jump()
	fmt.Fprintf(stderr, "kexec: %v\n", withHint(err)) // a jump does not return
	return exitFailed
}

// initramfs is where systemd-shutdown looks for a program to hand over to.
const initramfs = "run/initramfs"

// putStandIn is for a machine where the shutdown would end in a missing
// kexec(8).
func (a *app) putStandIn() error {
	if !preflight.NeedsStandIn(a.environment()) {
		return nil
	}
	if err := reboot.InstallKexec(a.program, filepath.Join(a.rootDir, initramfs)); err != nil {
		return fmt.Errorf("the shutdown needs a program kexec: %w; install kexec-tools", err)
	}
	return nil
}

// takeStandIn removes it with the image.
func (a *app) takeStandIn() {
	if err := reboot.RemoveKexec(a.program, filepath.Join(a.rootDir, initramfs)); err != nil {
		a.warn("%v", err)
	}
}
