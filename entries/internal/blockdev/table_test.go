package blockdev

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func layoutTable() map[int]Slot {
	return map[int]Slot{
		1: {"gpt", gptESP, "aaaaaaaa-0000-4000-8000-000000000001"},
		2: {"gpt", gptXBOOTLDR, "bbbbbbbb-0000-4000-8000-000000000002"},
		9: {"gpt", "0fc63daf-8483-4772-8e79-3d69d8477de4", "cccccccc-0000-4000-8000-000000000003"},
	}
}

const imageSize = 8 << 20

// image is a disk image of testdata.
func image(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".img.gz"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	r, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Len(t, data, imageSize)
	return data
}

// read reads the table of an image with sectors of 512 bytes.
func read(image []byte) (map[int]Slot, error) {
	return readTable(bytes.NewReader(image), int64(len(image)), 512)
}

func TestReadTableOfSfdisk(t *testing.T) {
	table, err := read(image(t, "gpt"))
	require.NoError(t, err)
	assert.Equal(t, layoutTable(), table)

	table, err = read(image(t, "dos"))
	require.NoError(t, err)
	assert.Equal(t, map[int]Slot{1: {"dos", "0xef", ""}, 2: {"dos", "0xea", ""}, 3: {"dos", "0x5", ""}}, table)
}

func TestReadTableBackup(t *testing.T) {
	const header, entries = 512, 1024
	good := image(t, "gpt")
	backup := len(good) - 512
	for name, tt := range map[string]struct {
		break0 func(image []byte)
		fail   bool
	}{
		"primary header wiped":        {break0: func(d []byte) { clear(d[header : header+512]) }},
		"bit of primary header":       {break0: func(d []byte) { d[header+57] ^= 1 }},
		"bit of primary entries":      {break0: func(d []byte) { d[entries+300] ^= 1 }},
		"header is that of elsewhere": {break0: func(d []byte) { copy(d[header:], d[backup:]) }},
		"bit of backup":               {break0: func(d []byte) { d[backup+57] ^= 1 }},
		"bit of both headers":         {break0: func(d []byte) { d[header+57] ^= 1; d[backup+57] ^= 1 }, fail: true},
		"bit of both entries":         {break0: func(d []byte) { d[entries+300] ^= 1; d[backup-32*512+300] ^= 1 }, fail: true},
		"no MBR":                      {break0: func(d []byte) { clear(d[:512]) }, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			disk := bytes.Clone(good)
			tt.break0(disk)
			table, err := read(disk)
			if tt.fail {
				assert.Error(t, err)
				assert.Nil(t, table)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, layoutTable(), table)
		})
	}
}

// TestReadTableLies gives headers whose sums are right and whose numbers are not.
func TestReadTableLies(t *testing.T) {
	good := image(t, "gpt")
	copy(good[len(good)-512:], make([]byte, 512)) // no second chance
	for name, lie := range map[string]func(header []byte){
		"entries without end":    func(h []byte) { binary.LittleEndian.PutUint32(h[80:], 0xffffffff) },
		"entries beyond 1 MiB":   func(h []byte) { binary.LittleEndian.PutUint32(h[80:], 8193) },
		"entries beyond disk":    func(h []byte) { binary.LittleEndian.PutUint64(h[72:], imageSize/512-1) },
		"entries at 2^63":        func(h []byte) { binary.LittleEndian.PutUint64(h[72:], 1<<63) },
		"entries at 2^64-1":      func(h []byte) { binary.LittleEndian.PutUint64(h[72:], 1<<64-1) },
		"entry of no bytes":      func(h []byte) { binary.LittleEndian.PutUint32(h[84:], 0) },
		"entry of 64 bytes":      func(h []byte) { binary.LittleEndian.PutUint32(h[84:], 64) },
		"entry of 4 GiB":         func(h []byte) { binary.LittleEndian.PutUint32(h[84:], 0xfffffff0) },
		"header of no bytes":     func(h []byte) { binary.LittleEndian.PutUint32(h[12:], 0) },
		"header beyond a sector": func(h []byte) { binary.LittleEndian.PutUint32(h[12:], 513) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := bytes.Clone(good)
			header := disk[512:1024]
			lie(header)
			size := min(max(int(binary.LittleEndian.Uint32(header[12:])), 92), 512)
			binary.LittleEndian.PutUint32(header[16:], 0)
			binary.LittleEndian.PutUint32(header[16:], crc32.ChecksumIEEE(header[:size]))
			table, err := read(disk)
			assert.Error(t, err)
			assert.Nil(t, table)
		})
	}
}

func TestReadTableSectors(t *testing.T) {
	disk := bytes.NewReader(image(t, "gpt"))
	for _, sector := range []int64{0, -1, 1, 511, 4097, 1 << 40} {
		table, err := readTable(disk, imageSize, sector)
		assert.Error(t, err, sector)
		assert.Nil(t, table)
	}
	for _, size := range []int64{0, -1, 512, 1023} {
		table, err := readTable(disk, size, 512)
		assert.Error(t, err, size)
		assert.Nil(t, table)
	}
	_, err := readTable(bytes.NewReader(nil), 0, 512)
	assert.ErrorIs(t, err, io.EOF)
}

func FuzzReadTable(f *testing.F) {
	small := func(image []byte) []byte { return image[:34*512] }
	f.Add(small(image(f, "gpt")))
	f.Add(image(f, "dos")[:512])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, image []byte) {
		// Sums that are right let the fuzzer get beyond them.
		fixSums(image)
		table, err := read(image)
		require.Equal(t, err != nil, table == nil)
		for n, s := range table {
			require.Positive(t, n)
			require.Contains(t, []string{"gpt", "dos"}, s.Scheme)
			require.NotEmpty(t, s.Type)
			require.Equal(t, s.Scheme == "gpt", len(s.UUID) == 36)
			require.False(t, s.IsESP() && s.IsXBOOTLDR())
		}
	})
}

// fixSums makes the sums of a primary GPT right, as far as it has one.
func fixSums(image []byte) {
	if len(image) < 1024 {
		return
	}
	h := image[512:1024]
	first, n := binary.LittleEndian.Uint64(h[72:]), uint64(binary.LittleEndian.Uint32(h[80:]))*uint64(binary.LittleEndian.Uint32(h[84:]))
	if first < 1<<40 && n < 1<<40 && first*512+n <= uint64(len(image)) {
		binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(image[first*512:first*512+n]))
	}
	if size := binary.LittleEndian.Uint32(h[12:]); size >= 20 && size <= 512 {
		binary.LittleEndian.PutUint32(h[16:], 0)
		binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:size]))
	}
}

// TestReadTableFlips: no bit of a header or of its entries can change without that
// being noticed, and then the backup is read.
func TestReadTableFlips(t *testing.T) {
	good := image(t, "gpt")
	alone := bytes.Clone(good)
	clear(alone[len(alone)-512:])
	for _, at := range []struct{ from, to int }{{512, 512 + 92}, {1024, 1024 + 9*128}} {
		for bit := at.from * 8; bit < at.to*8; bit++ {
			i, mask := bit/8, byte(1)<<(bit%8)
			good[i] ^= mask
			table, err := read(good)
			require.NoError(t, err)
			require.Equal(t, layoutTable(), table, "bit %d", bit)
			good[i] ^= mask

			alone[i] ^= mask
			table, err = read(alone)
			require.Error(t, err, "bit %d", bit)
			require.Nil(t, table)
			alone[i] ^= mask
		}
	}
}

// TestReadTableCut: a disk whose end cannot be read has the table at its beginning,
// or none.
func TestReadTableCut(t *testing.T) {
	whole := image(t, "gpt")
	end := 1024 + 128*128
	for n := 0; n < end+2048; n += 64 {
		table, err := readTable(bytes.NewReader(whole[:n]), imageSize, 512)
		require.Equal(t, n < end, err != nil, n)
		require.Equal(t, err != nil, table == nil)
		if err == nil {
			require.Equal(t, layoutTable(), table)
		}
	}
}
