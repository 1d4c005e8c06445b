//go:build !noclassic

package kexec

import (
	"os"

	"github.com/u-root/u-root/pkg/boot/linux"
)

// loadSegments passes the running device tree on, with the pointers to the
// tables of EFI in it.
func loadSegments(kernel, initrd *os.File, cmdline string, _ uint64) error {
	return linux.KexecLoad(kernel, initrd, cmdline, nil, nil)
}
