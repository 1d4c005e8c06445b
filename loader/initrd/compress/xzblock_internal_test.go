package compress

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// xzChunk is a chunk of LZMA2: 3 bytes that become 5, and 64 KiB for each count in
// the control byte; or 3 bytes as they are.
func xzChunk(control byte) string {
	switch {
	case control >= 0xc0:
		return string([]byte{control, 0, 4, 0, 2}) + "P" + "abc"
	case control >= 0x80:
		return string([]byte{control, 0, 4, 0, 2}) + "abc"
	}
	return string([]byte{control, 0, 2}) + "abc"
}

// What a chunk needs before it: a dictionary that was emptied, and for LZMA
// properties since (xz_dec_lzma2_run in lib/xz/xz_dec_lzma2.c).
func TestXZChunks(t *testing.T) {
	for controls, content := range map[string]int64{ // 0: refused
		"":                     0,
		"\x01":                 3,
		"\x01\x02\x02\x01":     12,
		"\xe0":                 5,
		"\xe0\x80\xa0\xbf":     4*5 + 31<<16,
		"\xff\xc1\xdf":         3*5 + 31<<16 + 1<<16 + 31<<16,
		"\xe0\x02\x80":         13,
		"\xe0\x01\xc0\x9f":     5 + 3 + 5 + 5 + 31<<16,
		"\x01\xc0\x80":         13,
		"\x01\xe0\x80":         13,
		"\x02":                 0, // no dictionary
		"\x80":                 0,
		"\xc0":                 0,
		"\xdf":                 0,
		"\x03":                 0, // no kind
		"\x01\x03":             0,
		"\xe0\x7f":             0,
		"\x01\x80":             0, // no properties
		"\x01\xbf":             0,
		"\xe0\x01\x80":         0,
		"\xe0\x80\x01\x02\xa0": 0,
	} {
		var data string
		for i := range len(controls) {
			data += xzChunk(controls[i])
		}
		data += "\x00"
		x := xzStream{picker: &picker{r: strings.NewReader(data), limit: int64(len(data))}}
		var b xzBlock
		x.chunks(&b)
		if content == 0 && controls != "" {
			var f *Fault
			require.ErrorAs(t, x.err, &f, "%x", controls)
			assert.Equal(t, Damaged, f.ID)
			assert.Equal(t, "an LZMA2 chunk of an unknown kind", f.Text)
			continue
		}
		require.NoError(t, x.err, "%x", controls)
		assert.Equal(t, content, b.content, "%x", controls)
		assert.EqualValues(t, len(data), x.pos, "%x", controls)
	}
}

// The sizes of chunks at their limits: 64 KiB stored and packed, 2 MiB of content.
func TestXZChunkSizes(t *testing.T) {
	for name, tt := range map[string]struct {
		head          string
		content, size int64
	}{
		"stored":            {"\x01\xff\xff", 1 << 16, 1 << 16},
		"stored, one byte":  {"\x01\x00\x00", 1, 1},
		"packed":            {"\xff\xff\xff\xff\xff", 2 << 20, 1 + 1<<16},
		"packed, one byte":  {"\xe0\x00\x00\x00\x00", 1, 1 + 1},
		"bytes in an order": {"\xe1\x02\x03\x04\x05", 0x10204, 1 + 0x406},
	} {
		end := int64(len(tt.head)) + tt.size
		x := xzStream{picker: &picker{r: sparse{0: tt.head}, limit: end + 1}}
		var b xzBlock
		x.chunks(&b)
		require.NoError(t, x.err, name)
		assert.Equal(t, xzBlock{content: tt.content}, b, name)
		assert.Equal(t, end+1, x.pos, name)
	}
}

// The filters that the kernel has, by their numbers in the format's description, and
// the option for each. The last two only the kernel decodes.
func TestXZFilters(t *testing.T) {
	options := map[byte]string{
		4: "CONFIG_XZ_DEC_X86", 5: "CONFIG_XZ_DEC_POWERPC", 6: "CONFIG_XZ_DEC_IA64", 7: "CONFIG_XZ_DEC_ARM",
		8: "CONFIG_XZ_DEC_ARMTHUMB", 9: "CONFIG_XZ_DEC_SPARC", 10: "CONFIG_XZ_DEC_ARM64", 11: "CONFIG_XZ_DEC_RISCV",
	}
	unread := map[byte]string{
		10: "xz with the filter arm64 cannot be decoded here", 11: "xz with the filter riscv cannot be decoded here",
	}
	for id := byte(0); id < 0x80; id++ {
		file, _ := xzFile(xzCRC32, xzPart{header: "\x01" + string([]byte{id}) + "\x00\x21\x01\x0a", content: "abc"})
		st, err := measure(XZ, []byte(file))
		if options[id] == "" {
			var f *Fault
			require.ErrorAs(t, err, &f, id)
			assert.Equal(t, XZFilter, f.ID)
			assert.Regexp(t, "^xz with the filter 0x[0-9a-f]+, which the kernel refuses$", f.Text)
			continue
		}
		require.NoError(t, err, id)
		assert.Equal(t, Stream{Format: XZ, End: int64(len(file)), Known: true, Option: options[id], dict: 128 << 10, unread: unread[id]}, st)
		s := NewScanner(strings.NewReader(file))
		if _, err := s.Open(st); unread[id] != "" {
			assert.Equal(t, &Fault{ID: Unread, Text: unread[id]}, err)
		} else {
			assert.NoError(t, err, id)
		}
		s.Close()
	}
}

// What the header of a block may say, with the reason for which the kernel refuses
// the rest (dec_block_header).
func TestXZBlockHeader(t *testing.T) {
	const last = "xz-filter: xz without LZMA2 as its last filter, which the kernel refuses"
	const many = "xz-filter: xz with more filters than one before LZMA2, which the kernel refuses"
	const long = "stream-damaged: an xz block is not as long as its header says"
	lzma2 := xzPlain[1:]
	for name, tt := range map[string]struct {
		header, want string
	}{
		"plain":                  {xzPlain, ""},
		"one filter":             {"\x01\x04\x00" + lzma2, ""},
		"two filters":            {"\x02\x04\x00\x04\x00" + lzma2, many},
		"three filters":          {"\x03\x04\x00\x04\x00\x04\x00" + lzma2, many},
		"reserved bit":           {"\x04" + lzma2, many},
		"last reserved bit":      {"\x20" + lzma2, many},
		"filter with properties": {"\x01\x07\x04\x00\x00\x00\x00" + lzma2, "xz-filter: xz with the filter arm and properties, which the kernel refuses"},
		"filter alone":           {"\x00\x04\x00\x00", last},
		"LZMA1":                  {"\x00\x20\x01\x0a", last},
		"LZMA2 before LZMA2":     {"\x01\x21\x01\x0a" + lzma2, "xz-filter: xz with the filter 0x21, which the kernel refuses"},
		"no properties":          {"\x00\x21\x00\x0a", last},
		"two bytes of them":      {"\x00\x21\x02\x0a\x00", last},
		"4 GiB of dictionary":    {"\x00\x21\x01\x28", "stream-damaged: an xz dictionary is larger than the kernel allows"},
		"high bit":               {"\x00\x21\x01\x80", "stream-damaged: an xz dictionary is larger than the kernel allows"},
		"padding":                {xzPlain + "\x00\x00\x01", "stream-damaged: the padding of an xz block header is not zero"},
		"chunks longer":          {"\x40" + vli(6) + lzma2, long},
		"chunks shorter":         {"\x40" + vli(8) + lzma2, long},
		"content longer":         {"\x80" + vli(2) + lzma2, long},
		"content shorter":        {"\x80" + vli(4) + lzma2, long},
		"sizes right":            {"\xc0" + vli(7) + vli(3) + lzma2, ""},
		"sizes swapped":          {"\xc0" + vli(3) + vli(7) + lzma2, long},
		"size that is padded":    {"\x40\x87\x00" + lzma2, "stream-damaged: a number that does not end"},
	} {
		file, _ := xzFile(xzCRC32, xzPart{header: tt.header, content: "abc"})
		assert.Equal(t, tt.want, reason(t, XZ, file), name)
	}
}

// A header whose fields go on into its checksum, which is a size of a dictionary by
// chance.
func TestXZBlockHeaderTooShort(t *testing.T) {
	for v := uint64(1 << 21); ; v++ {
		header := "\x40" + vli(v) + "\x21\x01"
		require.Len(t, header, 7)
		b, _ := xzPart{header: header, content: "abc"}.bytes(xzCRC32)
		if b[8] > xzDictMax {
			continue
		}
		assert.Equal(t, "stream-damaged: an xz block header is too short", reason(t, XZ, xzHead(xzCRC32)+b))
		return
	}
}

// Each byte of the padding of a block is compared.
func TestXZBlockPadding(t *testing.T) {
	for n := 1; n <= 4; n++ {
		file, at := xzFile(0, xzPart{content: strings.Repeat("x", n)})
		padding := -n & 3 // the chunk has four bytes besides
		for i := range padding {
			b := []byte(file)
			b[at-1-i] = 1
			assert.Equal(t, "stream-damaged: the padding of an xz block is not zero", reason(t, XZ, string(b)), "%d of %d", i, padding)
		}
	}
}

// The dictionary is 2 or 3 times a power of two (xz file format, 5.3.1). What a
// stream needs is the largest of its blocks.
func TestXZDictionary(t *testing.T) {
	of := func(dict byte) xzPart { return xzPart{header: xzPlain[:3] + string([]byte{dict}), content: "abc"} }
	for dict, want := range map[byte]int64{
		0: 4 << 10, 1: 6 << 10, 2: 8 << 10, 3: 12 << 10, 18: 2 << 20, 30: 128 << 20, 31: 192 << 20, 38: 2 << 30, 39: 3 << 30,
	} {
		for _, parts := range [][]xzPart{{of(dict)}, {of(dict), of(0)}, {of(0), of(dict)}} {
			file, _ := xzFile(0, parts...)
			st, err := measure(XZ, []byte(file))
			require.NoError(t, err)
			assert.Equal(t, want, st.dict, dict)
		}
	}
	file, _ := xzFile(0, of(31))
	_, _, err := decodeAll(XZ, []byte(file))
	assert.Equal(t, &Fault{ID: Unread, Text: "xz with a dictionary of more than 128 MiB cannot be decoded here"}, err)
	file, _ = xzFile(0, of(30))
	got, _, err := decodeAll(XZ, []byte(file))
	require.NoError(t, err)
	assert.Equal(t, "abc", string(got))
}
