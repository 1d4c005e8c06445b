package compress

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func bitsOf(pairs ...uint64) *bits {
	b := bitStream(pairs...)
	return &bits{picker: &picker{r: bytes.NewReader(b), limit: int64(len(b))}}
}

// The size of a block is a digit; the kernel takes no other (start_bunzip).
func TestBzip2Level(t *testing.T) {
	for level := range 256 {
		b := []byte(bzip2Head(48, bzip2End, 32, 0))
		b[3] = byte(level)
		want := verdict{}
		if level < '1' || level > '9' {
			want = damagedAt(4, "its block size is out of range")
		}
		assert.Equal(t, want, judge(t, Bzip2, b), "%q", level)
	}
}

// Each bit of the first block's header that is compared, and the place where the
// stream turns out to be damaged.
func TestBzip2FirstBlock(t *testing.T) {
	start := []uint64{48, bzip2Block, 32, 0xdeadbeef, 1, 0, 24, 0xffffff, 16, 0x8000, 16, 0x8000}
	with := func(pairs ...uint64) string { return bzip2Head(append(slices.Clone(start), pairs...)...) }
	const noTables = "a block has no tables"
	length1 := []uint64{5, 1, 1, 0, 2, 2, 1, 0, 2, 2, 1, 0} // lengths 1, 2, 3: a quarter is not used
	for name, tt := range map[string]struct {
		data, want string
	}{
		"not a block":           {bzip2Head(48, bzip2Block+1), "it does not begin with a block"},
		"randomised":            {bzip2Head(48, bzip2Block, 32, 0, 1, 1), "a block is randomised, which the kernel refuses"},
		"0 tables":              {with(3, 0, 15, 1), noTables},
		"1 table":               {with(3, 1, 15, 1), noTables},
		"7 tables":              {with(3, 7, 15, 1), noTables},
		"no selectors":          {with(3, 2, 15, 0), noTables},
		"selector past 2":       {with(3, 2, 15, 1, 2, 3), "a selector of a table that is not there"},
		"selector past 6":       {with(3, 6, 15, 1, 6, 63), "a selector of a table that is not there"},
		"second selector":       {with(3, 2, 15, 2, 1, 0, 2, 3), "a selector of a table that is not there"},
		"incomplete, used":      {with(append([]uint64{3, 2, 15, 1, 1, 0}, length1...)...), "a table of code lengths is damaged"},
		"length 0":              {with(3, 2, 15, 1, 1, 0, 5, 0), "a code length is out of range"},
		"length 31":             {with(3, 2, 15, 1, 1, 0, 5, 31), "a code length is out of range"},
		"length that grows":     {with(3, 2, 15, 1, 1, 0, 5, 20, 2, 2, 1, 0), "a code length is out of range"},
		"length that shrinks":   {with(3, 2, 15, 1, 1, 0, 5, 1, 2, 3, 1, 0), "a code length is out of range"},
		"length in table not 1": {with(3, 2, 15, 1, 1, 0, 5, 1, 1, 0, 2, 2, 1, 0, 1, 0, 5, 0), "a code length is out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(t, Bzip2, []byte(tt.data))
			assert.Equal(t, verdict{ID: Damaged, At: got.At, Text: tt.want}, got)
		})
	}
	// Only the tables that a selector names have to be complete.
	complete := []uint64{5, 1, 1, 0, 2, 2, 1, 0, 1, 0} // lengths 1, 2, 2
	first := append(append([]uint64{3, 2, 15, 1, 1, 0}, complete...), length1...)
	assert.Equal(t, verdict{}, judge(t, Bzip2, []byte(with(first...))), "the second is not used")
	second := append(append([]uint64{3, 2, 15, 1, 2, 2}, length1...), complete...)
	assert.Equal(t, verdict{}, judge(t, Bzip2, []byte(with(second...))), "the first is not used")
	both := append(append([]uint64{3, 2, 15, 2, 1, 0, 2, 2}, complete...), length1...)
	assert.Equal(t, Damaged, judge(t, Bzip2, []byte(with(both...))).ID)
}

func TestBzip2Bits(t *testing.T) {
	b := bitsOf(3, 5, 1, 0, 24, 0xabcdef, 48, bzip2End, 15, 0x1234)
	assert.EqualValues(t, 5, b.read(3))
	assert.EqualValues(t, 0, b.read(1))
	assert.EqualValues(t, 0xabcdef, b.read(24))
	assert.EqualValues(t, uint64(bzip2End), b.read(48))
	assert.EqualValues(t, 0x1234, b.read(15))
	assert.EqualValues(t, 0, b.read(0))
	assert.EqualValues(t, 12, b.pos, "91 bits are in 12 bytes")
}

// Two symbols more than bytes that occur: the run lengths, one of which takes the
// place of the first byte, and the end of the block.
func TestBzip2Symbols(t *testing.T) {
	all := []uint64{16, 0xffff}
	for range 16 {
		all = append(all, 16, 0xffff)
	}
	for name, tt := range map[string]struct {
		pairs []uint64
		want  int
	}{
		"none":                {[]uint64{16, 0}, 2},
		"first byte":          {[]uint64{16, 0x8000, 16, 0x8000}, 3},
		"last byte":           {[]uint64{16, 1, 16, 1}, 3},
		"group without bytes": {[]uint64{16, 0x8000, 16, 0}, 2},
		"three in two groups": {[]uint64{16, 0x0101, 16, 0x8001, 16, 0x0010}, 5},
		"all":                 {all, 258},
	} {
		b := bitsOf(tt.pairs...)
		assert.Equal(t, tt.want, b.symbols(), name)
		assert.EqualValues(t, len(tt.pairs), b.pos, name) // two bytes a pair
	}
}

// Selectors are moves to the front: 0 is the table used last.
func TestBzip2Selectors(t *testing.T) {
	for name, tt := range map[string]struct {
		pairs     []uint64
		n, tables int
		want      [6]bool
	}{
		"the first":               {[]uint64{1, 0}, 1, 2, [6]bool{true}},
		"the second":              {[]uint64{2, 2}, 1, 2, [6]bool{false, true}},
		"the sixth":               {[]uint64{6, 62}, 1, 6, [6]bool{5: true}},
		"second, then first":      {[]uint64{2, 2, 2, 2}, 2, 2, [6]bool{true, true}},
		"second, then the same":   {[]uint64{2, 2, 1, 0}, 2, 2, [6]bool{false, true}},
		"three times the third":   {[]uint64{3, 6, 3, 6, 3, 6}, 3, 3, [6]bool{true, true, true}},
		"third, then first to be": {[]uint64{3, 6, 2, 2}, 2, 3, [6]bool{true, false, true}},
		"third, second, second":   {[]uint64{3, 6, 3, 6, 2, 2}, 3, 3, [6]bool{false, true, true}},
	} {
		b := bitsOf(tt.pairs...)
		assert.Equal(t, tt.want, b.selectors(tt.n, tt.tables), name)
		require.NoError(t, b.err, name)
	}
}

// Code lengths of a complete table add up to one; 1 and 20 are the limits.
func TestBzip2Table(t *testing.T) {
	longest := []uint64{5, 1}
	for range 19 {
		longest = append(longest, 1, 0, 2, 2) // 1, 2, 3 to 19, and to 20
	}
	longest = append(longest, 1, 0, 1, 0)
	for name, tt := range map[string]struct {
		pairs   []uint64
		symbols int
		want    bool
	}{
		"1, 1":             {[]uint64{5, 1, 1, 0, 1, 0}, 2, true},
		"1, 2":             {[]uint64{5, 1, 1, 0, 2, 2, 1, 0}, 2, false},
		"1, 2, 2":          {[]uint64{5, 1, 1, 0, 2, 2, 1, 0, 1, 0}, 3, true},
		"2, 2, 1":          {[]uint64{5, 2, 1, 0, 1, 0, 2, 3, 1, 0}, 3, true},
		"1, 1, 1":          {[]uint64{5, 1, 1, 0, 1, 0, 1, 0}, 3, false},
		"up and down to 1": {[]uint64{5, 1, 2, 2, 2, 3, 1, 0, 1, 0}, 2, true},
		"1 to 20, and 20":  {longest, 21, true},
	} {
		b := bitsOf(tt.pairs...)
		assert.Equal(t, tt.want, b.table(tt.symbols), name)
		require.NoError(t, b.err, name)
	}
}

// A magic number is found at each of the eight places that it can have after the
// last byte read, and at no other.
func TestBzip2Find(t *testing.T) {
	for _, n := range []uint64{0, 32} {
		for spare := range uint64(9) {
			before := 88 - 48 - n - spare
			noise := uint64(1)<<before - 1
			b := bitStream(before, noise, 48, bzip2Block, n, 0x5a5a5a5a, spare, 1<<spare-1)[:11]
			got, ok := bzip2Find(b, bzip2Block, uint(n))
			assert.Equal(t, spare < 8, ok, "%d bits after it, %d spare", n, spare)
			if ok {
				assert.EqualValues(t, spare, got)
			}
			_, ok = bzip2Find(b, bzip2End, uint(n))
			assert.False(t, ok)
		}
	}
}

// bzip2Repeat is the stream with its only block n times, each of which begins at
// another bit. It returns how many bits the block has, the magic included.
func bzip2Repeat(t *testing.T, b []byte, n int) (_ []byte, block uint64) {
	t.Helper()
	var all strings.Builder
	for _, c := range b {
		for i := range 8 {
			all.WriteByte('0' + c>>(7-i)&1)
		}
	}
	spare, ok := bzip2Find(b[len(b)-11:], bzip2End, 32)
	require.True(t, ok)
	content := all.String()[32 : all.Len()-int(spare)-80]
	r := bits{picker: &picker{r: bytes.NewReader(b), pos: 10, limit: int64(len(b))}}
	crc, sum := uint32(r.read(32)), uint32(0)
	var pairs []uint64
	for range n {
		sum = (sum<<1 | sum>>31) ^ crc
		for _, bit := range content {
			pairs = append(pairs, 1, uint64(bit-'0'))
		}
	}
	pairs = append(pairs, 48, bzip2End, 32, uint64(sum))
	total := 4 + (uint64(n*len(content))+80+7)/8
	return append(bytes.Clone(b[:4]), bitStream(pairs...)[:total-4]...), uint64(len(content))
}

// Blocks that begin at all the bits of a byte: the content is that of each, and the
// stream ends at its end, though zeros or another stream follow.
func TestBzip2ManyBlocks(t *testing.T) {
	one := packedFile(t, "sample.cpio.bz2")
	want, _, err := decodeAll(Bzip2, one)
	require.NoError(t, err)
	for n := range 10 {
		b, block := bzip2Repeat(t, one, n)
		require.EqualValues(t, 1, block%2, "an odd number of bits goes through all places")
		for _, after := range []string{"", "\x00\x00\x00", "BZh9", string(one)} {
			got, end, err := decodeAll(Bzip2, append(bytes.Clone(b), after...))
			require.NoError(t, err, "%d blocks before %q", n, after)
			assert.Equal(t, strings.Repeat(string(want), n), string(got))
			assert.EqualValues(t, len(b), end)
		}
	}
}

// What the kernel refuses is refused in every block: the blocks before it are
// content, and the fault is where it is.
func TestBzip2LaterBlock(t *testing.T) {
	const count = 9
	b, block := bzip2Repeat(t, packedFile(t, "sample.cpio.bz2"), count)
	image := append([]byte("abc"), b...)
	for n := range uint64(count) {
		at := 32 + n*block + 80 // the bit that says that the block is randomised
		image[3+at/8] ^= 0x80 >> (at % 8)
		s := NewScanner(bytes.NewReader(image))
		got, err := readStream(s, Bzip2, 3, int64(len(image)))
		assert.Equal(t, &Fault{
			ID: Damaged, At: 3 + int64(at/8) + 1, Text: "a block is randomised, which the kernel refuses",
		}, err, "block %d", n)
		assert.Len(t, got, 516*int(n))
		s.Close()
		image[3+at/8] ^= 0x80 >> (at % 8)
	}
}

// The decoder gets memory by the level, and an image of many streams no more of it
// than there is for all.
func TestBzip2Memory(t *testing.T) {
	b := packedFile(t, "sample.cpio.bz2")
	for level := int64(1); level <= 9; level++ {
		b[3] = byte('0' + level)
		s := NewScanner(bytes.NewReader(b))
		_, err := readStream(s, Bzip2, 0, int64(len(b)))
		require.NoError(t, err)
		assert.Equal(t, level*400_000, s.dec.setup)
		s.dec.setup = setupMax - level*400_000
		_, err = readStream(s, Bzip2, 0, int64(len(b)))
		require.NoError(t, err)
		_, err = readStream(s, Bzip2, 0, int64(len(b)))
		assert.Equal(t, &Fault{ID: Unread, Text: "too many bzip2 streams to decode them all"}, err)
		s.Close()
	}
}

func TestBzip2InputReads(t *testing.T) {
	b := packedFile(t, "two.bz2")
	s := NewScanner(bytes.NewReader(b))
	defer s.Close()
	st, err := s.Measure(Bzip2, 0, int64(len(b)))
	require.NoError(t, err)
	_, err = s.Open(st)
	require.NoError(t, err)
	in := &bzip2Input{in: s.dec.in, p: &s.p, st: st}
	n, err := in.Read(nil)
	require.NoError(t, err)
	assert.Zero(t, n)
	got, err := io.ReadAll(in)
	require.NoError(t, err)
	assert.Equal(t, b[:len(b)/2], got, "one stream, and nothing of the next")
	_, err = in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}
