package compress

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
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
		"xz with two filters":         {XZ, packedFile(t, "delta-x86.xz"), "more filters than one"},
		"xz with a wrong checksum":    {XZ, badSum, "corrupt"},
		"lzma with a huge dictionary": {LZMA, lzmaDict, "dictionary"},
		"lzop with a wrong size":      {LZO, lzopSize, "EOF"},
		"lzop without sums":           {LZO, packedFile(t, "nosums.lzo"), "one checksum a block"},
		"zstd with a huge window":     {Zstd, zstdWindow, "window"},
		"a format without a decoder":  {LZ4Frame, []byte("\x04\x22\x4d\x18"), `no decoder for "lz4-frame"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := decodeAll(tc.format, tc.data)
			require.ErrorContains(t, err, tc.err)
		})
	}
}

// Wherever a stream is cut, its end is not found, and what was measured whole
// can be decoded whole.
func TestFrameCutAnywhere(t *testing.T) {
	for name, f := range map[string]Format{"sample.cpio.xz": XZ, "sample.cpio.zst": Zstd, "sample.cpio.lzo": LZO, "blocks.xz": XZ} {
		b := packedFile(t, name)
		for n := range len(b) {
			_, err := measure(f, b[:n])
			require.Error(t, err, "%s, %d bytes", name, n)
		}
		st, err := measure(f, b)
		require.NoError(t, err)
		assert.True(t, st.Known)
		assert.EqualValues(t, len(b), st.End)
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
		"xz flags":        {XZ, flip(xz, 6, 1), "checksum of an xz header"},
		"xz chunk":        {XZ, flip(xz, 24, 3), "LZMA2 chunk"},
		"xz header":       {XZ, flip(xz, 8, xz[8]^1), "checksum of an xz header"},
		"xz block header": {XZ, flip(xz, 12+11, xz[12+11]^1), "checksum of an xz header"},
		"xz index":        {XZ, flip(xz, len(xz)-12-1, xz[len(xz)-12-1]^1), "checksum of an xz header"},
		"xz footer's sum": {XZ, flip(xz, len(xz)-12, xz[len(xz)-12]^1), "another stream"},
		"xz footer":       {XZ, flip(xz, len(xz)-1, 0), "footer"},
		"zstd block kind": {Zstd, flip(zst, 7, zst[7]|6), "reserved"},
		"lzop block":      {LZO, append(bytes.Clone(lzo[:len(lzo)-4]), 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0), "lzop"},
		"lz4 block":       {LZ4, []byte(LZ4Magic + "\xff\xff\xff\xff"), "larger than lz4 allows"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := measure(tc.format, tc.data)
			var f *Fault
			require.ErrorAs(t, err, &f)
			assert.Equal(t, Damaged, f.ID)
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
		fr, err := measure(LZ4, []byte(data))
		require.NoError(t, err)
		assert.EqualValues(t, want, fr.End, "%q", data)
	}
}

func TestBzip2Ends(t *testing.T) {
	b := packedFile(t, "two.bz2")
	last, found := [11]byte{}, []int(nil)
	for i, c := range b {
		copy(last[:], last[1:])
		last[10] = c
		if _, ok := bzip2Find(last[:], bzip2End, 32); ok {
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
	p.fail("other", "is not reported")
	require.ErrorIs(t, p.err, io.ErrUnexpectedEOF)
	for _, n := range []int64{-1, 9, 1 << 62} {
		p := &picker{r: bytes.NewReader(nil), limit: 8}
		p.skip(n)
		require.Error(t, p.err)
		assert.Zero(t, p.pos)
	}
}

func TestDecodeReadErrors(t *testing.T) {
	for _, name := range []string{"gz", "xz", "lzo", "lz4", "zst", "bz2", "lzma"} {
		b := packedFile(t, "sample.cpio."+name)
		s := NewScanner(fixtures.BadDisk{ReaderAt: bytes.NewReader(b), From: 40})
		st, err := s.Measure(Detect(b), 0, int64(len(b)))
		if err == nil {
			var r io.Reader
			if r, err = s.Open(st); err == nil {
				_, err = io.Copy(io.Discard, r)
			}
		}
		s.Close()
		require.ErrorIs(t, err, fixtures.ErrDisk, name)
	}
}

func TestDetect(t *testing.T) {
	for head, want := range map[string]Format{
		"070701": "", "\x1f\x8b\x08": Gzip, "BZh9": Bzip2, "\x5d\x00\x00": LZMA,
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
	for _, f := range []Format{LZ4Frame, ""} {
		assert.False(t, f.Compressed())
		assert.Empty(t, f.KernelOption())
	}
}

// The library undoes the filters that the kernel has; nothing in the content
// shows that one was there.
func TestDecodeXZFilters(t *testing.T) {
	for _, name := range []string{"x86.xz", "arm.xz"} {
		got, _, err := decodeAll(XZ, packedFile(t, name))
		require.NoError(t, err, name)
		assert.NotEmpty(t, got)
		st, err := measure(XZ, packedFile(t, name))
		require.NoError(t, err)
		assert.Regexp(t, "^CONFIG_XZ_DEC_", st.Option)
	}
}

// One flipped bit anywhere in a header or trailer that the kernel compares.
func TestMeasureFlippedBits(t *testing.T) {
	for name, tc := range map[string]struct {
		format Format
		at     []int
	}{
		"sample.cpio.xz":  {XZ, []int{2, 3, 4, 5, 6, 7, 8, 12, 14, 20}},
		"sample.cpio.lzo": {LZO, []int{2, 3, 4, 5, 6, 7, 8}},
		"sample.cpio.gz":  {Gzip, []int{2}},
		"sample.cpio.bz2": {Bzip2, []int{2, 4, 5, 6, 7, 8, 9}},
		"sample.cpio.zst": {Zstd, []int{2, 3}},
		"sample.cpio.lz4": {LZ4, []int{2, 3}},
	} {
		b := packedFile(t, name)
		_, err := measure(tc.format, b)
		require.NoError(t, err, name)
		for _, at := range tc.at {
			b[at] ^= 1
			_, err := measure(tc.format, b)
			var f *Fault
			require.ErrorAs(t, err, &f, "%s, byte %d", name, at)
			b[at] ^= 1
		}
	}
}

func TestMeasureZstdWindow(t *testing.T) {
	for window, want := range map[byte]bool{0x80: true, 0x88: true, 0x89: false, 0x90: false, 0xff: false} {
		// 0x88 is 128 MiB; the lower three bits are eighths
		_, err := measure(Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0, window, 1, 0, 0})
		assert.Equal(t, want, err == nil, "%#x: %v", window, err)
	}
	_, err := measure(Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 1, 0, 0, 8, 1, 0, 0})
	require.ErrorContains(t, err, "window", "a single segment is a window of its content")
	_, err = measure(Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 1, 0x80, 7, 1, 0, 0})
	require.ErrorContains(t, err, "dictionary")
	_, err = measure(Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 8, 0x80, 1, 0, 0})
	require.ErrorContains(t, err, "reserved")
}

func TestLZ4Ends(t *testing.T) {
	literals := []byte("\xf0\x01abcdefghijklmnop")
	for block, want := range map[string]bool{
		string(literals):                           true,
		"\x10a\x01\x00" + string(literals):         true,
		"\x10a\x01\x00":                            false,
		"\x10a\x01\x00\x00":                        false, // less than 8 bytes after the literals
		"\x1fa\x01\x00\xff\x00" + string(literals): true,
		"":         false,
		"\x20a":    false,
		"\xf0":     false,
		"\xf0\xff": false,
	} {
		assert.Equal(t, want, lz4Ends([]byte(block)), "%q", block)
	}
}

// A checksum that the kernel does not compare is reported, after the content.
func TestChecksumOfTheKernelIsNotOurs(t *testing.T) {
	gz := packedFile(t, "sample.cpio.gz")
	gz[len(gz)-6] ^= 1
	lzo := packedFile(t, "sample.cpio.lzo")
	at := bytes.Index(lzo, []byte{0, 0, 2, 4}) + 8
	lzo[at] ^= 1
	for f, b := range map[Format][]byte{Gzip: gz, LZO: lzo} {
		got, end, err := decodeAll(f, b)
		var bad *Fault
		require.ErrorAs(t, err, &bad, f)
		assert.Equal(t, Checksum, bad.ID)
		assert.Len(t, got, 516)
		assert.EqualValues(t, len(b), end)
	}
}

// A table of bzip2 that is not complete: the library decodes by it, the kernel
// does not.
func TestBzip2Tables(t *testing.T) {
	b := packedFile(t, "sample.cpio.bz2")
	refused := 0
	for at := 30; at < 60; at++ {
		b[at] ^= 8
		if _, err := measure(Bzip2, b); err != nil {
			refused++
		}
		b[at] ^= 8
	}
	assert.Greater(t, refused, 5)
}

// Millions of streams of a few bytes do not ask for memory each.
func TestManyStreamsShareDecoders(t *testing.T) {
	for name, f := range map[string]Format{"gz": Gzip, "zst": Zstd, "xz": XZ, "lz4": LZ4, "lzo": LZO} {
		b := packedFile(t, "sample.cpio."+name)
		s := NewScanner(bytes.NewReader(b))
		per := testing.AllocsPerRun(50, func() {
			st, err := s.Measure(f, 0, int64(len(b)))
			require.NoError(t, err)
			r, err := s.Open(st)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, r)
			require.NoError(t, err)
		})
		s.Close()
		assert.Less(t, per, 60.0, name)
	}
}
