package compress

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The smallest parts that a stream can have, very many of them: what is
// read is in proportion to the file, in windows, whatever the stream makes of it.
func TestMeasureReadsAreLinear(t *testing.T) {
	const many = 40_000
	repeat := func(s string) string { return strings.Repeat(s, many) }
	// A code length that goes up and down, and never ends.
	growing := bzip2Head(48, bzip2Block, 32, 0, 1, 0, 24, 0, 16, 0, 3, 2, 15, 1, 1, 0, 5, 2, 7, 0x5d)
	growing = strings.TrimSuffix(growing, strings.Repeat("\x00", 64))
	for name, tt := range map[string]struct {
		format Format
		data   string
	}{
		"lz4 blocks":         {LZ4, LZ4Magic + repeat("\x01\x00\x00\x00x")},
		"lz4 magics":         {LZ4, repeat(LZ4Magic)},
		"lzop blocks":        {LZO, lzop(lzopVersion, 1, repeat(lzopBlock(1, 0, "x"))+lzopEnd)},
		"zstd blocks":        {Zstd, zstdMagic + "\x00\x00" + repeat(zstdBlock(false, zstdRaw, 0)) + zstdBlock(true, zstdRaw, 0)},
		"gzip name":          {Gzip, "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03" + repeat("name") + "\x00"},
		"bzip2 code lengths": {Bzip2, growing + repeat("\xdd")},
		"xz chunks":          {XZ, xzHead(0) + xzBlockOf(repeat("\x01\x00\x00x")+"\x00")},
		"xz index":           {XZ, xzHead(0) + "\x00" + vli(1<<62) + repeat("\x01\x01")},
		"xz blocks":          {XZ, xzHead(0) + repeat(xzBlockOf("\x00"))},
	} {
		t.Run(name, func(t *testing.T) {
			c := &countedReader{Reader: bytes.NewReader([]byte(tt.data))}
			_, err := NewScanner(c).Measure(tt.format, 0, int64(len(tt.data)))
			if err != nil { // cut off, after all of it
				var f *Fault
				require.ErrorAs(t, err, &f)
				assert.Equal(t, Truncated, f.ID, "%v", err)
			}
			windows := len(tt.data)/pickerWindow + 1
			assert.LessOrEqual(t, c.calls, 3*windows, "reads of %d bytes", len(tt.data))
			assert.LessOrEqual(t, c.bytes, int64(3*windows*pickerWindow))
		})
	}
}

// xzBlockOf has these chunks, and a check of nothing.
func xzBlockOf(chunks string) string {
	b, _ := xzPart{chunks: chunks}.bytes(0)
	return b
}

// A stream of many blocks is decoded block by block: neither the whole of it nor
// small pieces are read.
func TestDecodeReads(t *testing.T) {
	for name, f := range map[string]Format{"blocks.lz4": LZ4, "blocks.lzo": LZO, "blocks.xz": XZ, "stream.zst": Zstd, "blocks.lzma": LZMA} {
		b := packedFile(t, name)
		c := &countedReader{Reader: bytes.NewReader(b)}
		_, err := readStream(NewScanner(c), f, 0, int64(len(b)))
		require.NoError(t, err, name)
		// Once to measure, once for the headers of blocks, once for the content.
		assert.LessOrEqual(t, c.bytes, int64(3*len(b)+2*pickerWindow), name)
		assert.LessOrEqual(t, c.calls, 24, name)
	}
}
