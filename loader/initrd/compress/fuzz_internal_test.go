package compress

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each decoder by itself: it ends, within the input, and where it gave content
// without an error, it does so again up to the end that it found.
func FuzzDecode(f *testing.F) {
	formats := []Format{Gzip, Bzip2, LZMA, XZ, LZO, LZ4, Zstd}
	for i, name := range []string{"gz", "bz2", "lzma", "xz", "lzo", "lz4", "zst"} {
		b, err := os.ReadFile(filepath.Join("testdata", "sample.cpio."+name))
		require.NoError(f, err)
		f.Add(uint8(i), b)
		f.Add(uint8(i), append(bytes.Clone(b), b...))
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		if len(b) > 1<<16 {
			t.Skip("large inputs find nothing that small ones do not")
		}
		format := formats[int(which)%len(formats)]
		got, end, err := decodeAll(format, b)
		if err != nil {
			return
		}
		require.LessOrEqual(t, end, int64(len(b)))
		again, end2, err := decodeAll(format, b[:end])
		require.NoError(t, err)
		require.Equal(t, end, end2)
		require.True(t, bytes.Equal(got, again))
	})
}

func decodeAll(f Format, b []byte) ([]byte, int64, error) {
	s := NewScanner(bytes.NewReader(b))
	defer s.Close()
	st, err := s.Measure(f, 0, int64(len(b)))
	if err != nil {
		return nil, 0, err
	}
	r, err := s.Open(st)
	if err != nil {
		return nil, 0, err
	}
	var out bytes.Buffer
	_, err = io.Copy(&out, &limited{r: r, left: 16 << 20})
	return out.Bytes(), s.End(), err
}

func measure(f Format, b []byte) (Stream, error) {
	s := NewScanner(bytes.NewReader(b))
	defer s.Close()
	return s.Measure(f, 0, int64(len(b)))
}

// The end of a frame is inside of the image and found again at the same place.
func FuzzFrame(f *testing.F) {
	formats := []Format{XZ, LZO, LZ4, Zstd}
	for i, name := range []string{"xz", "lzo", "lz4", "zst"} {
		b, err := os.ReadFile(filepath.Join("testdata", "sample.cpio."+name))
		require.NoError(f, err)
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		format := formats[int(which)%len(formats)]
		st, err := measure(format, b)
		require.Equal(t, err == nil, st.Known)
		if err != nil {
			return
		}
		require.LessOrEqual(t, st.End, int64(len(b)))
		again, err := measure(format, b[:st.End])
		require.NoError(t, err)
		require.Equal(t, st.End, again.End)
	})
}
