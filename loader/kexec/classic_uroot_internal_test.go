//go:build (amd64 || arm64) && !noclassic

package kexec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestClassicSurvivesHostileKernels gives u-root's parsers what no boot loader
// would load. None of it gets as far as the system call.
func TestClassicSurvivesHostileKernels(t *testing.T) {
	var said bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&said)
	for name, image := range hostileKernels() {
		path := filepath.Join(t.TempDir(), "vmlinuz")
		require.NoError(t, os.WriteFile(path, image, 0o600))
		kernel, err := os.Open(path)
		require.NoError(t, err)
		err = classicLoad(kernel, nil, "quiet", 0)
		assert.ErrorContains(t, err, "kexec_load: "+path+": ", name)
		assert.NotContains(t, err.Error(), "runtime error", name)
		_, called := err.(syscall.Errno) //nolint:errorlint // the call's own
		assert.False(t, called, name)
		require.NoError(t, kernel.Close())
	}
	assert.Empty(t, said.String(), "only the command prints")
	assert.Equal(t, &said, log.Writer(), "the logger is as it was")
}

// TestKernelWithoutKexec: where no kernel can be loaded, the image is not to blame.
func TestKernelWithoutKexec(t *testing.T) {
	text, err := os.Open("kexec.go")
	require.NoError(t, err)
	defer func() { require.NoError(t, text.Close()) }()
	called := kernelCalls{classicLoad: func(*os.File, *os.File, string, uint64) error { return unix.EINVAL }}
	for want, file := range map[bool]string{true: "sys/kernel/notes", false: "sys/kernel/kexec_loaded"} {
		_, err = loadClassic(t.Context(), job{host: host.Machine{FS: fstest.MapFS{file: {}}, GOARCH: runtime.GOARCH}, kernel: text, sys: called})
		assert.Equal(t, want, errors.Is(err, unix.ENOSYS), file)
	}
}

func hostileKernels() map[string][]byte {
	header := func(change func(b []byte)) []byte {
		b := bytes.Repeat([]byte{0x5a}, 64<<10)
		clear(b[:0x400])
		binary.LittleEndian.PutUint16(b[0x1fe:], 0xaa55)
		copy(b[0x202:], "HdrS")
		binary.LittleEndian.PutUint16(b[0x206:], 0x20f)
		b[0x201], b[0x1f1], b[0x211] = 0x6a, 1, 1
		change(b)
		return b
	}
	huge := func(at int) []byte {
		return header(func(b []byte) { binary.LittleEndian.PutUint32(b[at:], 0xffffffff) })
	}
	arm := make([]byte, 4096)
	copy(arm[56:], "ARM\x64")
	for i := range 8 {
		arm[16+i] = 0xff // image_size
	}
	return map[string][]byte{
		"empty":                nil,
		"text":                 []byte("not a kernel\n"),
		"zeros":                make([]byte, 1<<20),
		"cut in the header":    header(func([]byte) {})[:0x210],
		"cut in the setup":     header(func(b []byte) { b[0x1f1] = 200 }),
		"payload that is none": header(func([]byte) {}),
		"payload offset":       huge(0x248),
		"payload length":       huge(0x24c),
		"syssize":              huge(0x1f4),
		"gzip as payload": header(func(b []byte) {
			binary.LittleEndian.PutUint32(b[0x24c:], 4096)
			copy(b[0x400:], "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff")
		}),
		"arm64 image of all memory": arm,
	}
}

func TestMapFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "initrd")
	require.NoError(t, os.WriteFile(path, []byte("070701"), 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	b, err := mapFile(f)
	require.NoError(t, err)
	assert.Equal(t, "070701", string(b))
	unmap(b)
	require.NoError(t, f.Close())
	_, err = mapFile(f)
	assert.ErrorIs(t, err, os.ErrClosed)

	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, dir.Close()) }()
	_, err = mapFile(dir)
	assert.ErrorContains(t, err, "mmap "+dir.Name())
}

func FuzzZeroPage(f *testing.F) {
	f.Add(make([]byte, 4096), bzImage(2047), uint64(1), uint64(2))
	f.Add(make([]byte, 4095), []byte("MZ"), uint64(0), ^uint64(0))
	f.Add(bytes.Repeat([]byte{0xff}, 4096), bytes.Repeat([]byte{0xff}, 0x290), ^uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, running, image []byte, initrd, table uint64) {
		before := bytes.Clone(running)
		b, err := zeroPage{cmdline: 0x2000, initrd: initrd, initrdSize: initrd, rsdp: table}.build(running, image)
		assert.Equal(t, before, running, "what runs is not changed")
		if err != nil {
			assert.Empty(t, b)
			return
		}
		assert.Len(t, b, 4096)
		low, high := binary.LittleEndian.Uint32(b[0x218:]), binary.LittleEndian.Uint32(b[0xc0:])
		assert.Equal(t, initrd, uint64(high)<<32|uint64(low))
		again, err := zeroPage{cmdline: 0x2000, initrd: initrd, initrdSize: initrd, rsdp: table}.build(b, image)
		assert.NoError(t, err)
		assert.Equal(t, b, again, "a machine kexec'ed twice is told the same")
	})
}
