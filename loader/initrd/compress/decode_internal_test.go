package compress

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func packedFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

// What bzip2, lz4, lzop, xz and zstd write with less usual options.
func TestDecodeFilesOfTheTools(t *testing.T) {
	for name, f := range map[string]Format{
		"blocks.xz": XZ, "nocheck.xz": XZ, "blocks.lzma": LZMA, "blocks.lzo": LZO,
		"nocheck.zst": Zstd, "long.zst": Zstd, "stream.zst": Zstd, "blocks.lz4": LZ4,
	} {
		t.Run(name, func(t *testing.T) {
			b := packedFile(t, name)
			// An lz4 stream ends at zeros only.
			got, end, err := decodeAll(f, append(bytes.Clone(b), "\x00\x00\x00\x00 and more"...))
			require.NoError(t, err)
			assert.EqualValues(t, len(b), end)
			assert.Equal(t, "2b69e3fe5f670bc5", sum16(got))
		})
	}
}

func sum16(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b))[:16] }

// The kernel takes one stream at a time; so do we, though the libraries would
// go on to the next.
func TestDecodeStopsBehindTheFirstStream(t *testing.T) {
	for name, f := range map[string]Format{"two.bz2": Bzip2, "two.gz": Gzip} {
		b := packedFile(t, name)
		got, end, err := decodeAll(f, b)
		require.NoError(t, err, name)
		assert.EqualValues(t, len(b)/2, end, name)
		assert.Len(t, got, 516, name)
	}
}

func TestDecodeRefuses(t *testing.T) {
	lzmaDict := packedFile(t, "blocks.lzma")
	binary.LittleEndian.PutUint32(lzmaDict[1:], 1<<30)
	badSum := packedFile(t, "sample.cpio.xz")
	badSum[len(badSum)-12-12-4] ^= 1 // in front of index and footer
	lzopSize := packedFile(t, "sample.cpio.lzo")
	at := bytes.Index(lzopSize, []byte{0, 0, 2, 4})
	lzopSize[at+3]++
	zstdWindow := packedFile(t, "stream.zst")
	zstdWindow[5] = 0xff
	for name, tc := range map[string]struct {
		format Format
		data   []byte
		err    string
	}{
		"xz with a filter":            {XZ, packedFile(t, "arm.xz"), "xz with the filter arm cannot be decoded here"},
		"xz with two filters":         {XZ, packedFile(t, "delta-x86.xz"), "xz with the filter x86 cannot be decoded here"},
		"xz with a wrong checksum":    {XZ, badSum, "xz checksum mismatch"},
		"lzma with a huge dictionary": {LZMA, lzmaDict, "dictionary"},
		"lzop with a wrong size":      {LZO, lzopSize, "EOF"},
		"lzop without sums":           {LZO, packedFile(t, "nosums.lzo"), "one checksum a block"},
		"zstd with a huge window":     {Zstd, zstdWindow, "window"},
		"a format without a decoder":  {ODC, []byte("070707"), `no decoder for "cpio-odc"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := decodeAll(tc.format, tc.data)
			require.ErrorContains(t, err, tc.err)
		})
	}
}

// An xz dictionary of 4 GiB in the header costs nothing: the content is small.
func TestDecodeXZDictionaryIsNotBelieved(t *testing.T) {
	b := packedFile(t, "sample.cpio.xz")
	p := &picker{r: bytes.NewReader(b), limit: int64(len(b))}
	blk, ok := xzNext(p)
	require.True(t, ok)
	assert.EqualValues(t, 8<<20, blk.dict)
	assert.EqualValues(t, 516, blk.content)
	assert.EqualValues(t, xzCRC32, blk.check)
}

func TestXZCheckSize(t *testing.T) {
	for check, want := range map[byte]int64{0: 0, 1: 4, 2: 4, 3: 4, 4: 8, 6: 8, 7: 16, 10: 32, 12: 32, 13: 64, 15: 64} {
		assert.Equal(t, want, xzCheckSize(check), check)
	}
}

// Wherever a stream is cut, its end is not found, and what was measured whole
// can be decoded whole.
func TestFrameCutAnywhere(t *testing.T) {
	for name, f := range map[string]Format{"sample.cpio.xz": XZ, "sample.cpio.zst": Zstd, "sample.cpio.lzo": LZO, "blocks.xz": XZ} {
		b := packedFile(t, name)
		for n := range len(b) {
			_, err := frameEnd(f, bytes.NewReader(b[:n]), 0, int64(n))
			require.Error(t, err, "%s, %d bytes", name, n)
		}
		fr, err := frameEnd(f, bytes.NewReader(b), 0, int64(len(b)))
		require.NoError(t, err)
		assert.Equal(t, frame{int64(len(b)), true}, fr)
	}
}

func TestFrameDamage(t *testing.T) {
	xz, zst, lzo := packedFile(t, "sample.cpio.xz"), packedFile(t, "sample.cpio.zst"), packedFile(t, "sample.cpio.lzo")
	flip := func(b []byte, at int, to byte) []byte {
		b = bytes.Clone(b)
		b[at] = to
		return b
	}
	for name, tc := range map[string]struct {
		format Format
		data   []byte
		want   string
	}{
		"xz flags":          {XZ, flip(xz, 6, 1), "stream flags"},
		"xz chunk":          {XZ, flip(xz, 24, 3), "LZMA2 chunk"},
		"xz header":         {XZ, flip(xz, 8, xz[8]^1), "checksum of an xz header"},
		"xz block header":   {XZ, flip(xz, 12+11, xz[12+11]^1), "checksum of an xz header"},
		"xz index":          {XZ, flip(xz, len(xz)-12-1, xz[len(xz)-12-1]^1), "checksum of an xz header"},
		"xz footer's sum":   {XZ, flip(xz, len(xz)-12, xz[len(xz)-12]^1), "another stream"},
		"xz footer":         {XZ, flip(xz, len(xz)-1, 0), "footer"},
		"xz endless number": {XZ, append(bytes.Clone(xz[:12]), append([]byte{2, 0}, bytes.Repeat([]byte{0xff}, 30)...)...), "does not end"},
		"zstd block kind":   {Zstd, flip(zst, 7, zst[7]|6), "reserved"},
		"lzop block":        {LZO, append(bytes.Clone(lzo[:len(lzo)-4]), 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0), "lzop"},
		"lz4 block":         {LZ4, []byte(LZ4Magic + "\xff\xff\xff\xff"), "larger than lz4 allows"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := frameEnd(tc.format, bytes.NewReader(tc.data), 0, int64(len(tc.data)))
			var f *fault
			require.ErrorAs(t, err, &f)
			assert.Equal(t, "stream-damaged", f.id)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestLZ4FrameEnds(t *testing.T) {
	one := LZ4Magic + "\x03\x00\x00\x00abc"
	for data, want := range map[string]int{
		one:                           len(one),
		one + "\x00\x00\x00\x00":      len(one),
		one + "\x00":                  len(one),
		one + "\x00\x00\x00\x00x":     len(one),
		one + one:                     2 * len(one),
		one + one + "\x00\x00\x00":    2 * len(one),
		LZ4Magic:                      4,
		LZ4Magic + LZ4Magic + one[4:]: 4 + len(one),
	} {
		fr, err := frameEnd(LZ4, bytes.NewReader([]byte(data)), 0, int64(len(data)))
		require.NoError(t, err)
		assert.EqualValues(t, want, fr.end, "%q", data)
	}
}

func TestBzip2Ends(t *testing.T) {
	b := packedFile(t, "two.bz2")
	last, found := [11]byte{}, []int(nil)
	for i, c := range b {
		copy(last[:], last[1:])
		last[10] = c
		if bzip2Ends(last[:]) {
			found = append(found, i+1)
		}
	}
	assert.Equal(t, []int{len(b) / 2, len(b)}, found)
}

func TestPickerPastItsLimit(t *testing.T) {
	p := &picker{r: bytes.NewReader([]byte("abcdefgh")), limit: 6}
	assert.EqualValues(t, 'a', p.u8())
	p.skip(3)
	assert.EqualValues(t, "ef", p.bytes(2))
	assert.Zero(t, p.u8())
	require.ErrorIs(t, p.err, io.ErrUnexpectedEOF)
	p.fail("other", "is not told")
	require.ErrorIs(t, p.err, io.ErrUnexpectedEOF)
	for _, n := range []int64{-1, 9, 1 << 62} {
		p := &picker{r: bytes.NewReader(nil), limit: 8}
		p.skip(n)
		require.Error(t, p.err)
		assert.Zero(t, p.pos)
	}
}

// broken fails after some bytes, as a disk does.
type broken struct{ r io.ReaderAt }

var errDisk = errors.New("disk")

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 40 {
		return 0, errDisk
	}
	return b.r.ReadAt(p, off)
}

func TestDecodeReadErrors(t *testing.T) {
	for _, name := range []string{"gz", "xz", "lzo", "lz4", "zst", "bz2", "lzma"} {
		b := packedFile(t, "sample.cpio."+name)
		f := Detect(b)
		fr, err := frameEnd(f, bytes.NewReader(b), 0, int64(len(b)))
		require.NoError(t, err)
		d, err := decode(f, broken{bytes.NewReader(b)}, 0, fr)
		if err == nil {
			_, err = io.Copy(io.Discard, d)
			d.close()
		}
		require.ErrorIs(t, err, errDisk, name)
	}
}

func TestDetect(t *testing.T) {
	for head, want := range map[string]Format{
		"070701": Newc, "070702": Newc, "070707": ODC, "070703": "", "\x1f\x8b\x08": Gzip, "BZh9": Bzip2, "\x5d\x00\x00": LZMA,
		"\xfd7zXZ\x00": XZ, "\x89LZO": LZO, LZ4Magic: LZ4, "\x28\xb5\x2f\xfd": Zstd, "\x04\x22\x4d\x18": LZ4Frame,
		"": "", "\x1f": "", "\x00\x00": "", "MZ": "", "hello": "",
	} {
		assert.Equal(t, want, Detect([]byte(head)), "%q", head)
	}
}

func TestKernelOption(t *testing.T) {
	options := map[string]bool{}
	for _, f := range []Format{Gzip, Bzip2, LZMA, XZ, LZO, LZ4, Zstd} {
		assert.True(t, f.Compressed())
		options[f.KernelOption()] = true
		assert.Regexp(t, "^CONFIG_RD_", f.KernelOption())
	}
	assert.Len(t, options, 7)
	for _, f := range []Format{Newc, Config, Zeros, ODC, LZ4Frame, ""} {
		assert.False(t, f.Compressed())
		assert.Empty(t, f.KernelOption())
	}
}
