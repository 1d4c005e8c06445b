package compress

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const gzipRefused = "gzip with a comment, an extra field or a header checksum, which the kernel cannot skip"

// Which fields the kernel skips: lib/decompress_inflate.c knows of a name only.
func TestGzipHeader(t *testing.T) {
	head := func(flags byte) string { return "\x1f\x8b\x08" + string([]byte{flags}) + "\x01\x02\x03\x04\x02\x03" }
	for name, tt := range map[string]struct {
		data string
		want verdict
		pos  int64 // of the content
	}{
		"no fields":                  {head(0) + "x", verdict{}, 10},
		"text":                       {head(0x01) + "x", verdict{}, 10},
		"reserved bits":              {head(0xe0) + "x", verdict{}, 10},
		"name":                       {head(0x08) + "ab\x00x", verdict{}, 13},
		"empty name":                 {head(0x08) + "\x00x", verdict{}, 11},
		"name and reserved":          {head(0x68) + "a\x00x", verdict{}, 12},
		"name as long as a window":   {head(0x08) + strings.Repeat("n", 2*pickerWindow) + "\x00x", verdict{}, 11 + 2*pickerWindow},
		"name without an end":        {head(0x08) + "abc", cutAt(Gzip, 13), 13},
		"header checksum":            {head(0x02) + "xx", verdict{GzipHeader, 10, gzipRefused, 0}, 10},
		"extra field":                {head(0x04) + "\x01\x00x", verdict{GzipHeader, 10, gzipRefused, 0}, 10},
		"comment":                    {head(0x10) + "c\x00x", verdict{GzipHeader, 10, gzipRefused, 0}, 10},
		"name and comment":           {head(0x18) + "n\x00c\x00x", verdict{GzipHeader, 10, gzipRefused, 0}, 10},
		"method that is not deflate": {"\x1f\x8b\x09" + head(0)[3:], damagedAt(3, "its magic number is damaged"), 3},
		"compress, not gzip":         {"\x1f\x9e\x08" + head(0)[3:], damagedAt(3, "its magic number is damaged"), 3},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, judge(t, Gzip, []byte(tt.data)))
			p := &picker{r: strings.NewReader(tt.data), limit: int64(len(tt.data))}
			gzipHeader(p)
			assert.Equal(t, tt.pos, p.pos)
		})
	}
	for n := range 10 {
		assert.Equal(t, Truncated, judge(t, Gzip, []byte(head(0)[:n])).ID, n)
	}
	assert.Equal(t, verdict{}, judge(t, Gzip, []byte(head(0))), "the content may be missing: only decoding shows it")
}

// withName puts a file name of n bytes into a gzip header without one.
func withName(b []byte, n int) []byte {
	head := append(bytes.Clone(b[:3]), b[3]|gzipName)
	head = append(append(head, b[4:10]...), strings.Repeat("n", n)...)
	return append(append(head, 0), b[10:]...)
}

// A name, also one that is longer than the decoder's buffer, does not change the
// content.
func TestGzipDecodeWithName(t *testing.T) {
	b := packedFile(t, "sample.cpio.gz")
	require.Zero(t, b[3]&gzipName)
	want, end, err := decodeAll(Gzip, b)
	require.NoError(t, err)
	for _, n := range []int{0, 1, inBuffer - 11, inBuffer, 3 * inBuffer} {
		got, namedEnd, err := decodeAll(Gzip, withName(b, n))
		require.NoError(t, err, n)
		assert.Equal(t, want, got, n)
		assert.Equal(t, end+int64(n)+1, namedEnd, n)
	}
}

// The trailer is compared, though the kernel does not; what is wrong with it comes
// after the whole content, and each time anew.
func TestGzipTrailer(t *testing.T) {
	b := packedFile(t, "sample.cpio.gz")
	want, _, err := decodeAll(Gzip, b)
	require.NoError(t, err)
	wrong := &Fault{ID: Checksum, At: 2, Text: "the checksum of its content is wrong, which the kernel does not compare"}
	for name, tt := range map[string]struct {
		trailer func(t []byte) []byte
		err     error
	}{
		"as it is":             {func(t []byte) []byte { return t }, io.EOF},
		"sum, first byte":      {func(t []byte) []byte { t[0]++; return t }, wrong},
		"sum, last byte":       {func(t []byte) []byte { t[3]++; return t }, wrong},
		"length, first byte":   {func(t []byte) []byte { t[4]++; return t }, wrong},
		"length, last byte":    {func(t []byte) []byte { t[7]++; return t }, wrong},
		"sum and length apart": {func(t []byte) []byte { return append(t[4:], t[:4]...) }, wrong},
		"7 bytes":              {func(t []byte) []byte { return t[:7] }, io.ErrUnexpectedEOF},
		"none":                 {func([]byte) []byte { return nil }, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			image := append([]byte("--"), b[:len(b)-gzipTrailer]...)
			image = append(image, tt.trailer(bytes.Clone(b[len(b)-gzipTrailer:]))...)
			s := NewScanner(bytes.NewReader(image))
			defer s.Close()
			st, err := s.Measure(Gzip, 2, int64(len(image)))
			require.NoError(t, err)
			r, err := s.Open(st)
			require.NoError(t, err)
			got := make([]byte, len(want))
			_, err = io.ReadFull(r, got)
			require.NoError(t, err)
			assert.Equal(t, want, got)
			for range 2 {
				_, err = r.Read(make([]byte, 1))
				assert.Equal(t, tt.err, err)
			}
		})
	}
}

// The length in the trailer is that of the content modulo 2^32: the sum of the
// pieces, not the last of them.
func TestGzipReaderAddsUp(t *testing.T) {
	content := strings.Repeat("0123456789", 1000)
	trailer := binary.LittleEndian.AppendUint32(nil, 0xbdce8b57) // CRC-32 of the content
	trailer = binary.LittleEndian.AppendUint32(trailer, 10_000)
	var stored []byte
	for rest := content; rest != ""; rest = rest[1000:] {
		final := byte(0)
		if len(rest) == 1000 {
			final = 1
		}
		stored = append(stored, final, 0xe8, 0x03, 0x17, 0xfc) // 1000 bytes, not compressed
		stored = append(stored, rest[:1000]...)
	}
	b := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), append(stored, trailer...)...)
	got, end, err := decodeAll(Gzip, b)
	require.NoError(t, err)
	assert.Equal(t, content, string(got))
	assert.EqualValues(t, len(b), end)
}
