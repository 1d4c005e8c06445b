package compress

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const zstdMagic = "\x28\xb5\x2f\xfd"

// Kinds of blocks (RFC 8878, 3.1.1.2.2).
const (
	zstdRaw = iota
	zstdRLE
	zstdPacked
	zstdReserved
)

// zstdBlock is the header of a block.
func zstdBlock(last bool, kind, size int) string {
	h := size<<3 | kind<<1
	if last {
		h |= 1
	}
	return string([]byte{byte(h), byte(h >> 8), byte(h >> 16)})
}

// The fields of a frame header in all their lengths: the frame ends where it does
// only if each was skipped as long as it is.
func TestZstdHeader(t *testing.T) {
	const (
		damaged    = "stream-damaged: "
		dictionary = damaged + "it needs a dictionary"
		reserved   = damaged + "a reserved bit of its header is set"
		window     = "zstd-window: zstd with a window of more than 128 MiB, which the kernel refuses"
	)
	end := zstdBlock(true, zstdRaw, 0)
	for name, tt := range map[string]struct {
		header, want string
	}{
		"window":                   {"\x00\x00", ""},
		"unused bit":               {"\x10\x00", ""},
		"reserved bit":             {"\x08\x00", reserved},
		"dictionary of 1, zero":    {"\x01\x00\x00", ""},
		"dictionary of 2, zero":    {"\x02\x00\x00\x00", ""},
		"dictionary of 4, zero":    {"\x03\x00\x00\x00\x00\x00", ""},
		"dictionary of 1":          {"\x01\x00\x01", dictionary},
		"dictionary of 2":          {"\x02\x00\x00\x01", dictionary},
		"dictionary of 4":          {"\x03\x00\x00\x00\x00\x01", dictionary},
		"content of 2":             {"\x40\x00\xff\xff", ""},
		"content of 4":             {"\x80\x00\xff\xff\xff\xff", ""},
		"content of 8":             {"\xc0\x00\xff\xff\xff\xff\xff\xff\xff\xff", ""},
		"segment of 1":             {"\x20\xff", ""},
		"segment of 2":             {"\x60\xff\xff", ""},
		"segment of 4":             {"\xa0\x00\x00\x00\x08", ""},
		"segment of 4, too large":  {"\xa0\x01\x00\x00\x08", window},
		"segment of 8":             {"\xe0\x00\x00\x00\x08\x00\x00\x00\x00", ""},
		"segment of 8, too large":  {"\xe0\x00\x00\x00\x00\x01\x00\x00\x00", window},
		"segment, dictionary of 1": {"\x21\x01\x00", dictionary},
		"all fields":               {"\x43\x00\x00\x00\x00\x00\x12\x34", ""},
		"largest window":           {"\x00\x88", ""},
		"window an eighth larger":  {"\x00\x89", window},
		"largest field":            {"\x00\xff", window},
		"window with a dictionary": {"\x01\x89\x01", window},
	} {
		assert.Equal(t, tt.want, reason(t, Zstd, zstdMagic+tt.header+end), name)
		for n := range len(tt.header) {
			assert.Equal(t, cutAt(Zstd, int64(4+n)).ID, judge(t, Zstd, []byte(zstdMagic+tt.header[:n])).ID, "%s, cut to %d", name, n)
		}
	}
}

// A block has at most as many bytes as the window, and 128 KiB.
func TestZstdBlockSize(t *testing.T) {
	const tooLarge = "a block is larger than zstd allows"
	for name, tt := range map[string]struct {
		header  string
		largest int
	}{
		"1 KiB":             {"\x00\x00", 1 << 10},
		"an eighth more":    {"\x00\x01", 1<<10 + 1<<7},
		"seven eighths":     {"\x00\x07", 1<<10 + 7<<7},
		"2 KiB":             {"\x00\x08", 2 << 10},
		"112 KiB":           {"\x00\x36", 112 << 10},
		"128 KiB":           {"\x00\x38", 128 << 10},
		"144 KiB":           {"\x00\x39", 128 << 10},
		"segment of 10":     {"\x20\x0a", 10},
		"segment of none":   {"\x20\x00", 0},
		"segment of 256":    {"\x60\x00\x00", 256},
		"segment of 514":    {"\x60\x02\x01", 2 + 256 + 256},
		"segment in four":   {"\xa0\x04\x03\x02\x00", 128 << 10},
		"segment of 772":    {"\xa0\x04\x03\x00\x00", 0x304},
		"segment in eight":  {"\xe0\x04\x03\x00\x00\x00\x00\x00\x00", 0x304},
		"content in window": {"\x40\x00\x00\x00", 1 << 10}, // of 256 bytes, which is no bound
	} {
		for kind, data := range map[int]func(size int) int{
			zstdRaw:    func(size int) int { return size },
			zstdRLE:    func(int) int { return 1 },
			zstdPacked: func(size int) int { return size },
		} {
			at := 4 + len(tt.header) + 3
			end := int64(at + data(tt.largest))
			s := NewScanner(sparse{0: zstdMagic + tt.header + zstdBlock(true, kind, tt.largest)})
			st, err := s.Measure(Zstd, 0, end+9)
			require.NoError(t, err, name)
			assert.Equal(t, end, st.End, "%s, kind %d", name, kind)
			s = NewScanner(sparse{0: zstdMagic + tt.header + zstdBlock(true, kind, tt.largest+1)})
			_, err = s.Measure(Zstd, 0, end+9)
			assert.Equal(t, &Fault{ID: Damaged, At: int64(at), Text: tooLarge}, err, "%s, kind %d", name, kind)
		}
	}
}

// A frame goes on to its last block, and has a checksum after it where the header
// says so.
func TestZstdBlocks(t *testing.T) {
	const plain, sum = "\x00\x00", "\x04\x00"
	first, last := zstdBlock(false, zstdRaw, 3)+"abc", zstdBlock(true, zstdRLE, 1000)+"x"
	for name, tt := range map[string]struct {
		data string
		want verdict
	}{
		"one":                 {plain + last, verdict{End: 10}},
		"two":                 {plain + first + last, verdict{End: 16}},
		"not the last":        {plain + first, cutAt(Zstd, 12)},
		"half a header":       {plain + first + last[:2], cutAt(Zstd, 12)},
		"without its byte":    {plain + last[:3], cutAt(Zstd, 9)},
		"half a block":        {plain + first[:5], cutAt(Zstd, 9)},
		"checksum":            {sum + last + "abcd", verdict{End: 14}},
		"part of a checksum":  {sum + last + "abc", cutAt(Zstd, 10)},
		"reserved kind":       {plain + zstdBlock(true, zstdReserved, 0), damagedAt(9, "a block of a reserved kind")},
		"reserved kind later": {plain + first + zstdBlock(true, zstdReserved, 0), damagedAt(15, "a block of a reserved kind")},
	} {
		assert.Equal(t, tt.want, judge(t, Zstd, []byte(zstdMagic+tt.data)), name)
	}
	assert.Equal(t, damagedAt(4, "its magic number is damaged"), judge(t, Zstd, []byte("\x50\x2a\x4d\x18\x00\x00\x00\x00\x00\x00\x00\x00")), "a skippable frame")
}

// What was measured by hand is what the decoder makes of it.
func TestZstdContent(t *testing.T) {
	frame := zstdMagic + "\x00\x00" + zstdBlock(false, zstdRaw, 3) + "abc" + zstdBlock(false, zstdRLE, 5) + "x" + zstdBlock(true, zstdRaw, 0)
	for _, after := range []string{"", frame, "\x00\x00\x00\x00", zstdMagic} {
		got, end, err := decodeAll(Zstd, append([]byte(frame), after...))
		require.NoError(t, err, "%q", after)
		assert.Equal(t, "abcxxxxx", string(got))
		assert.EqualValues(t, len(frame), end)
	}
	wrong := []byte(zstdMagic + "\x24\x03" + zstdBlock(true, zstdRaw, 3) + "abc" + "\x00\x00\x00\x00")
	_, _, err := decodeAll(Zstd, wrong)
	require.Error(t, err, "a wrong checksum")
	short := bytes.Replace(wrong, []byte("\x24\x03"), []byte("\x20\x04"), 1)
	_, _, err = decodeAll(Zstd, short[:len(short)-4])
	require.Error(t, err, "less content than the header says")
}
