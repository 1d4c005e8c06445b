package kexec

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestClassicIsNoWayAround holds that kexec_load is never used where images are
// to be verified, or where it would lose something.
func TestClassicIsNoWayAround(t *testing.T) {
	if !classicBuilt {
		assert.EqualError(t, classicRefusal(host.Machine{GOARCH: "riscv64"}), "kexec_load is not built into this program for riscv64")
		return
	}
	const release, config = "proc/sys/kernel/osrelease", "boot/config-6.1"
	for want, files := range map[string]fstest.MapFS{
		"":                       {"sys/kernel/security/lockdown": text("[none] integrity"), release: text("6.1"), config: text("CONFIG_KEXEC=y\n")},
		"lockdown is on (integr": {"sys/kernel/security/lockdown": text("none [integrity] confidentiality")},
		"lockdown is on (confid": {"sys/kernel/security/lockdown": text("none integrity [confidentiality]")},
		"CONFIG_KEXEC_SIG_FORCE": {release: text("6.1"), config: text("CONFIG_KEXEC_SIG_FORCE=y\n")},
		"only signed images":     {release: text("6.1"), config: text("CONFIG_KEXEC_VERIFY_SIG=y\n")}, // before Linux 5.4
		"kho=on":                 {"proc/cmdline": text("quiet kho=on\n")},
		"Xen hypervisor":         {"proc/xen/capabilities": text("control_d\n")},
	} {
		err := classicRefusal(host.Machine{FS: files, GOARCH: runtime.GOARCH})
		if want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, want)
		assert.NotEmpty(t, hint.Of(err), want)
	}
}

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

// TestZeroPage holds what a second kernel must and must not be told.
func TestZeroPage(t *testing.T) {
	running := bytes.Repeat([]byte{0xaa}, 4096)
	clear(running[0x70:0x78])
	image := bytes.Repeat([]byte{0xbb}, 0x400)
	copy(image[0x202:], "HdrS")
	image[0x201] = 0x6a // the header ends at 0x26c
	z := zeroPage{cmdline: 0x1_0000_2000, initrd: 0x2_4000_0000, initrdSize: 0x3_0000_0001, rsdp: 0x7fb7e014}

	b, err := z.build(running, image)
	require.NoError(t, err)
	require.Len(t, b, 4096)
	word := binary.LittleEndian.Uint32
	assert.Equal(t, uint64(0x7fb7e014), binary.LittleEndian.Uint64(b[0x70:]), "ACPI tables")
	assert.Equal(t, [4]uint32{0x40000000, 1, 2, 3}, [4]uint32{word(b[0x218:]), word(b[0x21c:]), word(b[0xc0:]), word(b[0xc4:])}, "initrd")
	assert.Equal(t, [2]uint32{0x2000, 1}, [2]uint32{word(b[0x228:]), word(b[0xc8:])}, "command line")
	assert.Equal(t, make([]byte, 0x20), b[0x1c0:0x1e0], "EFI's tables have moved")
	assert.Equal(t, make([]byte, 8), b[0x250:0x258], "setup_data is gone")
	assert.Equal(t, byte(0xd0), b[0x210], "loaded by kexec")
	assert.Equal(t, []byte{0xbb, 0xbb}, b[0x1f1:0x1f3], "header of the new kernel")
	assert.Equal(t, byte(0xbb), b[0x26b])
	assert.Equal(t, make([]byte, 0x290-0x26c), b[0x26c:0x290], "nothing after a short header")
	assert.Equal(t, byte(0xaa), b[0x1e8], "memory map of the machine")
	assert.Equal(t, byte(0xaa), b[0x2d0])

	running[0x70] = 1
	b, err = z.build(running, image)
	require.NoError(t, err)
	assert.Equal(t, byte(1), b[0x70], "what a loader gave is kept")

	_, err = z.build(running[1:], image)
	assert.ErrorContains(t, err, "not a page")
	_, err = z.build(running, image[:0x28f])
	assert.ErrorContains(t, err, "not a bzImage")
	_, err = z.build(running, make([]byte, 0x400))
	assert.ErrorContains(t, err, "not a bzImage")
}

func TestPayloadInside(t *testing.T) {
	image := bzImage(2047)
	image = append(image, make([]byte, 4096-len(image))...)
	put := binary.LittleEndian
	put.PutUint32(image[0x248:], 36)
	put.PutUint32(image[0x24c:], 1500) // 2560 + 36 + 1500 = 4096
	assert.NoError(t, payloadInside(image), "no number of setup sectors means 4")
	assert.EqualError(t, payloadInside(image[:4095]), "bzImage of 4095 bytes with a payload that ends at 4096: cut short")
	image[0x1f1] = 5
	assert.ErrorContains(t, payloadInside(image), "ends at 4608")
	put.PutUint32(image[0x248:], 0xffffffff)
	put.PutUint32(image[0x24c:], 0xffffffff)
	assert.ErrorContains(t, payloadInside(image), "ends at 8589937662", "nothing wraps around")
	assert.ErrorContains(t, payloadInside(image[:0x28f]), "not a bzImage")
	assert.ErrorContains(t, payloadInside(make([]byte, 4096)), "not a bzImage")
}
