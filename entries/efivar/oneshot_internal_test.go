package efivar

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// TestExplain: what a firmware answered, in words, without a path below /sys.
func TestExplain(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.EINVAL: "does not let the operating system",
		unix.EROFS:  "mounted read-only",
		unix.EPERM:  "run as root",
		unix.EACCES: "run as root",
		unix.ENOSPC: "is full",
		unix.EIO:    "the firmware failed",
	} {
		err := explain(&fs.PathError{Op: "remove", Path: "/sys/firmware/efi/efivars/V", Err: errno})
		assert.ErrorIs(t, err, errno)
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "/sys")
	}
	assert.Equal(t, unix.EINTR, explain(&fs.PathError{Op: "remove", Path: "/sys/x", Err: unix.EINTR}), "nothing is known of it")
}
