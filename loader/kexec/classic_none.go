//go:build !(amd64 || arm64) || noclassic

package kexec

import (
	"os"

	"golang.org/x/sys/unix"
)

const classicBuilt = false

// classicLoad is never reached: classicRefusal comes first.
func classicLoad(_, _ *os.File, _ string, _ uint64) error { return unix.ENOSYS }
