package initrd

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// configBlock is data with the length and the sum, which may be wrong by some.
func configBlock(data string, length, sum int) string {
	for _, c := range []byte(data) {
		sum += int(c)
	}
	b := binary.LittleEndian.AppendUint32([]byte(data), uint32(len(data)+length))
	return string(binary.LittleEndian.AppendUint32(b, uint32(sum))) + "#BOOTCONFIG\n"
}

// The kernel looks for the magic at the end and at three bytes before it, and
// compares length and sum (get_boot_config_from_initrd in init/main.c).
func TestFindBootconfig(t *testing.T) {
	block := configBlock("a = b\n\x00\x00", 0, 0) // 28 bytes
	type found = bootconfig
	for name, tt := range map[string]struct {
		data string
		sum  bool
		want found
		ok   bool
	}{
		"alone":                  {block, true, found{0, 28, true}, true},
		"after an image":         {"image" + block, true, found{5, 33, true}, true},
		"3 bytes follow":         {"image" + block + "\x00\x00\x00", true, found{5, 33, true}, true},
		"3 bytes, not zero":      {block + "xyz", true, found{0, 28, true}, true},
		"4 bytes follow":         {block + "\x00\x00\x00\x00", true, found{}, false},
		"empty":                  {configBlock("", 0, 0), true, found{0, 20, true}, true},
		"no room for the fields": {block[9:], true, found{}, false},
		"magic alone":            {"#BOOTCONFIG\n", true, found{}, false},
		"no file":                {"", true, found{}, false},
		"wrong sum":              {"image" + configBlock("a = b\n", 0, 1), true, found{5, 31, false}, true},
		"sum not looked at":      {"image" + configBlock("a = b\n", 0, 1), false, found{5, 31, true}, true},
		"length too small":       {"image" + configBlock("a = b\n", -1, 0), true, found{6, 31, false}, true},
		"length of all":          {"image" + configBlock("a = b\n", 5, 'i'+'m'+'a'+'g'+'e'), true, found{0, 31, true}, true},
		"length of more":         {"image" + configBlock("a = b\n", 6, 0), true, found{11, 31, false}, true},
		"more, no sum":           {"image" + configBlock("a = b\n", 6, 0), false, found{11, 31, false}, true},
		"two, the last":          {block + block, true, found{28, 56, true}, true},
		"magic without a line":   {strings.TrimSuffix(block, "\n"), true, found{}, false},
	} {
		got, ok, err := findBootconfig(strings.NewReader(tt.data), int64(len(tt.data)), tt.sum)
		require.NoError(t, err, name)
		assert.Equal(t, tt.want, got, name)
		assert.Equal(t, tt.ok, ok, name)
	}
	_, _, err := findBootconfig(fixtures.BadDisk{ReaderAt: strings.NewReader(block), From: 27}, 28, true)
	require.ErrorIs(t, err, fixtures.ErrDisk)
	_, ok, err := findBootconfig(fixtures.BadDisk{ReaderAt: strings.NewReader(block), From: 0}, 19, true)
	require.NoError(t, err, "what is too short is not read")
	assert.False(t, ok)
}

// Zeros between two images: to a multiple of 4; four more after lz4 whose decoder
// would take what follows for a block.
func TestPadBetween(t *testing.T) {
	lz4 := func(zeros int64) image { return image{tail: tail{lz4: true, zeros: zeros}} }
	next := image{content: content{size: 10}}
	nextLZ4 := image{content: content{size: 10}, lz4: true}
	config := image{content: content{size: 22}, config: true}
	for name, tt := range map[string]struct {
		end  int64
		a, b image
		want int64
	}{
		"aligned":                       {8, image{}, next, 0},
		"1 after":                       {9, image{}, next, 3},
		"1 before":                      {11, image{}, next, 1},
		"zeros that are no lz4's":       {8, image{tail: tail{zeros: 1}}, nextLZ4, 0},
		"lz4, aligned":                  {8, lz4(0), next, 4},
		"lz4, 1 after":                  {9, lz4(0), next, 7},
		"lz4, 1 before":                 {11, lz4(0), next, 5},
		"lz4 and 1 zero":                {8, lz4(1), next, 4},
		"lz4 and 3 zeros, 1 before":     {11, lz4(3), next, 1},
		"lz4 and 4 zeros":               {8, lz4(4), next, 0},
		"lz4 and many zeros, 1 after":   {9, lz4(100), next, 3},
		"lz4 after lz4":                 {8, lz4(0), nextLZ4, 0},
		"lz4 after lz4, not aligned":    {9, lz4(0), nextLZ4, 7},
		"lz4 after lz4 and a zero":      {8, lz4(1), nextLZ4, 4},
		"bootconfig":                    {10, image{}, config, 0},
		"bootconfig, its end not there": {8, image{}, config, 2},
		"bootconfig after lz4":          {10, lz4(0), config, 0},
	} {
		got := padBetween(tt.end, tt.a, tt.b)
		assert.Equal(t, tt.want, got, name)
		if tt.b.config {
			assert.Zero(t, (tt.end+got+tt.b.size)%4, name)
		} else {
			assert.Zero(t, (tt.end+got)%4, name)
		}
	}
}

// A bootconfig need not be moved where at most three bytes follow it in the end.
func TestBootconfigStaysLast(t *testing.T) {
	for _, tt := range []struct {
		size, end int64
		padded    bool
		want      bool
	}{
		{20, 20, false, true}, {21, 20, false, true}, {23, 20, false, true}, {24, 20, false, false},
		{20, 20, true, true}, {21, 21, true, true}, {22, 21, true, true}, {22, 20, true, false}, {23, 22, true, true},
		{24, 21, true, true}, {24, 20, true, false},
	} {
		got := staysLast(image{content: content{size: tt.size}}, bootconfig{end: tt.end}, tt.padded)
		assert.Equal(t, tt.want, got, "%+v", tt)
	}
}
