package initrd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// The same bytes as a file and as a stream are the same archive.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("07070100000000000081A40000000000000000000000010000000000000001000000000000000000000000000000000000000200000000a\x001\x00\x00\x00"))
	f.Add([]byte("0707010000000000000001000000000000000000000001000000000000000000000000000000000000000000000000\x00\x00\x00\x0B00000000TRAILER!!!\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		inFile, err1 := scanAll(&scanner{c: fileCursor(bytes.NewReader(b), 0, int64(len(b))), limit: func(int64) int64 { return int64(len(b)) }})
		inStream, err2 := scanAll(&scanner{c: streamCursor(iotest.OneByteReader(bytes.NewReader(b)))})
		if errors.Is(err1, io.EOF) {
			require.Equal(t, inFile, inStream)
		}
		var fault1, fault2 *fault
		require.Equal(t, errors.As(err1, &fault1), errors.As(err2, &fault2), "%v, %v", err1, err2)
	})
}

func scanAll(s *scanner) ([]Entry, error) {
	var all []Entry
	for {
		if err := s.next(); err != nil {
			return all, err
		}
		all = append(all, s.e)
	}
}

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
	fr, err := frameEnd(f, bytes.NewReader(b), 0, int64(len(b)))
	if err != nil {
		return nil, 0, err
	}
	d, err := decode(f, bytes.NewReader(b), 0, fr)
	if err != nil {
		return nil, 0, err
	}
	defer d.close()
	var out bytes.Buffer
	_, err = io.Copy(&out, &limited{r: d, budget: budget(16 << 20)})
	return out.Bytes(), d.end(), err
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
		fr, err := frameEnd(format, bytes.NewReader(b), 0, int64(len(b)))
		require.Equal(t, err == nil, fr.known)
		if err != nil {
			return
		}
		require.LessOrEqual(t, fr.end, int64(len(b)))
		again, err := frameEnd(format, bytes.NewReader(b), 0, fr.end)
		require.NoError(t, err)
		require.Equal(t, fr.end, again.end)
	})
}

func FuzzBootconfig(f *testing.F) {
	f.Add([]byte("x\x01\x00\x00\x00x\x00\x00\x00#BOOTCONFIG\n\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, found, err := findBootconfig(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		if !found {
			require.Zero(t, c)
			return
		}
		require.True(t, 0 <= c.start && c.start <= c.end-int64(configTail) && c.end <= int64(len(b)))
		require.Equal(t, configMagic, string(b[c.end-int64(len(configMagic)):c.end]))
	})
}
