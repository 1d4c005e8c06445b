package compress_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
