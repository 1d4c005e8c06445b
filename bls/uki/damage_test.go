package uki_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// TestDiskErrorIsNoFormat: a disk that fails is said, and is never taken for a file
// of another kind or for one that was cut.
func TestDiskErrorIsNoFormat(t *testing.T) {
	big := fixtures.PE{Sections: make([]fixtures.Section, 300)}.Bytes() // headers beyond the first read
	signed := fixtures.SetCertificateTable(twoSections(), fixtures.Certificate(2, []byte("signature")), 24)
	for name, file := range map[string][]byte{
		"UKI": sampleUKI().Bytes(), "many sections": big, "signed": signed,
		"bzImage": fixtures.BzImage{Version: "6.12.1"}.Bytes(), "vmlinux": elf(binary.LittleEndian, 183, 0x100, 0x20),
		"zboot": fixtures.ZBoot{Compression: "gzip", Payload: []byte("x")}.Bytes(),
	} {
		size := int64(len(file))
		_, format := uki.OpenKernel(bytes.NewReader(file), size)
		_, header := uki.Open(bytes.NewReader(file), size)
		_, hashes := uki.OpenAuthenticode(bytes.NewReader(file), size)
		for n := 0; n < len(file); n += 8 {
			r := fixtures.BadDisk{ReaderAt: bytes.NewReader(file), From: n}
			_, err := uki.OpenKernel(r, size)
			require.True(t, errors.Is(err, fixtures.ErrDisk) || sameError(format, err), "%s, %d: %v", name, n, err)
			_, err = uki.Open(r, size)
			require.True(t, errors.Is(err, fixtures.ErrDisk) || sameError(header, err), "%s, %d: %v", name, n, err)
			a, err := uki.OpenAuthenticode(r, size)
			require.True(t, errors.Is(err, fixtures.ErrDisk) || sameError(hashes, err), "%s, %d: %v", name, n, err)
			if err == nil {
				_, err = a.WriteTo(io.Discard)
				require.ErrorIs(t, err, fixtures.ErrDisk, "%s, %d", name, n)
			}
		}
	}
}

func sameError(want, got error) bool {
	return want == nil && got == nil || want != nil && got != nil && want.Error() == got.Error()
}

// TestAuthenticodeCoversEachByte: whatever is changed outside of the three places that
// a signature leaves out, the image is refused or has another hash.
func TestAuthenticodeCoversEachByte(t *testing.T) {
	b := append(twoSections(), "trailing"...)
	signed := fixtures.SetCertificateTable(b, fixtures.Certificate(2, []byte("signature")), 24)
	want := covered(t, signed)
	for i := range b {
		if i >= peChecksum && i < peChecksum+4 || i >= peSecurity && i < peSecurity+8 {
			continue
		}
		signed[i] ^= 1 << (i % 8)
		if a, err := uki.OpenAuthenticode(bytes.NewReader(signed), int64(len(signed))); err == nil {
			var out bytes.Buffer
			if _, err := a.WriteTo(&out); err == nil {
				require.False(t, bytes.Equal(want, out.Bytes()), "byte %d", i)
			}
		}
		signed[i] ^= 1 << (i % 8)
	}
}

// TestAuthenticodeSmallHeader is an optional header that ends before the directory
// of the certificate table, and one that says it has more than it has.
func TestAuthenticodeSmallHeader(t *testing.T) {
	for _, size := range []uint16{70, 100, 111, 0xf8} {
		b := twoSections()
		binary.LittleEndian.PutUint16(b[peOptionalSize:], size)
		binary.LittleEndian.PutUint32(b[peSizeOfHeaders:], 512)
		_, err := uki.OpenAuthenticode(bytes.NewReader(b), int64(len(b)))
		assert.ErrorIs(t, err, uki.ErrNotHashable, "%d bytes", size)
	}
}

// TestVmlinuxMachines are those of ELF that boot by EFI.
func TestVmlinuxMachines(t *testing.T) {
	for e, want := range map[uint16]uint16{
		3: uki.MachineIA32, 40: uki.MachineARM, 62: uki.MachineX64, 183: uki.MachineAA64, 243: uki.MachineRISCV64, 258: uki.MachineLoongArch64,
		22: 0, // s390
	} {
		file := elf(binary.LittleEndian, e, 0x100, 0x20)
		k, err := uki.OpenKernel(bytes.NewReader(file), int64(len(file)))
		require.NoError(t, err)
		assert.Equal(t, want, k.Machine, e)
	}
}

// TestWhatFormatsCan is asked before a kernel is started in another way than now.
func TestWhatFormatsCan(t *testing.T) {
	for format, want := range map[uki.Format]bool{
		uki.FormatBzImage: true, uki.FormatImage: true, uki.FormatZBoot: true, uki.FormatELF: false, uki.FormatPE: false,
	} {
		assert.Equal(t, want, uki.Kernel{Format: format}.HasStub(), format)
	}
	const fiveLevels = 1 << 5 // XLF_5LEVEL, Documentation/arch/x86/boot.rst
	assert.True(t, uki.Kernel{Format: uki.FormatBzImage, XLoadFlags: fiveLevels | 3}.Takes5Level())
	assert.False(t, uki.Kernel{Format: uki.FormatBzImage, XLoadFlags: 3}.Takes5Level())
	assert.True(t, uki.Kernel{Format: uki.FormatImage}.Takes5Level())
}

// TestProfileSections are all that a profile is measured from, its own first.
func TestProfileSections(t *testing.T) {
	names := func(m *uki.Image, n int) (out []string) {
		p, err := m.Profile(n)
		require.NoError(t, err)
		for _, s := range p.Sections() {
			out = append(out, s.Name)
		}
		return out
	}
	m := parse(t, sampleUKI().Bytes())
	base := []string{".sdmagic", ".osrel", ".cmdline", ".uname", ".linux", ".initrd"}
	assert.Equal(t, slices.Concat([]string{".profile"}, base), names(m, 0))
	assert.Equal(t, slices.Concat([]string{".profile", ".cmdline"}, base), names(m, 1))
	assert.Equal(t, slices.Concat([]string{".profile", ".cmdline", ".initrd", ".ucode"}, base), names(m, 2))
	plain := parse(t, fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".linux", "k")}}.Bytes())
	assert.Equal(t, []string{".linux"}, names(plain, 0))
}
