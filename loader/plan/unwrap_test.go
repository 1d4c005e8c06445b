package plan_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	icompress "github.com/kexec-bls/kexec-bls/loader/initrd/compress"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// compress packs a text as the kernel's build does for a format.
func compress(t testing.TB, text, format string) string {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch format {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd22":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	case "xzkern":
		w, err = xz.WriterConfig{CheckSum: xz.CRC32}.NewWriter(&out)
	case "lzma":
		w, err = lzma.WriterConfig{EOSMarker: true}.NewWriter(&out)
	case "lz4":
		z := lz4.NewWriter(&out)
		err = z.Apply(lz4.LegacyOption(true))
		w = z
	}
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

// armImage is a flat kernel of some size that compresses, but not to nothing.
func armImage() string {
	b := fixtures.FlatImage{Magic: "ARM\x64", MemorySize: 1 << 20, Size: 300 << 10}.Bytes()
	for i := 64; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(i)*0x9e3779b97f4a7c15>>40)
	}
	return string(b)
}

func zboot(compression, payload string) string {
	return string(fixtures.ZBoot{Machine: uki.MachineAA64, Compression: compression, Payload: []byte(payload)}.Bytes())
}

// TestUnwrap: what is inside reaches the kernel, whatever is around it.
func TestUnwrap(t *testing.T) {
	inner := armImage()
	for _, name := range []string{"gzip", "zstd22", "xzkern", "lz4", "lzma"} {
		t.Run(name, func(t *testing.T) {
			packed := compress(t, inner, name)
			images := map[string]string{
				"compressed": packed, "in a UKI": image(".linux", packed),
				"zboot": zboot(name, packed), "zboot in a UKI": image(".linux", zboot(name, packed)),
			}
			for wrapping, file := range images {
				entry := "linux /v\n"
				if strings.HasSuffix(wrapping, "UKI") {
					entry = "uki /v\n"
				}
				p := make1(t, partition(t, map[string]string{"v": file}), entry, plan.Firmware{})
				assert.Contains(t, p.Kernel.Name, "/boot/v", "it names where it is from")
				assert.Contains(t, p.Kernel.Name, "unpacked: ")
				k, err := p.Inspect("arm64")
				require.NoError(t, err, wrapping)
				assert.Equal(t, uki.FormatImage, k.Format)
				m, err := p.Image(nil)
				require.NoError(t, err)
				assert.Equal(t, inner, content(t, m.Kernel, int64(len(inner))+1), wrapping)
				_, err = m.Kernel.WriteAt([]byte("x"), 0)
				require.Error(t, err, "sealed")
				require.NoError(t, m.Close())
				stamps, err := p.Hash()
				require.NoError(t, err)
				require.Len(t, stamps, 1)
				assert.EqualValues(t, "/boot/v", stamps[0].Path, "the receipt has the file, not the memory")
			}
		})
	}
}

func TestUnwrapBroken(t *testing.T) {
	gz := compress(t, armImage(), "gzip")
	zst := compress(t, armImage(), "zstd22")
	half := len(gz) / 2
	flipped := []byte(gz)
	flipped[half] ^= 0xff
	for name, file := range map[string]string{
		"gzip cut": gz[:half], "zstd cut": zst[:half], "gzip damaged": string(flipped), "zboot damaged": zboot("gzip", string(flipped)),
		"zboot of another kind": zboot("gzip", zst), "lz4 frame": "\x04\x22\x4d\x18" + zst, "empty": compress(t, "", "gzip"),
	} {
		_, err := plan.Make(type1(t, "linux /v\n"), partition(t, map[string]string{"v": file}), plan.Firmware{}, plan.Options{})
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), "/boot/v: ", name)
	}
	// A zboot image that is cut short is told by its header.
	whole := zboot("gzip", gz)
	for n := 4096; n < len(whole); n += 4096 {
		p := make1(t, partition(t, map[string]string{"v": whole[:n]}), "linux /v\n", plan.Firmware{})
		_, err := p.Inspect("arm64")
		require.ErrorIs(t, err, uki.ErrTruncated)
	}
	twice := make1(t, partition(t, map[string]string{"v": compress(t, gz, "gzip")}), "linux /v\n", plan.Firmware{})
	_, err := twice.Inspect("arm64")
	require.ErrorIs(t, err, uki.ErrCannotKexec)
}

// TestUnwrapGivenFile: a kernel given by its path is unpacked as well.
func TestUnwrapGivenFile(t *testing.T) {
	p, err := plan.OfFiles(partition(t, map[string]string{"v": compress(t, armImage(), "gzip"), "i": "i"}), "/v", []string{"/i"}, plan.Options{})
	require.NoError(t, err)
	defer p.Close()
	k, err := p.Inspect("arm64")
	require.NoError(t, err)
	assert.Equal(t, uki.FormatImage, k.Format)
	assert.Len(t, p.Initrd, 1)
	_, err = p.Inspect("amd64")
	require.ErrorIs(t, err, uki.ErrCannotKexec)
}

// TestUnwrapLimit: half of the memory that is available, at most.
func TestUnwrapLimit(t *testing.T) {
	src := partition(t, map[string]string{"v": compress(t, armImage(), "gzip")})
	size := int64(len(armImage()))
	for available, want := range map[int64]error{0: nil, 2 * size: nil, 2*size - 2: icompress.ErrLimit} {
		p, err := plan.OfFiles(src, "/v", nil, plan.Options{MemAvailable: available})
		require.ErrorIs(t, err, want)
		if want == nil {
			require.NoError(t, p.Close())
		}
	}
}

// TestVersionOnly reads no more than the version takes: the rest may be damaged,
// or larger than the memory.
func TestVersionOnly(t *testing.T) {
	inner := []byte(armImage())
	copy(inner[1000:], "Linux version 6.12.1 (x) #1\n")
	for _, format := range []string{"gzip", "zstd22", "xzkern", "lz4", "lzma"} {
		packed := compress(t, string(inner)+strings.Repeat(string(inner), 20), format)
		for name, file := range map[string]string{"compressed": packed, "zboot": zboot(format, packed)} {
			p, err := plan.OfFiles(partition(t, map[string]string{"v": file}), "/v", nil, plan.Options{MemAvailable: 4 << 20, VersionOnly: true})
			require.NoError(t, err, "%s, %s", name, format)
			k, err := p.Inspect("arm64")
			require.NoError(t, err, "%s, %s", name, format)
			assert.Equal(t, "6.12.1 (x) #1", k.Version)
			assert.Equal(t, "/boot/v", p.Kernel.Name, "nothing was unpacked")
			require.NoError(t, p.Close())
			_, err = plan.OfFiles(partition(t, map[string]string{"v": file}), "/v", nil, plan.Options{MemAvailable: 4 << 20})
			require.ErrorIs(t, err, icompress.ErrLimit)
		}
	}
	_, err := plan.OfFiles(partition(t, map[string]string{"v": compress(t, armImage(), "gzip")[:500]}), "/v", nil, plan.Options{VersionOnly: true})
	require.Error(t, err, "cut before the version")
	p, err := plan.OfFiles(partition(t, map[string]string{"v": compress(t, armImage(), "gzip")}), "/v", nil, plan.Options{VersionOnly: true})
	require.NoError(t, err)
	defer p.Close()
	k, err := p.Inspect("arm64")
	require.NoError(t, err)
	assert.Empty(t, k.Version)
}
