package compress

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// xzPlain is a block header after its size: no sizes, LZMA2 with 128 KiB.
const xzPlain = "\x00\x21\x01\x0a"

// An xzPart is a block.
type xzPart struct {
	header  string // after its size; "": xzPlain
	content string // stored in one chunk
	chunks  string // "": those of the content
}

func vli(v uint64) string { return string(binary.AppendUvarint(nil, v)) }

func xzHead(check byte) string { return XZMagic + string(xzSum([]byte{0, check})) }

// bytes returns the block and its size without the padding.
func (p xzPart) bytes(check byte) (string, uint64) {
	if p.header == "" {
		p.header = xzPlain
	}
	head := "\x00" + p.header
	head += strings.Repeat("\x00", -len(head)&3)
	out := string(xzSum(append([]byte{byte(len(head) / 4)}, head[1:]...)))
	if p.chunks == "" {
		p.chunks = "\x01" + string(binary.BigEndian.AppendUint16(nil, uint16(len(p.content)-1))) + p.content + "\x00"
	}
	out += p.chunks
	size := uint64(len(out))
	out += strings.Repeat("\x00", -len(out)&3)
	if check == xzCRC32 {
		out, size = out+string(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(p.content)))), size+4
	}
	return out, size
}

// xzIndex has these sizes, of a block and of its content in turn.
func xzIndex(count uint64, sizes ...uint64) string {
	out := "\x00" + vli(count)
	for _, n := range sizes {
		out += vli(n)
	}
	return string(xzSum([]byte(out + strings.Repeat("\x00", -len(out)&3))))
}

func xzFoot(check byte, index string) string {
	f := append(binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1)), 0, check)
	return string(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(f))) + string(f) + "YZ"
}

// xzFile is a whole stream, and where its index begins.
func xzFile(check byte, parts ...xzPart) (string, int) {
	out := xzHead(check)
	var sizes []uint64
	for _, p := range parts {
		b, size := p.bytes(check)
		out += b
		sizes = append(sizes, size, uint64(len(p.content)))
	}
	index := xzIndex(uint64(len(parts)), sizes...)
	return out + index + xzFoot(check, index), len(out)
}

// reason is the ID and the text of a fault in a whole stream, "" where there is none.
func reason(t *testing.T, f Format, data string) string {
	t.Helper()
	v := judge(t, f, []byte(data))
	if v.ID == "" {
		assert.EqualValues(t, len(data), v.End)
		return ""
	}
	return string(v.ID) + ": " + v.Text
}

func TestXZWhole(t *testing.T) {
	var many []xzPart
	for i := range 200 { // a count of two bytes
		many = append(many, xzPart{content: strings.Repeat("m", 1+i%5)})
	}
	all := map[string][]xzPart{
		"nothing":         nil,
		"largest chunk":   {{content: strings.Repeat("0123456789abcdef", 4096)}},
		"three blocks":    {{content: "one"}, {content: "three"}, {content: "2"}},
		"many blocks":     many,
		"size of chunks":  {{header: "\x40" + vli(6) + xzPlain[1:], content: "ab"}},
		"size of content": {{header: "\x80" + vli(2) + xzPlain[1:], content: "ab"}},
		"both sizes":      {{header: "\xc0" + vli(6) + vli(2) + xzPlain[1:], content: "ab"}},
		"longer header":   {{header: xzPlain + strings.Repeat("\x00", 1019-4), content: "ab"}},
		"two chunks":      {{content: "abc", chunks: "\x01\x00\x01ab\x02\x00\x00c\x00"}},
	}
	for n := 1; n <= 8; n++ { // all lengths of the padding
		name := strings.Repeat("x", n)
		all[name] = []xzPart{{content: name}}
	}
	for name, parts := range all {
		for _, check := range []byte{0, xzCRC32} {
			file, _ := xzFile(check, parts...)
			var want strings.Builder
			for _, p := range parts {
				want.WriteString(p.content)
			}
			for _, after := range []string{"", "\x00\x00\x00\x00", file, "junk"} {
				got, end, err := decodeAll(XZ, []byte(file+after))
				require.NoError(t, err, "%s, check %d", name, check)
				assert.Equal(t, want.String(), string(got), name)
				assert.EqualValues(t, len(file), end, name)
			}
		}
	}
}

// The index says of each block how long it is, in order; the kernel compares that
// with what it went over.
func TestXZIndex(t *testing.T) {
	const other = "stream-damaged: the xz index belongs to other blocks"
	parts := []xzPart{{content: "abc"}, {content: "a longer one"}}
	file, at := xzFile(xzCRC32, parts...)
	_, first := parts[0].bytes(xzCRC32)
	_, second := parts[1].bytes(xzCRC32)
	for name, tt := range map[string]struct {
		index, want string
	}{
		"right":             {xzIndex(2, first, 3, second, 12), ""},
		"swapped":           {xzIndex(2, second, 12, first, 3), other},
		"contents swapped":  {xzIndex(2, first, 12, second, 3), other},
		"first only":        {xzIndex(1, first, 3), other},
		"one more":          {xzIndex(3, first, 3, second, 12, second, 12), other},
		"none":              {xzIndex(0), other},
		"count too large":   {xzIndex(3, first, 3, second, 12, 0, 0), other},
		"size off by one":   {xzIndex(2, first+1, 3, second, 12), other},
		"size with padding": {xzIndex(2, (first+3)&^3, 3, second, 12), other},
		"content off":       {xzIndex(2, first, 3, second, 11), other},
		"moved between two": {xzIndex(2, first+1, 3, second-1, 12), other},
		"wrong checksum":    {xzIndex(2, first, 3, second, 12)[:8] + "abcd", "stream-damaged: the checksum of an xz header is wrong"},
		"padding not zero":  {string(xzSum([]byte("\x00\x02" + vli(first) + vli(3) + vli(second) + vli(12) + "\x00\x01"))), "stream-damaged: the padding of an xz index is not zero"},
	} {
		assert.Equal(t, tt.want, reason(t, XZ, file[:at]+tt.index+xzFoot(xzCRC32, tt.index)), name)
	}
}

func TestXZFooter(t *testing.T) {
	const other = "stream-damaged: the xz footer belongs to another stream"
	file, at := xzFile(xzCRC32, xzPart{content: "abc"})
	index := file[at : len(file)-xzFooter]
	foot := xzFoot(xzCRC32, index)
	reserved := append([]byte(foot[4:8]), 1, xzCRC32)
	for name, tt := range map[string]struct {
		foot, want string
	}{
		"right":          {foot, ""},
		"first magic":    {foot[:10] + "XZ", "stream-damaged: the xz footer is missing"},
		"last magic":     {foot[:10] + "YX", "stream-damaged: the xz footer is missing"},
		"other check":    {xzFoot(0, index), other},
		"index too long": {xzFoot(xzCRC32, index+"1234"), other},
		"index short":    {xzFoot(xzCRC32, index[4:]), other},
		"reserved":       {string(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(reserved))) + string(reserved) + "YZ", other},
		"checksum":       {"\x00" + foot[1:], other},
		"cut":            {foot[:11], "stream-truncated: the xz stream is cut off"},
	} {
		assert.Equal(t, tt.want, reason(t, XZ, file[:len(file)-xzFooter]+tt.foot), name)
	}
}

// The flags of the stream: a reserved byte, and one of 16 checks of which the
// kernel has two.
func TestXZFlags(t *testing.T) {
	for check := range 256 {
		file, _ := xzFile(byte(check))
		want := ""
		switch {
		case check > 15:
			want = "stream-damaged: xz stream flags that nobody knows"
		case check > 1:
			want = "xz-check: xz with an integrity check other than CRC32, which the kernel refuses"
		}
		assert.Equal(t, want, reason(t, XZ, file), check)
	}
	reserved := XZMagic + string(xzSum([]byte{1, xzCRC32}))
	assert.Equal(t, "stream-damaged: xz stream flags that nobody knows", reason(t, XZ, reserved))
	assert.Equal(t, "stream-damaged: the checksum of an xz header is wrong", reason(t, XZ, XZMagic+"\x00\x04abcd"), "before the check that is refused")
}

// Numbers have at most nine bytes, 63 bits, and the shortest form.
func TestXZNumbers(t *testing.T) {
	read := func(data string) (uint64, int64, error) {
		p := &picker{r: strings.NewReader(data), limit: int64(len(data))}
		return p.vli(), p.pos, p.err
	}
	for _, v := range []uint64{0, 1, 127, 128, 255, 1<<14 - 1, 1 << 14, 1 << 35, 1<<56 - 1, 1 << 56, math.MaxInt64} {
		got, pos, err := read(vli(v) + "\x05")
		require.NoError(t, err, v)
		assert.Equal(t, v, got)
		assert.EqualValues(t, len(vli(v)), pos, v)
	}
	for name, data := range map[string]string{
		"64 bits":            vli(1 << 63),
		"ten bytes":          strings.Repeat("\x80", 9) + "\x01",
		"zero in two":        "\x80\x00",
		"one in two":         "\x81\x00",
		"padded in the last": strings.Repeat("\xff", 8) + "\x00",
	} {
		got, pos, err := read(data)
		assert.Equal(t, &Fault{ID: Damaged, At: pos, Text: "a number that does not end"}, err, name)
		assert.Zero(t, got, name)
	}
	_, _, err := read("\x80\x80")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
