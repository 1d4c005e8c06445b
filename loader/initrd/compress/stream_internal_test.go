package compress

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// A verdict is what Measure says of a stream, as far as a test compares it.
type verdict struct {
	ID   finding.ID // "" for none
	At   int64      // of a fault
	Text string
	End  int64 // where the end is known
}

// judge measures a stream that is the whole file.
func judge(t *testing.T, f Format, b []byte) verdict {
	t.Helper()
	st, err := measure(f, b)
	var fault *Fault
	if errors.As(err, &fault) {
		assert.False(t, st.Known)
		return verdict{ID: fault.ID, At: fault.At, Text: fault.Text}
	}
	require.NoError(t, err)
	if st.Known {
		return verdict{End: st.End}
	}
	assert.EqualValues(t, len(b), st.End, "the end of the image")
	return verdict{}
}

// damagedAt is the verdict on a stream that the kernel's decompressor refuses.
func damagedAt(at int64, text string) verdict { return verdict{ID: Damaged, At: at, Text: text} }

// cutAt is the verdict on a stream that ends in the middle.
func cutAt(f Format, at int64) verdict {
	return verdict{ID: Truncated, At: at, Text: "the " + string(f) + " stream is cut off"}
}

// samples are one small stream of each format, all with the same content.
func samples(t testing.TB) map[Format][]byte {
	t.Helper()
	all := map[Format][]byte{}
	for f, ext := range map[Format]string{Gzip: "gz", Bzip2: "bz2", LZMA: "lzma", XZ: "xz", LZO: "lzo", LZ4: "lz4", Zstd: "zst"} {
		all[f] = packedFile(t, "sample.cpio."+ext)
	}
	return all
}

// readStream decodes one stream at off with the scanner, the image ends at limit.
func readStream(s *Scanner, f Format, off, limit int64) ([]byte, error) {
	st, err := s.Measure(f, off, limit)
	if err != nil {
		return nil, err
	}
	r, err := s.Open(st)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// Where a stream begins in an image, and what follows it, changes nothing but its
// offsets. Zeros follow, which end every format.
func TestStreamInsideAnImage(t *testing.T) {
	const before = 5003
	for f, b := range samples(t) {
		want, end, err := decodeAll(f, b)
		require.NoError(t, err, f)
		image := append(bytes.Repeat([]byte{0xaa}, before), b...)
		image = append(append(image, make([]byte, 8)...), "\xff\xff and what is no stream"...)
		s := NewScanner(bytes.NewReader(image))
		got, err := readStream(s, f, before, int64(len(image)))
		require.NoError(t, err, f)
		assert.Equal(t, want, got, f)
		assert.Equal(t, before+end, s.End(), f)
		s.Close()
	}
}

// The limit is the end of the member: a stream that goes on after it is cut off
// there, though the file has the rest.
func TestStreamEndsAtTheLimit(t *testing.T) {
	for f, b := range samples(t) {
		s := NewScanner(bytes.NewReader(b))
		for limit := range int64(len(b)) {
			_, err := readStream(s, f, 0, limit)
			if f == LZ4 && limit >= 4 && limit < 8 {
				require.NoError(t, err, "the kernel does not miss the first block")
				continue
			}
			require.Error(t, err, "%s, %d bytes", f, limit)
		}
		_, err := readStream(s, f, 0, int64(len(b)))
		require.NoError(t, err, "%s after all that failed", f)
		s.Close()
	}
}

// One scanner decodes stream after stream of any formats, and does not keep
// anything of one that was read by half.
func TestScannerAfterHalfAStream(t *testing.T) {
	all := samples(t)
	var image []byte
	at := map[Format]int64{}
	for _, f := range Formats() {
		at[f] = int64(len(image))
		image = append(append(image, all[f]...), make([]byte, 8)...)
	}
	want, _, err := decodeAll(Gzip, all[Gzip])
	require.NoError(t, err)
	s := NewScanner(bytes.NewReader(image))
	defer s.Close()
	for _, first := range Formats() {
		for _, second := range Formats() {
			st, err := s.Measure(first, at[first], int64(len(image)))
			require.NoError(t, err)
			r, err := s.Open(st)
			require.NoError(t, err)
			_, err = io.ReadFull(r, make([]byte, 100))
			require.NoError(t, err)
			got, err := readStream(s, second, at[second], int64(len(image)))
			require.NoError(t, err, "%s after %s", second, first)
			require.Equal(t, want, got, "%s after %s", second, first)
		}
	}
}

// Read keeps to the rules of io.Reader for buffers of any size: nothing is lost
// between two of them, and the end stays the end.
func TestStreamInSmallReads(t *testing.T) {
	for f, b := range samples(t) {
		want, _, err := decodeAll(f, b)
		require.NoError(t, err)
		for _, size := range []int{1, 2, 3, 7, 515, 516, 517} {
			s := NewScanner(bytes.NewReader(b))
			st, err := s.Measure(f, 0, int64(len(b)))
			require.NoError(t, err)
			r, err := s.Open(st)
			require.NoError(t, err)
			var got bytes.Buffer
			_, err = io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{r}, make([]byte, size))
			require.NoError(t, err, "%s by %d", f, size)
			assert.Equal(t, want, got.Bytes(), "%s by %d", f, size)
			for range 2 {
				n, err := r.Read(make([]byte, 4))
				assert.Zero(t, n, f)
				require.ErrorIs(t, err, io.EOF, f)
			}
			s.Close()
		}
	}
}

// A stream whose end can be found without decoding says so; for the others it is
// the end of the image until they were decoded.
func TestMeasureKnowsTheEnd(t *testing.T) {
	known := map[Format]bool{XZ: true, LZO: true, LZ4: true, Zstd: true}
	for f, b := range samples(t) {
		image := append(bytes.Clone(b), make([]byte, 9)...)
		st, err := measure(f, image)
		require.NoError(t, err, f)
		want := Stream{Format: f, End: int64(len(image)), dict: st.dict}
		if known[f] {
			want.End, want.Known = int64(len(b)), true
		}
		assert.Equal(t, want, st)
	}
}

func TestMeasureUnknownFormat(t *testing.T) {
	for _, f := range []Format{"", LZ4Frame, "GZIP"} {
		s := NewScanner(bytes.NewReader(nil))
		st, err := s.Measure(f, 3, 9)
		assert.Equal(t, Stream{Format: f, Offset: 3, End: 9}, st)
		assert.Equal(t, &Fault{ID: Damaged, At: 3, Text: `no decoder for "` + string(f) + `"`}, err)
	}
}

// Two bytes decide, as in the table of lib/decompress.c; nothing else is a format.
func TestDetectTwoBytes(t *testing.T) {
	want := map[string]Format{
		"\x1f\x8b": Gzip, "BZ": Bzip2, "\x5d\x00": LZMA, "\xfd\x37": XZ,
		"\x89\x4c": LZO, "\x02\x21": LZ4, "\x28\xb5": Zstd,
	}
	for first := range 256 {
		assert.Empty(t, Detect([]byte{byte(first)}), "one byte %#x", first)
		for second := range 256 {
			head := []byte{byte(first), byte(second)}
			require.Equal(t, want[string(head)], Detect(head), "%q", head)
			require.Equal(t, want[string(head)], Detect(append(head, 0xee, 0xee)), "%q", head)
		}
	}
	frame := []byte("\x04\x22\x4d\x18")
	for n := range frame {
		assert.Empty(t, Detect(frame[:n]))
	}
	assert.Equal(t, LZ4Frame, Detect(append(frame, 0xee)))
}

// The symbols are those of usr/Kconfig.
func TestKernelOptionOfEachFormat(t *testing.T) {
	var got []string
	for _, f := range Formats() {
		got = append(got, f.KernelOption())
	}
	assert.Equal(t, []string{
		"CONFIG_RD_GZIP", "CONFIG_RD_BZIP2", "CONFIG_RD_LZMA", "CONFIG_RD_XZ", "CONFIG_RD_LZO", "CONFIG_RD_LZ4", "CONFIG_RD_ZSTD",
	}, got)
	assert.Empty(t, Format("unknown").KernelOption())
	assert.False(t, Format("unknown").Fast())
}
