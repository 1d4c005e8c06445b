package luks2

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sized is a valid header of any size, with room for a change before its checksum.
func sized(magic string, at, size int64, json string, change func([]byte)) []byte {
	b := append(header(magic, at, 5, json), make([]byte, max(size-minSize, 0))...)[:size]
	binary.BigEndian.PutUint64(b[8:], uint64(size))
	if change != nil {
		change(b)
	}
	clear(b[checksumAt : checksumAt+checksumSize])
	sum := sha256.Sum256(b)
	copy(b[checksumAt:], sum[:])
	return b
}

const tokenOne, tokenTwo = `{"tokens":{"1":{"type":"a"}}}`, `{"tokens":{"2":{"type":"b"}}}`

// numbers are those of the tokens that are read.
func numbers(t testing.TB, volume []byte) []int {
	t.Helper()
	h, err := Read(bytes.NewReader(volume))
	require.NoError(t, err)
	var all []int
	for _, token := range h.Tokens {
		all = append(all, token.Number)
	}
	return all
}

// TestSizesOfHeaders are the ones of the specification: 16 KiB doubled up to 4 MiB. A
// secondary header follows the primary one at once, and is found where that is wiped.
func TestSizesOfHeaders(t *testing.T) {
	var sizes []int64
	for size := int64(4 << 10); size <= 8<<20; size *= 2 {
		valid := size >= 16<<10 && size <= 4<<20
		pair := append(sized(primary, 0, size, tokenOne, nil), sized(secondary, size, size, tokenTwo, nil)...)
		if !valid {
			_, err := Read(bytes.NewReader(pair))
			require.ErrorIs(t, err, ErrHeader)
			assert.EqualError(t, err, fmt.Sprintf("malformed LUKS2 header: at 0: size %d, offset 0", size))
			clear(pair[:size])
			_, err = Read(bytes.NewReader(pair))
			assert.ErrorIs(t, err, ErrNotLUKS2, size)
			continue
		}
		sizes = append(sizes, size)
		assert.Equal(t, []int{1}, numbers(t, pair), size)
		binary.BigEndian.PutUint64(pair[size+16:], 6)
		assert.Equal(t, []int{1}, numbers(t, pair), "the checksum of the newer one is wrong now")
		pair[4100] ^= 1
		pair[size+23] = 5
		assert.Equal(t, []int{2}, numbers(t, pair), size)
		clear(pair[:size])
		assert.Equal(t, []int{2}, numbers(t, pair), size)
	}
	assert.Len(t, sizes, 9)
	_, err := Read(bytes.NewReader(sized(primary, 0, 24<<10, tokenOne, nil)))
	assert.EqualError(t, err, "malformed LUKS2 header: at 0: size 24576, offset 0", "no power of two")
}

// TestSequences: the higher one counts, as a number of 64 bits without a sign.
func TestSequences(t *testing.T) {
	pair := func(first, second uint64) []byte {
		return append(header(primary, 0, first, tokenOne), header(secondary, minSize, second, tokenTwo)...)
	}
	for _, c := range []struct {
		first, second uint64
		want          int
	}{
		{5, 4, 1}, {5, 5, 1}, {5, 6, 2}, {0, 0, 1}, {0, 1, 2},
		{math.MaxUint64, 1, 1}, {1, math.MaxUint64, 2}, {math.MaxInt64, math.MaxInt64 + 1, 2}, {1 << 32, 1<<32 - 1, 1},
	} {
		assert.Equal(t, []int{c.want}, numbers(t, pair(c.first, c.second)), "%d and %d", c.first, c.second)
	}
}

// TestOtherSignatures: each place has a signature and a version of its own.
func TestOtherSignatures(t *testing.T) {
	good := both(tokenOne, tokenTwo, 1)
	for name, c := range map[string]struct {
		change func([]byte)
		want   []int // nil for ErrNotLUKS2
	}{
		"both":                  {func([]byte) {}, []int{2}},
		"version 1":             {func(b []byte) { b[7] = 1; clear(b[minSize:]) }, nil},
		"version 3":             {func(b []byte) { b[7] = 3; clear(b[minSize:]) }, nil},
		"version 258":           {func(b []byte) { b[6] = 1; clear(b[minSize:]) }, nil},
		"secondary in front":    {func(b []byte) { copy(b, secondary); clear(b[minSize:]) }, nil},
		"primary twice":         {func(b []byte) { copy(b[minSize:], primary) }, []int{1}},
		"version 3 in the rear": {func(b []byte) { b[minSize+7] = 3 }, []int{1}},
		"one letter":            {func(b []byte) { b[5] ^= 1; clear(b[minSize:]) }, nil},
		"version, and a rear":   {func(b []byte) { b[7] = 3 }, []int{2}},
	} {
		b := bytes.Clone(good)
		c.change(b)
		if c.want == nil {
			_, err := Read(bytes.NewReader(b))
			assert.ErrorIs(t, err, ErrNotLUKS2, name)
			assert.EqualError(t, err, "not a LUKS2 volume", name)
			continue
		}
		assert.Equal(t, c.want, numbers(t, b), name)
	}
}

// TestOffsetsOfHeaders: a header that was copied from elsewhere is not one of this
// volume, whatever its checksum.
func TestOffsetsOfHeaders(t *testing.T) {
	moved := header(secondary, minSize, 9, tokenTwo)
	pair := append(header(primary, 0, 5, tokenOne), make([]byte, 8*minSize)...)
	for _, at := range []int{minSize, 2 * minSize, 4 * minSize} {
		b := bytes.Clone(pair)
		copy(b[at:], moved)
		want := []int{1}
		if at == minSize {
			want = []int{2}
		}
		assert.Equal(t, want, numbers(t, b), at)
		clear(b[:minSize])
		if _, err := Read(bytes.NewReader(b)); at != minSize {
			assert.ErrorIs(t, err, ErrNotLUKS2, at)
		}
	}
	_, err := Read(bytes.NewReader(sized(primary, 0, minSize, tokenOne, func(b []byte) { b[263] = 1 })))
	assert.EqualError(t, err, "malformed LUKS2 header: at 0: size 16384, offset 1")
}
