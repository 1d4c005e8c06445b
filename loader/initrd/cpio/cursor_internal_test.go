package cpio

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// A file and a stream are read alike, whatever the reader hands out at a time.
func TestCursorsAgree(t *testing.T) {
	data := make([]byte, 3*streamBuf+17)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.IntN(2) * r.IntN(256)) // runs of zeros, too
	}
	readers := map[string]func() *Cursor{
		"file":        func() *Cursor { return NewFileCursor(bytes.NewReader(data), 0, int64(len(data))) },
		"stream":      func() *Cursor { return NewStreamCursor(bytes.NewReader(data)) },
		"half reads":  func() *Cursor { return NewStreamCursor(iotest.HalfReader(bytes.NewReader(data))) },
		"data at EOF": func() *Cursor { return NewStreamCursor(iotest.DataErrReader(bytes.NewReader(data))) },
	}
	for name, open := range readers {
		t.Run(name, func(t *testing.T) {
			c, at, r := open(), 0, rand.New(rand.NewPCG(3, 4))
			for at < len(data) {
				at += step(t, c, data[at:], r)
				require.EqualValues(t, at, c.pos)
			}
			b, err := c.Peek(1)
			require.NoError(t, err)
			assert.Empty(t, b)
			n, err := c.skip(5)
			require.NoError(t, err)
			assert.Zero(t, n)
		})
	}
}

// step does one random thing and returns how far it has to have gone.
func step(t *testing.T, c *Cursor, rest []byte, r *rand.Rand) int {
	t.Helper()
	n := min(len(rest), r.IntN(1<<r.IntN(17)))
	switch r.IntN(4) {
	case 0:
		want := rest[:min(n, cursorBuf)]
		got, err := c.Peek(len(want))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
		return 0
	case 1:
		got, err := c.skip(int64(n))
		require.NoError(t, err)
		require.EqualValues(t, n, got)
		return n
	case 2:
		zeros := len(rest) - len(bytes.TrimLeft(rest, "\x00"))
		got, err := c.Zeros()
		require.NoError(t, err)
		require.EqualValues(t, zeros, got)
		return zeros
	}
	var b bytes.Buffer
	got, err := c.copyTo(&b, int64(n))
	require.NoError(t, err)
	require.EqualValues(t, n, got)
	require.True(t, bytes.Equal(rest[:n], b.Bytes()))
	return n
}

func TestCursorErrors(t *testing.T) {
	for name, open := range map[string]func() *Cursor{
		"file": func() *Cursor {
			return NewFileCursor(fixtures.BadDisk{ReaderAt: strings.NewReader(strings.Repeat("x", 100)), From: 40}, 30, 100)
		},
		"stream": func() *Cursor {
			return NewStreamCursor(io.MultiReader(strings.NewReader("xx"), iotest.ErrReader(fixtures.ErrDisk)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open().Peek(30)
			require.ErrorIs(t, err, fixtures.ErrDisk)
			_, err = open().copyTo(io.Discard, 30)
			require.ErrorIs(t, err, fixtures.ErrDisk)
		})
	}
	c := NewStreamCursor(strings.NewReader("abc"))
	_, err := c.copyTo(failing{}, 3)
	require.ErrorIs(t, err, fixtures.ErrDisk)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, fixtures.ErrDisk }

func TestHex8(t *testing.T) {
	for s, want := range map[string]uint32{"00000000": 0, "0000000f": 15, "0000000F": 15, "DEADbeef": 0xdeadbeef, "ffffffff": 1<<32 - 1} {
		got, ok := hex8([]byte(s))
		assert.True(t, ok, s)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{"0000000g", "0x000000", "       1", "-0000001", "@0000000", "0000000\x00", "`0000000", "G0000000"} {
		_, ok := hex8([]byte(s))
		assert.False(t, ok, s)
	}
}

func TestSum(t *testing.T) {
	data := make([]byte, 5000)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range data {
		data[i] = byte(r.Uint32() | 0xf0)
	}
	for _, n := range []int{0, 1, 7, 8, 9, 1023, 1024, 1025, 4999} {
		want := Sum(0)
		for _, c := range data[:n] {
			want += Sum(c)
		}
		var got Sum
		_, err := got.Write(data[:n])
		require.NoError(t, err)
		assert.Equal(t, want, got, n)
	}
}
