package uki_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenKernel(t *testing.T) {
	payload := []byte("\x1f\x8bcompressed")
	zboot := fixtures.ZBoot{Machine: uki.MachineAA64, Compression: "gzip", Payload: payload}.Bytes()
	for _, tt := range []struct {
		name string
		file []byte
		want uki.Kernel
	}{
		{
			"bzImage",
			fixtures.BzImage{Version: "6.12.1 (build@host) #1"}.Bytes(),
			uki.Kernel{
				Format: uki.FormatBzImage, Machine: uki.MachineX64, MemorySize: 0x1000000,
				Version: "6.12.1 (build@host) #1", Protocol: 0x20f, CmdlineSize: 2047,
				LoadFlags: 1, XLoadFlags: 0x7f,
			},
		},
		{
			"zboot",
			zboot,
			uki.Kernel{
				Format: uki.FormatZBoot, Machine: uki.MachineAA64, Compression: uki.Gzip,
				Payload: 512, PayloadSize: int64(len(payload)),
			},
		},
		{
			"arm64 Image",
			fixtures.FlatImage{Magic: "ARM\x64", MemorySize: 1 << 20}.Bytes(),
			uki.Kernel{Format: uki.FormatImage, Machine: uki.MachineAA64, MemorySize: 1 << 20},
		},
		{
			"riscv64 Image",
			fixtures.FlatImage{Magic: "RSC\x05", MemorySize: 1 << 20}.Bytes(),
			uki.Kernel{Format: uki.FormatImage, Machine: uki.MachineRISCV64, MemorySize: 1 << 20},
		},
		{
			"arm64 Image with an EFI stub",
			flatWithStub("ARM\x64"),
			uki.Kernel{Format: uki.FormatImage, Machine: uki.MachineAA64, MemorySize: 1 << 20},
		},
		{
			"loongarch64 image",
			flatWithStub("\xcd\x23\x82\x81"),
			uki.Kernel{Format: uki.FormatImage, Machine: uki.MachineLoongArch64, MemorySize: 1 << 20},
		},
		{
			"vmlinux",
			elf(binary.LittleEndian, 183, 0x100, 0x20),
			uki.Kernel{Format: uki.FormatELF, Machine: uki.MachineAA64},
		},
		{
			"vmlinux of ppc64, big-endian",
			elf(binary.BigEndian, 21, 0x100, 0x20),
			uki.Kernel{Format: uki.FormatELF},
		},
		{
			"32-bit vmlinux",
			append([]byte("\x7fELF\x01\x01"), make([]byte, 64)...),
			uki.Kernel{Format: uki.FormatELF},
		},
		{
			"UKI",
			sampleUKI().Bytes(),
			uki.Kernel{Format: uki.FormatPE, Machine: uki.MachineX64},
		},
		{
			"Image.gz",
			[]byte("\x1f\x8b\x08 and so on"),
			uki.Kernel{Format: uki.FormatCompressed, Compression: uki.Gzip, PayloadSize: 13},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := openKernel(tt.file)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

// openKernel has the fuzz property in it: no result, or no error.
func openKernel(b []byte) (uki.Kernel, error) {
	k, err := uki.OpenKernel(bytes.NewReader(b), int64(len(b)))
	if (err != nil) != (k == uki.Kernel{}) {
		return k, errors.New("result and error at once")
	}
	return k, err
}

func TestOpenKernelRefuses(t *testing.T) {
	bz := fixtures.BzImage{Size: 1 << 16}.Bytes()
	zboot := fixtures.ZBoot{Compression: "zstd22", Payload: make([]byte, 2000)}.Bytes()
	change := func(b []byte, at int, v uint32) []byte {
		b = bytes.Clone(b)
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	for _, tt := range []struct {
		name string
		file []byte
		want error
	}{
		{"empty file", nil, uki.ErrNotKernel},
		{"text", []byte("not a kernel at all"), uki.ErrNotKernel},
		{"zeros", make([]byte, 4096), uki.ErrNotKernel},
		{"MZ and nothing else", []byte("MZ"), uki.ErrTruncated},
		{"bzImage cut in half", bz[:1<<15], uki.ErrTruncated},
		{"bzImage short of a byte", bz[:1<<16-1], uki.ErrTruncated},
		{"bzImage cut in its header", bz[:0x240], uki.ErrTruncated},
		{"zboot cut in its payload", zboot[:1024], uki.ErrTruncated},
		{"zboot cut in its padding", zboot[:len(zboot)-1], uki.ErrTruncated},
		{"zboot cut in its header", zboot[:20], uki.ErrTruncated},
		{"zboot payload a byte too long", change(zboot, 12, uint32(len(zboot)-512+1)), uki.ErrTruncated},
		{"zboot payload far outside", change(zboot, 8, math.MaxUint32), uki.ErrTruncated},
		{"zboot payload far too long", change(zboot, 12, math.MaxUint32), uki.ErrTruncated},
		{"UKI cut short", sampleUKI().Bytes()[:4096], uki.ErrTruncated},
		{"Image cut in its header", fixtures.FlatImage{Magic: "ARM\x64"}.Bytes()[:60], uki.ErrTruncated},
		{"Image with an EFI stub, cut", flatWithStub("ARM\x64")[:1000], uki.ErrTruncated},
		{"Image of size 0", fixtures.FlatImage{Magic: "ARM\x64"}.Bytes(), uki.ErrNotKernel},
		{"Image larger than memory", fixtures.FlatImage{Magic: "RSC\x05", MemorySize: math.MaxUint64}.Bytes(), uki.ErrNotKernel},
		{"vmlinux cut in its header", elf(binary.LittleEndian, 62, 0, 1)[:40], uki.ErrTruncated},
		{"vmlinux cut in its headers", elf(binary.LittleEndian, 62, 0, 1)[:80], uki.ErrTruncated},
		{"vmlinux with a segment outside", elf(binary.LittleEndian, 62, 0x100, 0x101), uki.ErrTruncated},
		{"vmlinux with a segment that wraps", elf(binary.LittleEndian, 62, math.MaxUint64, 2), uki.ErrTruncated},
		{"object file", change(elf(binary.LittleEndian, 62, 0, 1), 56, 0), uki.ErrNotKernel},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := openKernel(tt.file)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func TestOpenKernelReadError(t *testing.T) {
	broken := errors.New("input/output error")
	_, err := uki.OpenKernel(failing{broken}, 1<<20)
	require.ErrorIs(t, err, broken)
	_, err = uki.OpenKernel(failing{broken}, -1)
	require.ErrorIs(t, err, uki.ErrNotKernel)
}

// A kernel with an EFI stub that was signed ends with its signature.
func TestBzImageSignature(t *testing.T) {
	bz := fixtures.BzImage{Size: 1 << 16}.Bytes()
	stub := fixtures.PE{}.Bytes()
	copy(bz, stub[:0x1f1]) // the setup header starts there
	end := uint32(len(bz))
	binary.LittleEndian.PutUint32(bz[signatureAt:], end)
	binary.LittleEndian.PutUint32(bz[signatureAt+4:], 100)
	bz = append(bz, make([]byte, 100)...)

	_, err := openKernel(bz)
	require.NoError(t, err)
	_, err = openKernel(bz[:len(bz)-1])
	require.ErrorIs(t, err, uki.ErrTruncated)
	binary.LittleEndian.PutUint16(bz[sectionCountAt:], math.MaxUint16)
	_, err = openKernel(bz)
	require.ErrorIs(t, err, uki.ErrTruncated)
}

// Fields are read only from a setup header whose protocol has them. Whether a
// kernel has 64 bits is one.
func TestBzImageProtocol(t *testing.T) {
	for protocol, want := range map[uint16]uki.Kernel{
		0x205: {},
		0x206: {CmdlineSize: 2047},
		0x20a: {CmdlineSize: 2047, MemorySize: 0x1000000},
		0x20c: {CmdlineSize: 2047, MemorySize: 0x1000000, XLoadFlags: 0x7f, Machine: uki.MachineX64},
	} {
		b := fixtures.BzImage{}.Bytes()
		binary.LittleEndian.PutUint16(b[0x206:], protocol)
		got, err := openKernel(b)
		require.NoError(t, err)
		want.Format, want.Protocol, want.LoadFlags = uki.FormatBzImage, protocol, 1
		assert.Equal(t, want, got)
	}
}

func TestBzImageVersion(t *testing.T) {
	for _, tt := range []struct {
		name    string
		pointer uint16
		text    string
		want    string
	}{
		{"in the setup code", 0x200, "6.1.0", "6.1.0"},
		{"none", 0, "6.1.0", ""},
		{"outside the setup code", 0x800, "6.1.0", ""},
		{"far outside", 0xffff, "6.1.0", ""},
		{"without an end", 0x200, strings.Repeat("6", 2000), strings.Repeat("6", 256)},
		{"at the end of the setup code", 0x7fe, "6.1.0", "6."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := fixtures.BzImage{}.Bytes()
			binary.LittleEndian.PutUint16(b[0x20e:], tt.pointer)
			if tt.pointer > 0 {
				copy(b[min(int(tt.pointer)+0x200, len(b)):], tt.text)
			}
			k, err := openKernel(b)
			require.NoError(t, err)
			assert.Equal(t, tt.want, k.Version)
		})
	}
}

// A setup_sects of 0 means 4.
func TestBzImageSetupSects(t *testing.T) {
	b := fixtures.BzImage{}.Bytes()
	b[0x1f1] = 0
	_, err := openKernel(b)
	require.NoError(t, err)
	_, err = openKernel(b[:len(b)-1])
	require.ErrorIs(t, err, uki.ErrTruncated)
}

func TestKexecable(t *testing.T) {
	bz, err := openKernel(fixtures.BzImage{}.Bytes())
	require.NoError(t, err)
	for _, tt := range []struct {
		name    string
		change  func(*uki.Kernel)
		machine uint16
		want    string // of the error
	}{
		{"as built", func(*uki.Kernel) {}, uki.MachineX64, ""},
		{"another machine", func(*uki.Kernel) {}, uki.MachineAA64, "made for x64, this machine is aa64"},
		{"a machine EFI does not know", func(k *uki.Kernel) { k.Machine = 0x1f0 }, uki.MachineAA64, "made for machine 0x1f0"},
		{"32-bit kernel", func(k *uki.Kernel) { k.Machine = uki.MachineIA32 }, uki.MachineX64, "made for ia32"},
		{"old protocol", func(k *uki.Kernel) { k.Protocol = 0x20b }, uki.MachineX64, "boot protocol 2.11"},
		{"zImage", func(k *uki.Kernel) { k.LoadFlags = 0 }, uki.MachineX64, "zImage"},
		{"below 4 GiB only", func(k *uki.Kernel) { k.XLoadFlags = 1 }, uki.MachineX64, "above 4 GiB"},
		{"unknown machine in an Image.gz", func(k *uki.Kernel) { *k = uki.Kernel{Format: uki.FormatCompressed} }, uki.MachineX64, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := bz
			tt.change(&k)
			err := k.Kexecable(tt.machine)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, uki.ErrCannotKexec)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestCompression(t *testing.T) {
	for magic, want := range map[string]uki.Compression{
		"\x1f\x8b\x08":                         uki.Gzip,
		"BZh9":                                 uki.Bzip2,
		"\x5d\x00\x00\x80":                     uki.LZMA,
		"\xfd7zXZ\x00\x00":                     uki.XZ,
		"\x89LZO\x00\r\n\x1a\n":                uki.LZO,
		"\x02\x21\x4c\x18":                     uki.LZ4,
		"\x04\x22\x4d\x18":                     uki.LZ4Frame,
		"\x28\xb5\x2f\xfd and much more of it": uki.Zstd,
		"\x28\xb5\x2f":                         "",
		"":                                     "",
		"070701":                               "",
	} {
		assert.Equal(t, want, uki.DetectCompression([]byte(magic)), "%q", magic)
	}
}

func TestZBootCompression(t *testing.T) {
	for name, want := range map[string]uki.Compression{
		"gzip": uki.Gzip, "lzma": uki.LZMA, "lzo": uki.LZO, "lz4": uki.LZ4,
		"xzkern": uki.XZ, "xz": uki.XZ, "zstd22": uki.Zstd, "zstd": uki.Zstd,
	} {
		k, err := openKernel(fixtures.ZBoot{Compression: name, Payload: []byte("x")}.Bytes())
		require.NoError(t, err, name)
		assert.Equal(t, want, k.Compression, name)
	}
	for _, name := range []string{"", "brotli", "GZIP"} {
		_, err := openKernel(fixtures.ZBoot{Compression: name, Payload: []byte("x")}.Bytes())
		assert.ErrorContains(t, err, "unknown compression", name)
	}
}

// flatWithStub builds a flat image that is an EFI program as well.
func flatWithStub(magic string) []byte {
	b := fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".text", "code")}}.Bytes()
	binary.LittleEndian.PutUint64(b[16:], 1<<20)
	copy(b[56:], magic)
	return b
}

// elf builds a 64-bit file of 512 bytes with one segment.
func elf(order binary.ByteOrder, machine uint16, offset, size uint64) []byte {
	b := make([]byte, 512)
	copy(b, "\x7fELF\x02\x01\x01")
	if order == binary.ByteOrder(binary.BigEndian) {
		b[5] = 2
	}
	order.PutUint16(b[18:], machine)
	order.PutUint64(b[32:], 64)
	order.PutUint16(b[54:], 56)
	order.PutUint16(b[56:], 1)
	order.PutUint32(b[64:], 1)
	order.PutUint64(b[72:], offset)
	order.PutUint64(b[96:], size)
	return b
}
