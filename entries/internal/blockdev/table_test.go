package blockdev

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const layout = `label: gpt
size=1MiB, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b, uuid=aaaaaaaa-0000-4000-8000-000000000001
2: size=1MiB, type=bc13c2ff-59e6-4262-a352-b275fd6f7172, uuid=bbbbbbbb-0000-4000-8000-000000000002
9: size=1MiB, type=0fc63daf-8483-4772-8e79-3d69d8477de4, uuid=cccccccc-0000-4000-8000-000000000003
`

func layoutTable() map[int]Slot {
	return map[int]Slot{
		1: {"gpt", gptESP, "aaaaaaaa-0000-4000-8000-000000000001"},
		2: {"gpt", gptXBOOTLDR, "bbbbbbbb-0000-4000-8000-000000000002"},
		9: {"gpt", "0fc63daf-8483-4772-8e79-3d69d8477de4", "cccccccc-0000-4000-8000-000000000003"},
	}
}

const imageSize = 8 << 20

// partitioned is a disk image that sfdisk made.
func partitioned(t testing.TB, layout string) []byte {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(image, make([]byte, imageSize), 0o600))
	program := "sfdisk"
	if _, err := os.Stat("/usr/sbin/sfdisk"); err == nil {
		program = "/usr/sbin/sfdisk" // not on everybody's PATH
	}
	sfdisk := exec.Command(program, "--quiet", image)
	sfdisk.Stdin = strings.NewReader(layout)
	output, err := sfdisk.CombinedOutput()
	require.NoError(t, err, "sfdisk of util-linux is needed: %s", output)
	data, err := os.ReadFile(image)
	require.NoError(t, err)
	return data
}

// read reads the table of an image with sectors of 512 bytes.
func read(image []byte) (map[int]Slot, error) {
	return readTable(bytes.NewReader(image), int64(len(image)), 512)
}

func TestReadTableOfSfdisk(t *testing.T) {
	table, err := read(partitioned(t, layout))
	require.NoError(t, err)
	assert.Equal(t, layoutTable(), table)

	table, err = read(partitioned(t, "label: dos\nsize=1MiB, type=ef\nsize=1MiB, type=ea\nsize=4MiB, type=5\n5: size=1MiB, type=83"))
	require.NoError(t, err)
	assert.Equal(t, map[int]Slot{1: {"dos", "0xef", ""}, 2: {"dos", "0xea", ""}, 3: {"dos", "0x5", ""}}, table)
}

func TestReadTableBackup(t *testing.T) {
	const header, entries = 512, 1024
	good := partitioned(t, layout)
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
			image := bytes.Clone(good)
			tt.break0(image)
			table, err := read(image)
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
	good := partitioned(t, layout)
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
			image := bytes.Clone(good)
			header := image[512:1024]
			lie(header)
			size := min(max(int(binary.LittleEndian.Uint32(header[12:])), 92), 512)
			binary.LittleEndian.PutUint32(header[16:], 0)
			binary.LittleEndian.PutUint32(header[16:], crc32.ChecksumIEEE(header[:size]))
			table, err := read(image)
			assert.Error(t, err)
			assert.Nil(t, table)
		})
	}
}

func TestReadTableSectors(t *testing.T) {
	image := bytes.NewReader(partitioned(t, layout))
	for _, sector := range []int64{0, -1, 1, 511, 4097, 1 << 40} {
		table, err := readTable(image, imageSize, sector)
		assert.Error(t, err, sector)
		assert.Nil(t, table)
	}
	for _, size := range []int64{0, -1, 512, 1023} {
		table, err := readTable(image, size, 512)
		assert.Error(t, err, size)
		assert.Nil(t, table)
	}
	_, err := readTable(bytes.NewReader(nil), 0, 512)
	assert.ErrorIs(t, err, io.EOF)
}

func FuzzReadTable(f *testing.F) {
	small := func(image []byte) []byte { return image[:34*512] }
	f.Add(small(partitioned(f, layout)))
	f.Add(partitioned(f, "label: dos\ntype=ef\n")[:512])
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
