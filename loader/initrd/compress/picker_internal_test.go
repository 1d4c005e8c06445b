package compress

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// A countedReader counts what is read of it.
type countedReader struct {
	*bytes.Reader
	calls int
	bytes int64
}

func (c *countedReader) ReadAt(p []byte, off int64) (int, error) {
	c.calls++
	n, err := c.Reader.ReadAt(p, off)
	c.bytes += int64(n)
	return n, err
}

func TestPickerNumbers(t *testing.T) {
	p := &picker{r: bytes.NewReader([]byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13")), limit: 19}
	assert.Equal(t, byte(1), p.u8())
	assert.Equal(t, int64(0x0203), p.be16())
	assert.Equal(t, int64(0x04050607), p.be32())
	assert.Equal(t, uint32(0x0b0a0908), p.le32())
	assert.Equal(t, uint64(0x131211100f0e0d0c), p.le64())
	require.NoError(t, p.err)
	assert.EqualValues(t, 19, p.pos)
	p = &picker{r: bytes.NewReader([]byte("\xff\xff\xff\xff\xff\xff")), limit: 6}
	assert.Equal(t, int64(0xffff), p.be16(), "no sign")
	assert.Equal(t, int64(0xffffffff), p.be32(), "no sign")
}

// A field that the limit cuts is zero as a whole, and nothing of it is taken; the
// fields after it are zero though they would fit.
func TestPickerFieldPastTheLimit(t *testing.T) {
	for n := range int64(4) {
		p := &picker{r: bytes.NewReader([]byte("\xff\xff\xff\xff\xff\xff\xff\xff")), limit: 2 + n}
		p.skip(2)
		assert.Zero(t, p.be32(), n)
		assert.EqualValues(t, 2, p.pos, n)
		require.ErrorIs(t, p.err, io.ErrUnexpectedEOF)
		assert.Zero(t, p.u8(), n)
		p.skip(1)
		p.zeros(1, "this")
		p.magic("x")
		assert.EqualValues(t, 2, p.pos, n)
		require.ErrorIs(t, p.err, io.ErrUnexpectedEOF)
	}
}

// What a caller writes into the zeros of a failed read is not in the next one.
func TestPickerZerosAreZero(t *testing.T) {
	p := &picker{r: bytes.NewReader(nil)}
	copy(p.bytes(16), "0123456789abcdef")
	assert.Equal(t, make([]byte, 16), p.bytes(16))
}

// Fields are right wherever a window ends, also backwards.
func TestPickerAcrossWindows(t *testing.T) {
	b := make([]byte, 3*pickerWindow)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	p := &picker{r: bytes.NewReader(b)}
	for _, step := range []int64{1, 3, 5, 16} {
		p.at(0, int64(len(b)))
		for p.pos+16 <= p.limit {
			at := p.pos
			require.Equal(t, b[at:at+16], p.bytes(16), "at %d", at)
			p.pos = at + step
		}
	}
	for _, at := range []int64{2*pickerWindow - 1, pickerWindow, pickerWindow - 15, 1, 0} {
		p.at(at, int64(len(b)))
		require.Equal(t, b[at:at+16], p.bytes(16), "back at %d", at)
	}
	require.NoError(t, p.err)
}

// Small fields do not become small reads, and what is skipped is not read.
func TestPickerReads(t *testing.T) {
	c := &countedReader{Reader: bytes.NewReader(make([]byte, 10*pickerWindow))}
	p := &picker{r: c, limit: 10 * pickerWindow}
	for range pickerWindow {
		p.u8()
	}
	assert.Equal(t, 1, c.calls)
	p.skip(8 * pickerWindow)
	for range pickerWindow {
		p.u8()
	}
	require.NoError(t, p.err)
	assert.Equal(t, 2, c.calls)
	assert.EqualValues(t, 2*pickerWindow, c.bytes)
	p.u8()
	assert.Equal(t, 2, c.calls, "nothing is read past the limit")
}

// After a read error the window holds nothing that could be taken for content.
func TestPickerAfterReadError(t *testing.T) {
	p := &picker{r: fixtures.BadDisk{ReaderAt: bytes.NewReader([]byte("abcdefgh")), From: 4}}
	p.at(0, 8)
	assert.Zero(t, p.u8())
	require.ErrorIs(t, p.err, fixtures.ErrDisk)
	p.damaged("no other error takes its place")
	require.ErrorIs(t, p.err, fixtures.ErrDisk)
	p.at(2, 4)
	assert.Equal(t, []byte("cd"), p.bytes(2))
	require.NoError(t, p.err)
	p.at(0, 8)
	assert.Zero(t, p.u8())
	require.ErrorIs(t, p.err, fixtures.ErrDisk)
}

// A file that is shorter than its length said is cut off.
func TestPickerShortFile(t *testing.T) {
	p := &picker{r: bytes.NewReader([]byte("abc")), limit: 8}
	p.skip(8)
	require.NoError(t, p.err, "what is skipped is not looked at")
	p.at(0, 8)
	assert.Zero(t, p.u8())
	require.ErrorIs(t, p.err, io.ErrUnexpectedEOF)
}

func TestPickerChecks(t *testing.T) {
	for name, tt := range map[string]struct {
		data string
		do   func(p *picker)
		pos  int64
		err  error
	}{
		"magic":               {"abc", func(p *picker) { p.magic("abc") }, 3, nil},
		"other magic":         {"abd", func(p *picker) { p.magic("abc") }, 3, &Fault{ID: Damaged, At: 3, Text: "its magic number is damaged"}},
		"magic that is cut":   {"ab", func(p *picker) { p.magic("abc") }, 0, io.ErrUnexpectedEOF},
		"zeros":               {"\x00\x00\x01", func(p *picker) { p.zeros(2, "it") }, 2, nil},
		"no zeros":            {"\x01", func(p *picker) { p.zeros(0, "it") }, 0, nil},
		"one byte of zeros":   {"\x00\x01\x01", func(p *picker) { p.zeros(3, "it") }, 2, &Fault{ID: Damaged, At: 2, Text: "it is not zero"}},
		"zeros that are cut":  {"\x00", func(p *picker) { p.zeros(2, "it") }, 1, io.ErrUnexpectedEOF},
		"skip to the end":     {"abc", func(p *picker) { p.skip(3) }, 3, nil},
		"skip nothing":        {"abc", func(p *picker) { p.skip(0) }, 0, nil},
		"skip past the end":   {"abc", func(p *picker) { p.skip(4) }, 0, io.ErrUnexpectedEOF},
		"skip backwards":      {"abc", func(p *picker) { p.skip(1); p.skip(-1) }, 1, io.ErrUnexpectedEOF},
		"the first fault":     {"abc", func(p *picker) { p.skip(1); p.fail(XZCheck, "%d", 1); p.damaged("two") }, 1, &Fault{ID: XZCheck, At: 1, Text: "1"}},
		"no move after fault": {"abc", func(p *picker) { p.damaged("%s", "it"); p.skip(1); p.u8() }, 0, &Fault{ID: Damaged, Text: "it"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &picker{r: bytes.NewReader([]byte(tt.data)), limit: int64(len(tt.data))}
			tt.do(p)
			assert.Equal(t, tt.err, p.err)
			assert.Equal(t, tt.pos, p.pos)
		})
	}
}
