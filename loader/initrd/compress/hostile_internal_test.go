package compress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bitStream packs numbers of so many bits, as bzip2 does; zeros follow.
func bitStream(pairs ...uint64) []byte {
	var out []byte
	n := 0
	for i := 0; i < len(pairs); i += 2 {
		for bit := range pairs[i] {
			if n%8 == 0 {
				out = append(out, 0)
			}
			out[n/8] |= byte(pairs[i+1]>>(pairs[i]-1-bit)&1) << (7 - n%8)
			n++
		}
	}
	return append(out, make([]byte, 64)...)
}

// bzip2Head is a first block up to its tables: one symbol, so many tables, one
// selector, then lengths.
func bzip2Head(pairs ...uint64) string { return "BZh9" + string(bitStream(pairs...)) }

// xzSum appends a CRC32.
func xzSum(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)) }

// xzOf is a stream with a check, of one block with these flags and fields, and what
// comes after its header.
func xzOf(check byte, header []byte, rest string) string {
	out := append([]byte(XZMagic), append([]byte{0, check}, xzSum([]byte{0, check})[2:]...)...)
	size := (1 + len(header) + 3) &^ 3
	block := append([]byte{byte(size / 4)}, header...)
	block = append(block, make([]byte, size-len(block))...)
	return string(append(out, xzSum(block)...)) + rest
}

// TestHostileStreams has what no compressor writes and somebody may have put there:
// what the kernel refuses is refused, with the reason.
func TestHostileStreams(t *testing.T) {
	lz4 := func(s string) string { return LZ4Magic + s }
	const lzma2, dict = 0x21, 10
	chunk := "\x01\x00\x01ab" // of two bytes
	for name, tt := range map[string]struct {
		format Format
		data   string
		want   string // "" for none
	}{
		"bzip2 level 0":         {Bzip2, "BZh0" + bzip2Head(48, bzip2Block)[4:], "block size"},
		"bzip2 without a block": {Bzip2, bzip2Head(48, 1), "does not begin with a block"},
		"bzip2 empty":           {Bzip2, bzip2Head(48, bzip2End, 32, 0), ""},
		"bzip2 randomised":      {Bzip2, bzip2Head(48, bzip2Block, 32, 0, 1, 1), "randomised"},
		"bzip2 one table":       {Bzip2, bzip2Head(48, bzip2Block, 32, 0, 1, 0, 24, 0, 16, 0, 3, 1, 15, 1), "has no tables"},
		"bzip2 seven tables":    {Bzip2, bzip2Head(48, bzip2Block, 32, 0, 1, 0, 24, 0, 16, 0, 3, 7, 15, 1), "has no tables"},
		"bzip2 no selectors":    {Bzip2, bzip2Head(48, bzip2Block, 32, 0, 1, 0, 24, 0, 16, 0, 3, 2, 15, 0), "has no tables"},
		"bzip2 selector":        {Bzip2, bzip2Head(48, bzip2Block, 32, 0, 1, 0, 24, 0, 16, 0, 3, 2, 15, 1, 3, 6), "selector"},
		"bzip2 length 0":        {Bzip2, bzip2Head(48, bzip2Block, 32, 0, 1, 0, 24, 0, 16, 0, 3, 2, 15, 1, 1, 0, 5, 0), "code length"},
		"bzip2 length 21":       {Bzip2, bzip2Head(48, bzip2Block, 32, 0, 1, 0, 24, 0, 16, 0, 3, 2, 15, 1, 1, 0, 5, 20, 2, 2), "code length"},
		"bzip2 incomplete":      {Bzip2, bzip2Head(48, bzip2Block, 32, 0, 1, 0, 24, 0, 16, 0, 3, 2, 15, 1, 1, 0, 5, 20, 1, 0, 1, 0, 5, 1, 1, 0, 1, 0), "table of code lengths"},
		"bzip2 complete":        {Bzip2, bzip2Head(48, bzip2Block, 32, 0, 1, 0, 24, 0, 16, 0, 3, 2, 15, 1, 1, 0, 5, 1, 1, 0, 1, 0, 5, 1, 1, 0, 1, 0), ""},

		"gzip with a name":          {Gzip, "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03name\x00x", ""},
		"gzip with half a name":     {Gzip, "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03name", "cut off"},
		"gzip with a checksum":      {Gzip, "\x1f\x8b\x08\x02\x00\x00\x00\x00\x00\x03xx", "header checksum"},
		"gzip of another method":    {Gzip, "\x1f\x8b\x07\x00\x00\x00\x00\x00\x00\x03", "magic"},
		"lzma properties":           {LZMA, "\xe1\x00\x00\x10\x00" + string(make([]byte, 16)), "properties"},
		"lzma cut":                  {LZMA, "\x5d\x00\x00\x10\x00" + string(make([]byte, 12)), "cut off"},
		"lz4 block cut":             {LZ4, lz4("\x05\x00\x00\x00abc"), "cut off"},
		"lz4 nothing":               {LZ4, lz4(""), ""},
		"lz4 first block too large": {LZ4, lz4("\xff\xff\xff\x00abc"), "larger than lz4 allows"},
		"lz4 second too large":      {LZ4, lz4("\x01\x00\x00\x00a\xff\xff\xff\x7f"), ""}, // the first is unpacked

		"lzop of an old version":   {LZO, lzop(0x930, lzoAdlerData, "\x00\x00\x00\x00"), ""},
		"lzop with a filter":       {LZO, lzop(0x1030, lzoAdlerData|lzoFilter, "\x00\x00\x00\x00"), ""},
		"lzop with an extra field": {LZO, lzop(0x1030, lzoAdlerData|lzoExtra, "\xff\xff\xff\xff"), "extra field"},
		"lzop with two sums":       {LZO, lzop(0x1030, lzoAdlerData|lzoCRCData, "\xff\xff\xff\xff"), "one checksum a block"},
		"lzop without sums":        {LZO, lzop(0x1030, 0, "\xff\xff\xff\xff"), "one checksum a block"},
		"lzop content too large":   {LZO, lzop(0x1030, lzoAdlerData, "\x00\x04\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00x"), "lzop cannot have written"},
		"lzop block of nothing":    {LZO, lzop(0x1030, lzoAdlerData, "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"), "lzop cannot have written"},
		"lzop block that grew":     {LZO, lzop(0x1030, lzoAdlerData, "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00xx"), "lzop cannot have written"},

		"xz check 4":          {XZ, xzOf(4, nil, ""), "integrity check"},
		"xz check 16":         {XZ, xzOf(16, nil, ""), "flags that nobody knows"},
		"xz three filters":    {XZ, xzOf(1, []byte{2, 3, 0, 4, 0, lzma2, 1, dict}, ""), "more filters"},
		"xz filter delta":     {XZ, xzOf(1, []byte{1, 3, 1, 0, lzma2, 1, dict}, ""), "filter 0x3"},
		"xz filter with more": {XZ, xzOf(1, []byte{1, 4, 4, 0, 0, 0, 0, lzma2, 1, dict}, ""), "filter x86 and properties"},
		"xz filter alone":     {XZ, xzOf(1, []byte{0, 4, 0, 0}, ""), "LZMA2 as its last"},
		"xz LZMA2 with more":  {XZ, xzOf(1, []byte{0, lzma2, 2, dict, 0}, ""), "LZMA2 as its last"},
		"xz dictionary":       {XZ, xzOf(1, []byte{0, lzma2, 1, 40}, ""), "dictionary is larger"},
		"xz header padding":   {XZ, xzOf(1, []byte{0, lzma2, 1, dict, 0, 0, 1}, ""), "padding of an xz block header"},
		"xz number too long":  {XZ, xzOf(1, []byte{0x40, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 1}, ""), "number that does not end"},
		"xz number padded":    {XZ, xzOf(1, []byte{0x40, 0x80, 0x00, lzma2, 1, dict}, ""), "number that does not end"},
		"xz packed size":      {XZ, xzOf(1, []byte{0x40, 9, lzma2, 1, dict}, chunk+"\x00\x00\x00\x00\x00"), "as long as its header says"},
		"xz content size":     {XZ, xzOf(1, []byte{0x80, 2, lzma2, 1, dict}, chunk+"\x00\x00\x00\x00\x00"), ""},
		"xz wrong content":    {XZ, xzOf(1, []byte{0x80, 9, lzma2, 1, dict}, chunk+"\x00\x00\x00\x00\x00"), "as long as its header says"},
		"xz first chunk":      {XZ, xzOf(1, []byte{0, lzma2, 1, dict}, "\x02\x00\x01ab\x00"), "LZMA2 chunk"},
		"xz block padding":    {XZ, xzOf(1, []byte{0, lzma2, 1, dict}, chunk+"\x00\x01\x01"), "padding of an xz block"},
		"xz other index":      {XZ, xzOf(1, []byte{0, lzma2, 1, dict}, chunk+"\x00\x00\x00\x00\x00\x00\x00\x00"+"\x00\x01\x05\x02"), "belongs to other blocks"},
		"xz index of two":     {XZ, xzOf(1, []byte{0, lzma2, 1, dict}, chunk+"\x00\x00\x00\x00\x00\x00\x00\x00"+"\x00\x02\x05\x02\x05\x02"), "belongs to other blocks"},

		"zstd block too large": {Zstd, "\x28\xb5\x2f\xfd\x00\x00\x09\x40\x00" + string(make([]byte, 3000)), "larger than zstd allows"},
		"zstd reserved block":  {Zstd, "\x28\xb5\x2f\xfd\x00\x00\x07\x00\x00", "reserved kind"},
		"zstd repeated byte":   {Zstd, "\x28\xb5\x2f\xfd\x00\x00\x53\x00\x00x", ""},
		"zstd size in a byte":  {Zstd, "\x28\xb5\x2f\xfd\x20\x0a\x53\x00\x00x", ""},
		"zstd size in eight":   {Zstd, "\x28\xb5\x2f\xfd\xe0\x0a\x00\x00\x00\x00\x00\x00\x00\x53\x00\x00x", ""},
		"zstd size in two":     {Zstd, "\x28\xb5\x2f\xfd\x60\x00\x00\x53\x00\x00x", ""},
		"zstd huge in eight":   {Zstd, "\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x00\x00\x80\x53\x00\x00x", "window"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := measure(tt.format, []byte(tt.data))
			if tt.want == "" {
				var f *Fault
				if errors.As(err, &f) { // what is not complete may be cut off, no more
					assert.Equal(t, Truncated, f.ID, "%v", err)
				} else {
					assert.NoError(t, err)
				}
				return
			}
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// TestFlippedContent: no bit of a stream with a checksum can change so that other
// content comes out of it without an error.
func TestFlippedContent(t *testing.T) {
	for name, f := range map[string]Format{"gz": Gzip, "bz2": Bzip2, "xz": XZ, "lzo": LZO, "zst": Zstd} {
		b := packedFile(t, "sample.cpio."+name)
		want, _, err := decodeAll(f, b)
		require.NoError(t, err)
		for i := 0; i < len(b); i += 3 {
			bit := byte(1) << (i * 5 % 8)
			b[i] ^= bit
			if got, _, err := decodeAll(f, b); err == nil {
				require.True(t, bytes.Equal(want, got), "%s, byte %d", name, i)
			}
			b[i] ^= bit
		}
	}
}

// TestDecoderMemory: an image cannot make the decoders ask for more than there is.
func TestDecoderMemory(t *testing.T) {
	s := NewScanner(bytes.NewReader(nil))
	defer s.Close()
	st := Stream{Format: LZMA, Offset: 7}
	for range setupMax / (64 << 20) {
		require.NoError(t, s.allocate(st, 64<<20))
	}
	var f *Fault
	require.ErrorAs(t, s.allocate(st, 1), &f)
	assert.Equal(t, Unread, f.ID)
	assert.EqualValues(t, 7, f.At)

	_, err := s.Open(Stream{Format: XZ, dict: dictMax + 1})
	require.ErrorAs(t, err, &f)
	assert.Equal(t, Unread, f.ID)
	_, err = s.Open(Stream{Format: XZ, unread: "why"})
	require.EqualError(t, err, "why")
}

// TestLZMASmallContent: a dictionary that is larger than what it is for is not
// allocated, and a stream that is cut in its header is no panic.
func TestLZMASmallContent(t *testing.T) {
	b := packedFile(t, "sample.cpio.lzma")
	want, _, err := decodeAll(LZMA, b)
	require.NoError(t, err)
	binary.LittleEndian.PutUint32(b[1:], 1<<30)
	binary.LittleEndian.PutUint64(b[5:], uint64(len(want)))
	got, _, err := decodeAll(LZMA, b)
	require.NoError(t, err)
	assert.Equal(t, want, got)

	s := NewScanner(bytes.NewReader(b))
	defer s.Close()
	for n := range lzmaHeaderSize {
		_, err := s.Open(Stream{Format: LZMA, End: int64(n)})
		require.Error(t, err, n)
	}
	_, err = s.Open(Stream{Format: Bzip2, End: 3})
	require.ErrorIs(t, err, io.EOF)
	_, err = s.Open(Stream{Format: Gzip, End: 9})
	require.Error(t, err)
}

// TestFormats are those that the kernel knows, each with what makes it so.
func TestFormats(t *testing.T) {
	fast := map[Format]bool{Gzip: true, LZO: true, LZ4: true, Zstd: true}
	for _, f := range Formats() {
		assert.True(t, f.Compressed(), f)
		assert.NotEmpty(t, f.KernelOption(), f)
		assert.Equal(t, fast[f], f.Fast(), f)
	}
	assert.Len(t, Formats(), 7)
	assert.False(t, LZ4Frame.Fast())
	assert.NotContains(t, Formats(), LZ4Frame)
}
