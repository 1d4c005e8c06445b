package luks2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counted is a volume that counts what is read of it.
type counted struct {
	r            io.ReaderAt
	reads, bytes int
	end          int64
}

// ReadAt counts.
func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	c.reads, c.bytes, c.end = c.reads+1, c.bytes+n, max(c.end, off+int64(n))
	return n, err
}

// TestReadsAreFew: a volume is large, and only its headers are read. Where there are
// none, each place for one is looked at once.
func TestReadsAreFew(t *testing.T) {
	const large = 32 << 20
	whole := append(both(tokenOne, tokenTwo, 0), make([]byte, large)...)
	c := &counted{r: bytes.NewReader(whole)}
	_, err := Read(c)
	require.NoError(t, err)
	assert.Equal(t, 2*minSize, c.bytes)
	assert.Equal(t, int64(2*minSize), c.end)

	c = &counted{r: bytes.NewReader(make([]byte, large))}
	_, err = Read(c)
	require.ErrorIs(t, err, ErrNotLUKS2)
	assert.Equal(t, 10, c.reads, "at 0 and at 16 KiB to 4 MiB")
	assert.Equal(t, 10*binarySize, c.bytes)
	assert.Equal(t, int64(maxSize+binarySize), c.end)
}

// TestReadFailsSomewhere: an area that cannot be read is one that is damaged; the
// other header replaces it.
func TestReadFailsSomewhere(t *testing.T) {
	whole := both(tokenOne, tokenTwo, 1)
	for from, want := range map[int64]int{0: 2, binarySize: 2, minSize - 1: 2, minSize: 1, minSize + binarySize: 1, 2*minSize - 1: 1} {
		h, err := Read(brokenFrom{bytes.NewReader(whole), from})
		require.NoError(t, err, from)
		require.Len(t, h.Tokens, 1)
		assert.Equal(t, want, h.Tokens[0].Number, "broken at %d", from)
	}
	_, err := Read(brokenFrom{bytes.NewReader(whole[:minSize]), 5000})
	require.ErrorIs(t, err, errBroken)
	assert.EqualError(t, err, "malformed LUKS2 header: at 0: broken")
}

// brokenFrom is a volume with one byte that cannot be read.
type brokenFrom struct {
	r    io.ReaderAt
	from int64
}

// ReadAt reads up to the byte.
func (b brokenFrom) ReadAt(p []byte, off int64) (int, error) {
	if off > b.from || off+int64(len(p)) <= b.from {
		return b.r.ReadAt(p, off)
	}
	n, err := b.r.ReadAt(p[:b.from-off], off)
	return n, errors.Join(errBroken, err)
}

// TestTruncatedHeaders: with a signature it is a header, and a malformed one.
func TestTruncatedHeaders(t *testing.T) {
	whole := header(primary, 0, 5, tokenOne)
	for n := 0; n < len(whole); n += 1 + n/100 {
		_, err := Read(bytes.NewReader(whole[:n]))
		require.Error(t, err, n)
		require.Equal(t, n < 8, errors.Is(err, ErrNotLUKS2), n)
		require.Equal(t, n >= 8, errors.Is(err, ErrHeader) && errors.Is(err, io.ErrUnexpectedEOF), n)
	}
	_, err := Read(bytes.NewReader(whole[:len(whole)-1]))
	assert.EqualError(t, err, "malformed LUKS2 header: at 0: unexpected EOF")
}

// TestFieldsOfHeaders end at a NUL, or where they are full.
func TestFieldsOfHeaders(t *testing.T) {
	const uuid = "0123456789abcdef0123456789abcdef01234567" // 40 bytes
	whole := sized(primary, 0, minSize, tokenOne, func(b []byte) { copy(b[168:], uuid); b[208] = 'x' })
	h, err := Read(bytes.NewReader(whole))
	require.NoError(t, err)
	assert.Equal(t, uuid, h.UUID)
	h, err = Read(bytes.NewReader(sized(primary, 0, minSize, tokenOne, func(b []byte) { copy(b[168:], "a\x00b") })))
	require.NoError(t, err)
	assert.Equal(t, "a", h.UUID)

	full := bytes.Repeat([]byte{' '}, minSize-binarySize)
	copy(full, tokenOne)
	assert.Equal(t, []int{1}, numbers(t, sized(primary, 0, minSize, string(full), nil)), "JSON without a NUL after it")
	assert.Equal(t, []int{1}, numbers(t, sized(primary, 0, minSize, tokenOne+"\x00}}", nil)), "what is after the NUL is nothing")
}

// TestErrorsOfHeaders say where the first one is wrong, and how.
func TestErrorsOfHeaders(t *testing.T) {
	size := func(n uint64) []byte {
		return sized(primary, 0, minSize, tokenOne, func(b []byte) { binary.BigEndian.PutUint64(b[8:], n) })
	}
	for want, volume := range map[string][]byte{
		"wrong checksum":                     append(header(primary, 0, 5, tokenOne)[:minSize-1], 1),
		"unexpected end of JSON input":       both("{", "]", 0),
		`token number "01"`:                  both(`{"tokens":{"01":{}}}`, "{", 0),
		"size 0, offset 0":                   size(0),
		"size 16383, offset 0":               size(minSize - 1),
		"size 9223372036854775808, offset 0": size(1 << 63),
		"size 9223372036854792192, offset 0": size(1<<63 + minSize),
	} {
		_, err := Read(bytes.NewReader(volume))
		require.ErrorIs(t, err, ErrHeader)
		assert.EqualError(t, err, "malformed LUKS2 header: at 0: "+want)
	}
	_, err := Read(bytes.NewReader(sized(primary, 0, minSize, tokenOne, func(b []byte) { copy(b[72:], "blake2b\x00") })))
	assert.EqualError(t, err, "malformed LUKS2 header: at 0: wrong checksum", "by no algorithm that is known here")
}
