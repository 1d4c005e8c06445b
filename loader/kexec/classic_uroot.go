//go:build (amd64 || arm64) && !noclassic

package kexec

import (
	"errors"
	"fmt"
	"os"

	kexecload "github.com/u-root/u-root/pkg/boot/kexec"
	"github.com/u-root/u-root/pkg/boot/linux"
)

const classicBuilt = true

// classicLoad builds the segments as a boot loader would and calls
// kexec_load(2). It maps the initrd, reads the kernel into memory and makes no
// files.
func classicLoad(kernel, initrd *os.File, cmdline string) (err error) {
	defer func() { // a parser that trusts its input
		if r := recover(); r != nil {
			err = fmt.Errorf("kexec_load: %s: malformed kernel image: %v", kernel.Name(), r)
		}
	}()
	err = linux.KexecLoad(kernel, initrd, cmdline, nil, nil)
	// Its text is the table of segments.
	if refused, ok := errors.AsType[kexecload.ErrKexec](err); ok {
		return refused.Errno
	}
	if err != nil {
		return fmt.Errorf("kexec_load: %s: %w", kernel.Name(), err)
	}
	return nil
}
