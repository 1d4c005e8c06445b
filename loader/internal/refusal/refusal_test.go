package refusal_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
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

// TestErrorAmongOthers: what explains a refusal finds it below hints, below the names of
// files and beside what failed while the load was undone, with all that it has.
func TestErrorAmongOthers(t *testing.T) {
	refused := &refusal.Error{Call: refusal.File, Errno: syscall.ENOMEM, KernelLog: []string{"one"}, NoClassic: true, Image: refusal.Image{Cmdline: 7}}
	undo := &refusal.Error{Call: refusal.Unload, Errno: syscall.EPERM}
	for name, err := range map[string]error{
		"itself":     refused,
		"named":      fmt.Errorf("a.conf: %w", refused),
		"hinted":     hint.Wrap(refused, "make the initrd smaller"),
		"and undone": errors.Join(refused, fmt.Errorf("undone: %w", undo)),
	} {
		found, ok := errors.AsType[*refusal.Error](err)
		require.True(t, ok, name)
		assert.Same(t, refused, found, name)
		assert.ErrorIs(t, err, syscall.ENOMEM, name)
	}
	assert.NotErrorIs(t, &refusal.Error{}, syscall.ENOMEM)
}

// TestLogIsCut: the message has two lines of a log of any length, and the log stays
// whole for who explains it.
func TestLogIsCut(t *testing.T) {
	lines := strings.Split(strings.Repeat("line,", 1000), ",")
	err := &refusal.Error{Call: refusal.Classic, Errno: syscall.EINVAL, KernelLog: lines}
	for range 2 {
		assert.EqualError(t, err, "kexec_load: invalid argument (kernel log: line / line)")
	}
	assert.Len(t, err.KernelLog, 1001)
}

// TestFormats: what explains a refusal writes them into its sentences, and finds the
// kernel's option for a format by its text.
func TestFormats(t *testing.T) {
	for format, want := range map[refusal.Format]string{
		refusal.BzImage: "bzImage", refusal.ARM64: "arm64 Image", refusal.RISCV: "RISC-V Image",
		refusal.Zboot: "self-decompressing EFI image", refusal.EFIProgram: "EFI program", refusal.ELF: "ELF file",
		refusal.GzipFile: "gzip file", refusal.ZstdFile: "zstd file", refusal.XZFile: "xz file",
	} {
		assert.EqualValues(t, want, format)
	}
}
