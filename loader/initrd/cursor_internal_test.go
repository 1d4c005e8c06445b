package initrd

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file and a stream are read alike, whatever the reader hands out at a time.
func TestCursorsAgree(t *testing.T) {
	data := make([]byte, 3*streamBuf+17)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.IntN(2) * r.IntN(256)) // runs of zeros, too
	}
	readers := map[string]func() *cursor{
		"file":        func() *cursor { return fileCursor(bytes.NewReader(data), 0, int64(len(data))) },
		"stream":      func() *cursor { return streamCursor(bytes.NewReader(data)) },
		"half reads":  func() *cursor { return streamCursor(iotest.HalfReader(bytes.NewReader(data))) },
		"data at EOF": func() *cursor { return streamCursor(iotest.DataErrReader(bytes.NewReader(data))) },
	}
	for name, open := range readers {
		t.Run(name, func(t *testing.T) {
			c, at, r := open(), 0, rand.New(rand.NewPCG(3, 4))
			for at < len(data) {
				at += step(t, c, data[at:], r)
				require.EqualValues(t, at, c.pos)
			}
			b, err := c.peek(1)
			require.NoError(t, err)
			assert.Empty(t, b)
			n, err := c.skip(5)
			require.NoError(t, err)
			assert.Zero(t, n)
		})
	}
}

// step does one random thing and tells how far it has to have gone.
func step(t *testing.T, c *cursor, rest []byte, r *rand.Rand) int {
	t.Helper()
	n := min(len(rest), r.IntN(1<<r.IntN(17)))
	switch r.IntN(4) {
	case 0:
		want := rest[:min(n, cursorBuf)]
		got, err := c.peek(len(want))
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
		got, err := c.zeros()
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
	for name, open := range map[string]func() *cursor{
		"file": func() *cursor { return fileCursor(broken{strings.NewReader(strings.Repeat("x", 100))}, 30, 100) },
		"stream": func() *cursor {
			return streamCursor(io.MultiReader(strings.NewReader("xx"), iotest.ErrReader(errDisk)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open().peek(30)
			require.ErrorIs(t, err, errDisk)
			_, err = open().copyTo(io.Discard, 30)
			require.ErrorIs(t, err, errDisk)
		})
	}
	c := streamCursor(strings.NewReader("abc"))
	_, err := c.copyTo(failing{}, 3)
	require.ErrorIs(t, err, errDisk)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errDisk }

func TestContentSlices(t *testing.T) {
	f := scratch(t, []byte("0123456789"))
	c, err := Member{Name: "m", Parts: []Part{
		{Data: []byte("abc"), Zeros: 2}, {File: f, Offset: 3, Size: 4}, {Zeros: 1}, {Data: []byte("xyz")},
	}}.content()
	require.NoError(t, err)
	const all = "abc\x00\x003456\x00xyz"
	require.EqualValues(t, len(all), c.size)
	for from := range len(all) + 1 {
		for to := from; to <= len(all); to++ {
			s := c.slice(int64(from), int64(to))
			require.EqualValues(t, to-from, s.size)
			got := make([]byte, s.size)
			if len(got) > 0 {
				_, err := s.ReadAt(got, 0)
				require.NoError(t, err)
			}
			require.Equal(t, all[from:to], string(got))
		}
	}
	_, err = c.ReadAt(make([]byte, 1), -1)
	require.ErrorIs(t, err, io.EOF)
}

func TestByteSum(t *testing.T) {
	data := bytes.Repeat([]byte{255, 1}, 100_000)
	sum, err := byteSum(bytes.NewReader(data), 1, 199_999)
	require.NoError(t, err)
	assert.EqualValues(t, 100_000*256-255, sum)
}

// The callback is not called for every block of a fast copy.
func TestProgressIsThrottled(t *testing.T) {
	calls, last := 0, int64(0)
	p := &progress{total: 100_000, fn: func(done, _ int64) { calls++; last = done }}
	for range 100_000 {
		p.add(1)
	}
	assert.Less(t, calls, 50)
	assert.EqualValues(t, 100_000, last)
	(*progress)(nil).add(1)
	(&progress{}).add(1)
}

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
