package compress

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// lzmaWith is the small sample with another dictionary and length of its content.
func lzmaWith(t *testing.T, dict uint32, content uint64) []byte {
	t.Helper()
	b := packedFile(t, "sample.cpio.lzma")
	binary.LittleEndian.PutUint32(b[1:], dict)
	binary.LittleEndian.PutUint64(b[5:], content)
	return b
}

// The properties are (pb * 5 + lp) * 9 + lc, 224 at most; the fields are as long as
// in lib/decompress_unlzma.c.
func TestLZMAHeader(t *testing.T) {
	const head = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"
	for props := range 256 {
		b := []byte(string([]byte{byte(props)}) + head + "\x00abcd")
		want := verdict{}
		if props > 224 {
			want = damagedAt(1, "its properties are out of range")
		}
		assert.Equal(t, want, judge(t, LZMA, b), props)
		for n := 1; n < len(b) && props <= 224; n += 5 {
			assert.Equal(t, Truncated, judge(t, LZMA, b[:n]).ID, "%d bytes", n)
		}
	}
	p := &picker{r: strings.NewReader("\x5d" + head + "\x00abcdx"), limit: 19}
	dict, content := lzmaHeader(p)
	assert.Equal(t, uint64(0x04030201), dict)
	assert.Equal(t, uint64(0x0c0b0a0908070605), content)
	assert.EqualValues(t, 18, p.pos)
}

// The decoder gets the dictionary of the header, or no more than the content where
// that is known and smaller.
func TestLZMADictionary(t *testing.T) {
	const unknown = math.MaxUint64
	for name, tt := range map[string]struct {
		dict    uint32
		content uint64
		want    int64 // allocated; 0: refused
	}{
		"unknown content":         {8 << 20, unknown, 8 << 20},
		"largest":                 {128 << 20, unknown, 128 << 20},
		"too large":               {128<<20 + 1, unknown, 0},
		"as large as can be":      {math.MaxUint32, unknown, 0},
		"smaller content":         {8 << 20, 516, 4096},
		"content of a dictionary": {8 << 20, 8 << 20, 8 << 20},
		"content one less":        {8 << 20, 8<<20 - 1, 8<<20 - 1},
		"huge for little":         {math.MaxUint32, 516, 4096},
		"huge for much":           {math.MaxUint32, 128<<20 + 1, 0},
		"huge for enough":         {math.MaxUint32, 128 << 20, 128 << 20},
		"no dictionary":           {0, unknown, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := lzmaWith(t, tt.dict, tt.content)
			s := NewScanner(bytes.NewReader(append([]byte("--"), b...)))
			st, err := s.Measure(LZMA, 2, int64(len(b))+2)
			require.NoError(t, err)
			_, err = s.Open(st)
			assert.Equal(t, tt.want, s.dec.setup)
			if tt.want == 0 && tt.dict > 0 {
				assert.Equal(t, &Fault{ID: Unread, At: 2, Text: "lzma with a dictionary of more than 128 MiB cannot be decoded here"}, err)
				return
			}
			require.NoError(t, err)
		})
	}
}

// The length of the content is a promise: less than it, or more, is an error.
func TestLZMAContentLength(t *testing.T) {
	want, _, err := decodeAll(LZMA, packedFile(t, "sample.cpio.lzma"))
	require.NoError(t, err)
	size := uint64(len(want))
	got, _, err := decodeAll(LZMA, lzmaWith(t, 1<<16, size))
	require.NoError(t, err)
	assert.Equal(t, want, got)
	_, _, err = decodeAll(LZMA, lzmaWith(t, 1<<16, size+1))
	require.Error(t, err)
}

// The header is given to the decoder again, whether it asks for bytes or for more.
func TestPrefixed(t *testing.T) {
	all := "header and content"
	for _, step := range []int{0, 1, 5, 6, 7, 30} {
		p := &prefixed{head: []byte(all[:6]), Reader: bufio.NewReader(strings.NewReader(all[6:]))}
		var got []byte
		for len(got) < len(all) {
			if step == 0 {
				b, err := p.ReadByte()
				require.NoError(t, err)
				got = append(got, b)
				continue
			}
			b := make([]byte, step)
			n, err := p.Read(b)
			require.NoError(t, err)
			got = append(got, b[:n]...)
		}
		assert.Equal(t, all, string(got), "by %d", step)
		_, err := p.ReadByte()
		require.ErrorIs(t, err, io.EOF)
		_, err = p.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	}
}

// A dictionary of 128 MiB is decoded, more is for the kernel alone; a reason that was
// found before is the one that is told.
func TestOpenUnread(t *testing.T) {
	b := packedFile(t, "sample.cpio.xz")
	for name, tt := range map[string]struct {
		dict   int64
		unread string
		want   string
	}{
		"largest":         {dictMax, "", ""},
		"larger":          {dictMax + 1, "", "xz with a dictionary of more than 128 MiB cannot be decoded here"},
		"a reason":        {0, "because", "because"},
		"100% of a cause": {dictMax + 1, "100%s", "100%s"},
	} {
		s := NewScanner(bytes.NewReader(b))
		_, err := s.Open(Stream{Format: XZ, End: int64(len(b)), Known: true, dict: tt.dict, unread: tt.unread})
		if tt.want == "" {
			require.NoError(t, err, name)
		} else {
			assert.Equal(t, &Fault{ID: Unread, Text: tt.want}, err, name)
		}
		s.Close()
	}
}

// What waits to be collected is counted from one collection to the next.
func TestAllocateCountsGarbage(t *testing.T) {
	s := NewScanner(bytes.NewReader(nil))
	for _, tt := range []struct{ n, garbage, setup int64 }{
		{16 << 20, 16 << 20, 16 << 20},
		{1, 0, 16<<20 + 1},
		{5, 5, 16<<20 + 6},
		{20 << 20, 0, 36<<20 + 6},
	} {
		require.NoError(t, s.allocate(Stream{}, tt.n))
		assert.Equal(t, []int64{tt.garbage, tt.setup}, []int64{s.dec.garbage, s.dec.setup})
	}
}

func TestGrow(t *testing.T) {
	b := make([]byte, 2, 4)
	assert.Len(t, grow(nil, 3), 3)
	assert.Empty(t, grow(b, 0))
	for n := range int64(5) {
		assert.Len(t, grow(b, n), int(n))
	}
	same := grow(b, 4)
	same[0] = 7
	assert.Equal(t, byte(7), b[0], "its own memory")
	grow(b, 5)[0] = 9
	assert.Equal(t, byte(7), b[0], "other memory")
}

// A tornDisk gives what is before an offset, and then an error.
type tornDisk struct {
	content []byte
	from    int
}

func (d tornDisk) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(d.from) {
		return 0, fixtures.ErrDisk
	}
	n := copy(p, d.content[off:d.from])
	if n < len(p) {
		return n, fixtures.ErrDisk
	}
	return n, nil
}

// Where a file cannot be read to its end, decoding fails with the error of the file,
// wherever that is, and gives nothing but the content before.
func TestDecodeReadErrorAnywhere(t *testing.T) {
	for name, f := range map[string]Format{
		"blocks.lz4": LZ4, "blocks.lzo": LZO, "blocks.xz": XZ, "blocks.lzma": LZMA, "stream.zst": Zstd,
	} {
		b := packedFile(t, name)
		want, _, err := decodeAll(f, b)
		require.NoError(t, err)
		for from := 0; from < len(b); from += 1 + len(b)/24 {
			s := NewScanner(tornDisk{content: b, from: from})
			got, err := readStream(s, f, 0, int64(len(b)))
			require.ErrorIs(t, err, fixtures.ErrDisk, "%s from %d", name, from)
			assert.True(t, bytes.HasPrefix(want, got), "%s from %d", name, from)
			s.Close()
		}
	}
}
