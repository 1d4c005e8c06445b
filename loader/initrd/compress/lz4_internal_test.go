package compress

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A sparse file has these bytes at these offsets, and zeros elsewhere.
type sparse map[int64]string

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	for at, data := range s {
		for i := range len(data) {
			if to := at + int64(i) - off; to >= 0 && to < int64(len(p)) {
				p[to] = data[i]
			}
		}
	}
	return len(p), nil
}

// lz4Blocks is a legacy stream of blocks that are given as they are.
func lz4Blocks(blocks ...string) string {
	out := LZ4Magic
	for _, b := range blocks {
		out += string([]byte{byte(len(b)), byte(len(b) >> 8), byte(len(b) >> 16), 0}) + b
	}
	return out
}

// The chunks of the legacy format, as unlz4 in lib/decompress_unlz4.c goes over them.
func TestLZ4Measure(t *testing.T) {
	const tooLarge = "a block is larger than lz4 allows"
	one := lz4Blocks("x")
	for name, tt := range map[string]struct {
		data string
		want verdict
	}{
		"two blocks":                   {lz4Blocks("x", "abc"), verdict{End: 16}},
		"zeros are left in place":      {one + "\x00\x00\x00\x00", verdict{End: 9}},
		"less than a size":             {one + "abc", verdict{End: 9}},
		"a stream after a stream":      {one + one, verdict{End: 18}},
		"a magic at the end":           {one + LZ4Magic, verdict{End: 13}},
		"an archive after it":          {one + "070701", verdict{End: 9}},
		"magics alone":                 {LZ4Magic + LZ4Magic + LZ4Magic, verdict{End: 12}},
		"too large at the start":       {LZ4Magic + "\xff\xff\xff\xff", damagedAt(4, tooLarge)},
		"too large in an empty stream": {LZ4Magic + LZ4Magic + "\xff\xff\xff\xff", damagedAt(8, tooLarge)},
		"too large in a second stream": {one + LZ4Magic + "\xff\xff\xff\xff", verdict{End: 9}},
		"first block cut":              {LZ4Magic + "\x02\x00\x00\x00a", cutAt(LZ4, 8)},
		"second block cut":             {one + "\x02\x00\x00\x00a", cutAt(LZ4, 13)},
		"block without data":           {one + "\x02\x00\x00\x00", cutAt(LZ4, 13)},
		"frame format":                 {"\x04\x22\x4d\x18", damagedAt(4, "its magic number is damaged")},
		"magic cut":                    {LZ4Magic[:3], cutAt(LZ4, 0)},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, judge(t, LZ4, []byte(tt.data))) })
	}
}

// LZ4_COMPRESSBOUND of 8 MiB is 8421520, 0x808090.
func TestLZ4LargestBlock(t *testing.T) {
	s := NewScanner(sparse{0: LZ4Magic + "\x90\x80\x80\x00"})
	st, err := s.Measure(LZ4, 0, 8+8421520)
	require.NoError(t, err)
	assert.EqualValues(t, 8+8421520, st.End)
	_, err = s.Measure(LZ4, 0, 8+8421519)
	assert.Equal(t, &Fault{ID: Truncated, At: 8, Text: "the lz4 stream is cut off"}, err)
	s = NewScanner(sparse{0: LZ4Magic + "\x91\x80\x80\x00"})
	_, err = s.Measure(LZ4, 0, 1<<30)
	assert.Equal(t, &Fault{ID: Damaged, At: 4, Text: "a block is larger than lz4 allows"}, err)
}

// Blocks by the description of the format (lz4_Block_format.md), and the rules for
// the end of a block that LZ4_decompress_safe insists on.
func TestLZ4Decode(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, tt := range map[string]struct {
		in   string
		want string
		err  string
	}{
		"literals":                    {"\x50hello", "hello", ""},
		"nothing":                     {"\x00", "", ""},
		"15 literals":                 {"\xf0\x00" + long[:15], long[:15], ""},
		"270 literals":                {"\xf0\xff\x00" + long[:270], long[:270], ""},
		"match of 4":                  {"\x40abcd\x04\x00\x50hello", "abcdabcdhello", ""},
		"match on itself":             {"\x12a\x01\x00\x50bcdef", "aaaaaaabcdef", ""},
		"match of 19":                 {"\x1fa\x01\x00\x00\x50bcdef", strings.Repeat("a", 20) + "bcdef", ""},
		"match of 275":                {"\x1fa\x01\x00\xff\x01\x50bcdef", strings.Repeat("a", 276) + "bcdef", ""},
		"8 bytes after literals":      {"\x10a\x01\x00\x50bcdef", "aaaaabcdef", ""},
		"7 bytes after literals":      {"\x10a\x01\x00\x40bcde", "", errLZ4End.Error()},
		"length before the last 5":    {"\x1fa\x01\x00\x00\x40bcde", strings.Repeat("a", 20) + "bcde", ""},
		"length in the last 5":        {"\x1fa\x01\x00\xff\x00\x30bcd", "", errLZ4End.Error()},
		"ends in a match":             {"\x10a\x01\x00\x10b\x01\x00", "", errLZ4End.Error()},
		"literals that are not there": {"\x60hello", "", errLZ4End.Error()},
		"bytes after the literals":    {"\x40hello", "", errLZ4End.Error()},
		"length that does not end":    {"\xf0\xff\xff", "", errLZ4End.Error()},
		"offset 0":                    {"\x10a\x00\x00\x50bcdef", "", "lz4: invalid source or destination buffer too short"},
		"offset before the start":     {"\x10a\x02\x00\x50bcdef", "", "lz4: invalid source or destination buffer too short"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := lz4Decode([]byte(tt.in), make([]byte, 1000))
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(got))
			if len(tt.want) > 0 {
				_, err = lz4Decode([]byte(tt.in), make([]byte, len(tt.want)-1))
				assert.Error(t, err, "a block larger than its room")
			}
		})
	}
}

// What a block has in it goes on to the reader in order, also an empty block, up to
// the first block that is damaged; after that nothing more is content.
func TestLZ4ReadBlocks(t *testing.T) {
	got, end, err := decodeAll(LZ4, []byte(lz4Blocks("\x50hello", "\x00", "\x10,")+lz4Blocks("\x60 world")))
	require.NoError(t, err)
	assert.Equal(t, "hello, world", string(got))
	assert.EqualValues(t, 40, end)

	b := []byte(lz4Blocks("\x50hello", "\x60hello", "\x50hello"))
	s := NewScanner(bytes.NewReader(b))
	st, err := s.Measure(LZ4, 0, int64(len(b)))
	require.NoError(t, err)
	r, err := s.Open(st)
	require.NoError(t, err)
	got, err = io.ReadAll(r)
	require.ErrorIs(t, err, errLZ4End)
	assert.Equal(t, "hello", string(got))
	n, err := r.Read(make([]byte, 9))
	assert.Zero(t, n)
	require.ErrorIs(t, err, errLZ4End)
}

func TestLZ4Length(t *testing.T) {
	for name, tt := range map[string]struct {
		b            string
		n            int
		length, next int
	}{
		"in the token":        {"\xff", 14, 14, 0},
		"one byte":            {"\x00\x01", 15, 15, 1},
		"largest of a byte":   {"\xfe\x01", 15, 269, 1},
		"two bytes":           {"\xff\x00", 15, 270, 2},
		"three bytes":         {"\xff\xff\x01", 15, 526, 3},
		"bytes that are over": {"\xff", 15, 270, 2},
		"no byte":             {"", 15, 15, 1},
	} {
		length, next := lz4Length([]byte(tt.b), 0, tt.n)
		assert.Equal(t, []int{tt.length, tt.next}, []int{length, next}, name)
	}
}
