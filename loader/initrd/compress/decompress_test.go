package compress_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// streams compresses a text in two formats that are opened in different ways.
func streams(t testing.TB, text string) map[compress.Format]string {
	t.Helper()
	var gz, zst bytes.Buffer
	w := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	require.NoError(t, err)
	for _, c := range []io.WriteCloser{w, z} {
		_, err := io.WriteString(c, text)
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	return map[compress.Format]string{compress.Gzip: gz.String(), compress.Zstd: zst.String()}
}

func TestDecompress(t *testing.T) {
	text := strings.Repeat("kernel ", 50_000)
	size := int64(len(text))
	for f, packed := range streams(t, text) {
		decompress := func(in string, limit int64) (string, error) {
			var out bytes.Buffer
			n, err := compress.Decompress(&out, f, strings.NewReader(in), int64(len(in)), limit)
			assert.EqualValues(t, out.Len(), n)
			return out.String(), err
		}
		got, err := decompress(packed, size)
		require.NoError(t, err, f)
		assert.Equal(t, text, got)
		got, err = decompress(packed+"behind", size)
		require.NoError(t, err, "what is behind the stream is left alone")
		assert.Equal(t, text, got)

		got, err = decompress(packed, size-1)
		require.ErrorIs(t, err, compress.ErrLimit)
		assert.Less(t, int64(len(got)), size, "no more than the limit is written")

		for n := range len(packed) {
			_, err = decompress(packed[:n], size)
			require.Error(t, err, "%s cut to %d", f, n)
		}
	}
	_, err := compress.Decompress(io.Discard, compress.LZ4Frame, strings.NewReader("070701"), 6, 0)
	require.Error(t, err)
}

// errFull is what a writer says that takes no more.
var errFull = errors.New("no space left on device")

// A room has space for so many bytes.
type room struct{ left int }

func (r *room) Write(p []byte) (int, error) {
	n := min(len(p), r.left)
	if r.left -= n; n < len(p) {
		return n, errFull
	}
	return n, nil
}

// Errors name the format, and wrap what was wrong; the count is what was written.
func TestDecompressErrors(t *testing.T) {
	text := strings.Repeat("content ", 20_000)
	size := int64(len(text))
	for f, packed := range streams(t, text) {
		for name, tt := range map[string]struct {
			space int
			limit int64
			err   error
			n     int64 // -1: any
		}{
			"exact":                {int(size), size, nil, size},
			"no limit to speak of": {int(size), 1 << 62, nil, size},
			"one byte too little":  {int(size), size - 1, compress.ErrLimit, -1},
			"no limit":             {int(size), 0, compress.ErrLimit, 0},
			"no space":             {0, size, errFull, 0},
			"too little space":     {1000, size, errFull, 1000},
		} {
			n, err := compress.Decompress(&room{left: tt.space}, f, strings.NewReader(packed), int64(len(packed)), tt.limit)
			if tt.err == nil {
				require.NoError(t, err, name)
			} else {
				require.ErrorIs(t, err, tt.err, "%s, %s", f, name)
				require.EqualError(t, err, string(f)+": "+tt.err.Error())
			}
			if tt.n >= 0 {
				assert.Equal(t, tt.n, n, "%s, %s", f, name)
			}
		}
		_, err := compress.Decompress(io.Discard, f, fixtures.BadDisk{ReaderAt: strings.NewReader(packed)}, int64(len(packed)), size)
		require.EqualError(t, err, string(f)+": "+fixtures.ErrDisk.Error())
	}
}

// A stream that is another than was said, or none, is not decoded.
func TestDecompressRefuses(t *testing.T) {
	gz := streams(t, "text")[compress.Gzip]
	for name, tt := range map[string]struct {
		format compress.Format
		data   string
		want   string
	}{
		"another format":   {compress.Zstd, gz, "zstd: its magic number is damaged"},
		"nothing":          {compress.Gzip, "", "gzip: the gzip stream is cut off"},
		"part of a header": {compress.Gzip, gz[:9], "gzip: the gzip stream is cut off"},
		"part of content":  {compress.Gzip, gz[:12], "gzip: unexpected EOF"},
		"no format":        {"", gz, `: no decoder for ""`},
		"only the kernel":  {compress.LZMA, "\x5d\x00\x00\x00\x20" + strings.Repeat("\xff", 8) + "\x00abcd", "lzma: lzma with a dictionary of more than 128 MiB cannot be decoded here"},
	} {
		n, err := compress.Decompress(io.Discard, tt.format, strings.NewReader(tt.data), int64(len(tt.data)), 100)
		require.EqualError(t, err, tt.want, name)
		assert.Zero(t, n, name)
	}
}

// The empty content of a stream is content, also where nothing is allowed.
func TestDecompressNothing(t *testing.T) {
	empty := map[compress.Format]string{
		compress.Gzip: streams(t, "")[compress.Gzip],
		compress.Zstd: "\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00",
	}
	for f, packed := range empty {
		n, err := compress.Decompress(&room{}, f, strings.NewReader(packed), int64(len(packed)), 0)
		require.NoError(t, err, f)
		assert.Zero(t, n)
	}
}
