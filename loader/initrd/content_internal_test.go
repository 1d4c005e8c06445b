package initrd

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
