//go:build (amd64 || arm64) && !noclassic

package kexec

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	kexecload "github.com/u-root/u-root/pkg/boot/kexec"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

const classicBuilt = true

// classicLoad builds the segments as a boot loader would and calls
// kexec_load(2). The kernel is read into memory, the initrd is mapped; no files
// are made.
func classicLoad(kernel, initrd *os.File, cmdline string, rsdp uint64) (err error) {
	// u-root's packages talk to the standard logger, and their parsers trust
	// their input.
	defer log.SetOutput(log.Writer())
	log.SetOutput(io.Discard)
	defer func() {
		if recover() != nil {
			err = hint.Errorf("install the kernel again", "kexec_load: %s: malformed kernel image", kernel.Name())
		}
	}()
	err = loadSegments(kernel, initrd, cmdline, rsdp)
	// Its text is the table of segments.
	if refused, ok := errors.AsType[kexecload.ErrKexec](err); ok {
		return refused.Errno
	}
	if err != nil {
		return fmt.Errorf("kexec_load: %s: %w", kernel.Name(), err)
	}
	return nil
}
