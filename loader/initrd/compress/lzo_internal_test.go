package compress

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// lzop is the header of an lzop file, and what comes after it.
func lzop(version, flags uint32, rest string) string {
	b := append([]byte(lzoMagic), byte(version>>8), byte(version), 0x20, 0xa0, 0x09, 0x40, 1)
	if version >= 0x940 {
		b = append(b, 5)
	}
	b = binary.BigEndian.AppendUint32(b, flags)
	if flags&lzoFilter != 0 {
		b = append(b, 0, 0, 0, 1)
	}
	b = append(b, make([]byte, 8)...)
	if version >= 0x940 {
		b = append(b, 0, 0, 0, 0)
	}
	return string(append(b, 1, 'n', 0, 0, 0, 0)) + rest
}

// lzopBlock is one block; the size of the content is not that of the data where it
// is compressed.
func lzopBlock(content int, sum uint32, data string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(content))
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return string(binary.BigEndian.AppendUint32(b, sum)) + data
}

const (
	lzopEnd     = "\x00\x00\x00\x00"
	lzopVersion = 0x1030
)

// The fields of the header, each with the first and the last version that has it or
// not; the end is right only where all of them were skipped.
func TestLZOHeader(t *testing.T) {
	for name, data := range map[string]string{
		"before levels":      lzop(0x93f, lzoAdlerData, lzopEnd),
		"with levels":        lzop(0x940, lzoAdlerData, lzopEnd),
		"oldest":             lzop(0, lzoAdlerData, lzopEnd),
		"newest":             lzop(0xffff, lzoAdlerData, lzopEnd),
		"filter":             lzop(lzopVersion, lzoAdlerData|lzoFilter, lzopEnd),
		"filter, old":        lzop(0x93f, lzoAdlerData|lzoFilter, lzopEnd),
		"other flags":        lzop(lzopVersion, lzoAdlerData|0xfffff000|0x400|0x80|0x30|0xc, lzopEnd),
		"CRC-32 of contents": lzop(lzopVersion, lzoCRCData, lzopEnd),
		"no name":            strings.Replace(lzop(lzopVersion, 1, lzopEnd), "\x01n", "\x00", 1),
		"longest name":       strings.Replace(lzop(lzopVersion, 1, lzopEnd), "\x01n", "\xff"+strings.Repeat("n", 255), 1),
		"refused but empty":  lzop(lzopVersion, lzoExtra, lzopEnd),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, verdict{End: int64(len(data))}, judge(t, LZO, []byte(data+"more")))
			for n := range len(data) {
				id := judge(t, LZO, []byte(data[:n])).ID
				assert.Contains(t, []any{Truncated, Damaged}, id)
				if name != "refused but empty" {
					assert.Equal(t, Truncated, id, "%d bytes", n)
				}
			}
		})
	}
}

// The kernel refuses by the sizes of a block alone: those that are larger than the
// buffers, and those that cannot be.
func TestLZOBlockSizes(t *testing.T) {
	head := lzop(lzopVersion, lzoAdlerData, "")
	for name, tt := range map[string]struct {
		content, size uint32
		ok            bool
	}{
		"one byte":           {1, 1, true},
		"compressed":         {2, 1, true},
		"largest, stored":    {256 << 10, 256 << 10, true},
		"largest":            {256 << 10, 1, true},
		"content too large":  {256<<10 + 1, 1, false},
		"content huge":       {0xffffffff, 1, false},
		"no data":            {5, 0, false},
		"more than content":  {5, 6, false},
		"data as if signed":  {5, 0xffffffff, false},
		"both larger than 4": {0x80000000, 0x80000000, false},
	} {
		t.Run(name, func(t *testing.T) {
			sizes := binary.BigEndian.AppendUint32(nil, tt.content)
			sizes = binary.BigEndian.AppendUint32(sizes, tt.size)
			data := int64(len(head)) + 12
			s := NewScanner(sparse{0: head + string(sizes)})
			st, err := s.Measure(LZO, 0, data+int64(tt.size)+4)
			if !tt.ok {
				assert.Equal(t, &Fault{ID: Damaged, At: data, Text: "a block that lzop cannot have written"}, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, data+int64(tt.size)+4, st.End)
		})
	}
}

// Which flags make blocks that the kernel cannot read: it takes one checksum each.
func TestLZORefused(t *testing.T) {
	const extra = "an extra field, which the kernel does not skip"
	const sums = "the kernel expects one checksum a block, that of the content (lzop without -F and -C)"
	for flags, want := range map[int64]string{
		lzoAdlerData:                 "",
		lzoCRCData:                   "",
		lzoAdlerData | lzoFilter:     "",
		lzoAdlerData | 0x03000000:    "", // the system it was made on
		0:                            sums,
		lzoFilter:                    sums,
		lzoAdlerData | lzoCRCData:    sums,
		lzoAdlerData | lzoAdlerBlock: sums,
		lzoAdlerData | lzoCRCBlock:   sums,
		lzoCRCData | lzoCRCBlock:     sums,
		lzoAdlerBlock:                sums,
		lzoAdlerData | lzoExtra:      extra,
		lzoExtra:                     extra,
	} {
		assert.Equal(t, want, lzoRefused(flags), "%#x", flags)
		if want == "" {
			continue
		}
		// It is the reason wherever the blocks cannot be read, and only there.
		damaged := lzop(lzopVersion, uint32(flags), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
		assert.Equal(t, damagedAt(int64(len(damaged)), want), judge(t, LZO, []byte(damaged)), "%#x", flags)
		cut := lzop(lzopVersion, uint32(flags), "\x00\x00")
		assert.Equal(t, damagedAt(int64(len(cut)-2), want), judge(t, LZO, []byte(cut)), "%#x, cut", flags)
		s := NewScanner(fixtures.BadDisk{ReaderAt: strings.NewReader(cut), From: 20})
		_, err := s.Measure(LZO, 0, int64(len(cut)))
		require.ErrorIs(t, err, fixtures.ErrDisk, "%#x", flags)
	}
}

// lzopPacked unpacks to "abcde" eight times but for one byte: five literals, a match of 34
// bytes at a distance of 5, the end.
const lzopPacked = "\x16abcde\x20\x01\x10\x00\x11\x00\x00"

var lzopContent = strings.Repeat("abcde", 8)[:39]

func TestLZOContent(t *testing.T) {
	stored := lzopBlock(5, adler32.Checksum([]byte("hello")), "hello")
	packed := lzopBlock(39, crc32.ChecksumIEEE([]byte(lzopContent)), lzopPacked)
	for name, tt := range map[string]struct {
		blocks, want string
	}{
		"stored":         {stored, "hello"},
		"packed":         {packed, lzopContent},
		"one of each":    {packed + stored, lzopContent + "hello"},
		"the other way":  {stored + packed + stored, "hello" + lzopContent + "hello"},
		"one byte, zero": {lzopBlock(1, 0x00010001, "\x00"), "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			file := lzop(lzopVersion, lzoAdlerData, tt.blocks+lzopEnd)
			got, end, err := decodeAll(LZO, []byte(file+"\x00\x00\x00\x05 and more"))
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(got))
			assert.EqualValues(t, len(file), end)
		})
	}
}

// The content of a block has to be as long as its header says.
func TestLZOContentLength(t *testing.T) {
	for _, content := range []int{38, 40, 256 << 10} {
		got, _, err := decodeAll(LZO, []byte(lzop(lzopVersion, 1, lzopBlock(content, 0, lzopPacked)+lzopEnd)))
		require.Error(t, err, content)
		assert.Empty(t, got, content)
	}
}

// The first checksum that is wrong is reported, after the content of all blocks, and
// again for whoever asks twice; the next stream begins anew.
func TestLZOChecksums(t *testing.T) {
	good := lzopBlock(5, adler32.Checksum([]byte("hello")), "hello")
	bad := lzopBlock(5, adler32.Checksum([]byte("hello"))+1, "hello")
	file := lzop(lzopVersion, 1, good+bad+bad+lzopEnd)
	second := int64(len(lzop(lzopVersion, 1, good)) + 12)
	image := file + lzop(lzopVersion, 1, good+lzopEnd)
	s := NewScanner(strings.NewReader(image))
	st, err := s.Measure(LZO, 0, int64(len(image)))
	require.NoError(t, err)
	r, err := s.Open(st)
	require.NoError(t, err)
	got := make([]byte, 15)
	n, err := r.Read(got[:4])
	require.NoError(t, err)
	assert.Equal(t, 4, n)
	for n < 15 && err == nil {
		var m int
		m, err = r.Read(got[n:])
		n += m
	}
	require.NoError(t, err)
	assert.Equal(t, "hellohellohello", string(got))
	want := &Fault{ID: Checksum, At: second, Text: "the checksum of a block is wrong, which the kernel does not compare"}
	for range 2 {
		_, err = r.Read(make([]byte, 9))
		assert.Equal(t, want, err)
	}
	content, err := readStream(s, LZO, st.End, int64(len(image)))
	require.NoError(t, err)
	assert.Equal(t, "hello", string(content))
}

// A wrong checksum of content that was compressed is found as well.
func TestLZOChecksumOfPackedBlock(t *testing.T) {
	for name, sum := range map[string]uint32{
		"of the data":            adler32.Checksum([]byte(lzopPacked)),
		"in the other order":     bytesReversed(crc32.ChecksumIEEE([]byte(lzopContent))),
		"as if nothing was sent": adler32.Checksum(nil),
	} {
		got, _, err := decodeAll(LZO, []byte(lzop(lzopVersion, 1, lzopBlock(39, sum, lzopPacked)+lzopEnd)))
		var f *Fault
		require.ErrorAs(t, err, &f, name)
		assert.Equal(t, Checksum, f.ID, name)
		assert.True(t, bytes.Equal([]byte(lzopContent), got), name)
	}
}

func bytesReversed(v uint32) uint32 {
	return binary.LittleEndian.Uint32(binary.BigEndian.AppendUint32(nil, v))
}
