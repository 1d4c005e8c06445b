package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/kexec-bls/kexec-bls/loader"
)

// calledAsKexec reports whether the program was called by the name kexec. An initramfs
// that ends a shutdown does that: dracut's, mkinitcpio's; and so do scripts of
// init systems other than systemd.
func calledAsKexec(name string) bool { return filepath.Base(name) == "kexec" }

// runAsKexec is kexec(8) as far as those need it: kexec -e.
func runAsKexec(m *loader.Machine, args []string, stderr io.Writer) int {
	execute := false
	for _, arg := range args {
		switch arg {
		case "-e", "--exec":
			execute = true
		case "-x", "--no-ifdown", "-y", "--no-sync", "-d", "--debug": // nothing to leave out
		default:
			fmt.Fprintf(stderr, "kexec: unknown option %s: this is kexec-bls, which knows only kexec -e; install kexec-tools for more\n", arg)
			return exitUsage
		}
	}
	if !execute {
		fmt.Fprintln(stderr, "kexec: this is kexec-bls, which knows only kexec -e; install kexec-tools for more")
		return exitUsage
	}
	err := m.JumpNow()
	fmt.Fprintf(stderr, "kexec: %v\n", err) // a jump does not return
	return exitFailed
}
