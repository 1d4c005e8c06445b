package refusal_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
)

func TestError(t *testing.T) {
	for want, err := range map[string]*refusal.Error{
		"unload: device or resource busy":                                      {Call: refusal.Unload, Errno: syscall.EBUSY},
		"kexec_load: operation not permitted (kernel log: one)":                {Call: refusal.Classic, Errno: syscall.EPERM, KernelLog: []string{"one"}},
		"kexec_file_load: exec format error (kernel log: one / two)":           {Call: refusal.File, Errno: syscall.ENOEXEC, KernelLog: []string{"one", "two"}},
		"kexec_file_load: key was rejected by service (kernel log: one / two)": {Call: refusal.File, Errno: syscall.EKEYREJECTED, KernelLog: []string{"one", "two", "three"}},
	} {
		assert.EqualError(t, err, want)
	}
}

// TestErrorIsItsErrno: callers ask for the errno, also of one that is wrapped.
func TestErrorIsItsErrno(t *testing.T) {
	err := fmt.Errorf("a.conf: %w", &refusal.Error{Call: refusal.File, Errno: syscall.EPERM})
	assert.ErrorIs(t, err, syscall.EPERM)
	assert.NotErrorIs(t, err, syscall.EBUSY)
}

// TestMemory: the kernel holds both files twice while it loads.
func TestMemory(t *testing.T) {
	image := refusal.Image{Kernel: refusal.Part{Size: 10 << 20}, Initrd: refusal.Part{Size: 30 << 20}}
	assert.EqualValues(t, 40<<20, image.Size())
	assert.EqualValues(t, 80<<20, image.Memory())
	image.Initrd = refusal.Part{}
	assert.EqualValues(t, 20<<20, image.Memory(), "without an initrd")
}
