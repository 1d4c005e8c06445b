package kexec

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
)

// magic is a file of zeros with something at an offset.
func magic(size, at int, text string) []byte {
	b := make([]byte, size)
	copy(b[at:], text)
	return b
}

func bzImage(cmdlineSize uint32) []byte {
	b := magic(header, 0x202, "HdrS")
	copy(b, "MZ") // kernels with an EFI stub are PE files too
	binary.LittleEndian.PutUint32(b[0x238:], cmdlineSize)
	return b
}

func TestSniff(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want refusal.Format
		max  int
	}{
		"bzImage":                   {bzImage(2047), "bzImage", 2016},
		"bzImage with a tiny limit": {bzImage(3), "bzImage", 0},
		"bzImage, cut":              {bzImage(2047)[:0x206], "bzImage", 0},
		"arm64":                     {magic(64, 56, "ARM\x64"), "arm64 Image", 0},
		"riscv":                     {magic(64, 56, "RSC\x05"), "RISC-V Image", 0},
		"zboot":                     {append([]byte("MZ\x00\x00zimg"), 0), "self-decompressing EFI image", 0},
		"PE":                        {[]byte("MZ"), "EFI program", 0},
		"ELF":                       {[]byte("\x7fELF\x02"), "ELF file", 0},
		"gzip":                      {[]byte("\x1f\x8b\x08"), "gzip file", 0},
		"zstd":                      {[]byte("\x28\xb5\x2f\xfd"), "zstd file", 0},
		"xz":                        {[]byte("\xfd7zXZ\x00"), "xz file", 0},
		"one byte":                  {[]byte("M"), "", 0},
		"empty":                     {nil, "", 0},
	} {
		format, limit := sniff(c.b)
		assert.Equal(t, c.want, format, name)
		assert.Equal(t, c.max, limit, name)
	}
}

func FuzzSniff(f *testing.F) {
	f.Add(bzImage(2047))
	f.Add(magic(64, 56, "ARM\x64"))
	f.Add([]byte("MZ"))
	f.Fuzz(func(t *testing.T, b []byte) {
		format, limit := sniff(b)
		assert.GreaterOrEqual(t, limit, 0)
		if limit > 0 {
			assert.Equal(t, refusal.BzImage, format)
		}
		again, _ := sniff(append(b, 0))
		if format != "" {
			assert.Equal(t, format, again, "what follows does not change the format")
		}
	})
}

func TestDescribe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "vmlinuz")
	require.NoError(t, os.WriteFile(name, bzImage(1000), 0o600))
	kernel, err := os.Open(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, kernel.Close()) }()
	fd, err := unix.MemfdCreate("initrd", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	initrd := os.NewFile(uintptr(fd), "initrd")
	defer func() { require.NoError(t, initrd.Close()) }()
	_, err = initrd.WriteString("070701")
	require.NoError(t, err)

	assert.Equal(t, refusal.Image{
		Kernel:  refusal.Part{Name: name, Size: header, Regular: true},
		Initrd:  refusal.Part{Name: "initrd", Size: 6, Regular: true, Memfd: true, Writable: true},
		Cmdline: 5, CmdlineMax: 969, Format: "bzImage",
	}, describe(kernel, initrd, "quiet"))

	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, read.Close()); require.NoError(t, write.Close()) }()
	image := describe(read, nil, "")
	assert.False(t, image.Kernel.Regular)
	assert.Empty(t, image.Initrd.Name)
}
