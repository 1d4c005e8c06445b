package blockdev

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// espGUID is the type of an ESP as the GPT has it: three fields are little-endian.
const espGUID = "\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b"

// gptOf is a disk with a primary GPT alone, of count entries of size bytes: the last one
// is an ESP. change is made to the header before its sum.
func gptOf(sector, size, count int, change func(header []byte)) []byte {
	entries := make([]byte, size*count)
	if count > 0 {
		copy(entries[size*(count-1):], espGUID+"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff")
	}
	image := make([]byte, sector*(3+(len(entries)+sector-1)/sector))
	image[446+4], image[510], image[511] = 0xee, 0x55, 0xaa
	copy(image[2*sector:], entries)
	h := image[sector : 2*sector]
	copy(h, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
	binary.LittleEndian.PutUint64(h[24:], 1)
	binary.LittleEndian.PutUint64(h[72:], 2)
	binary.LittleEndian.PutUint32(h[80:], uint32(count))
	binary.LittleEndian.PutUint32(h[84:], uint32(size))
	binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
	change(h)
	summed := min(int(binary.LittleEndian.Uint32(h[12:])), sector)
	binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:summed]))
	return image
}

// TestGPTSizes are those of UEFI 5.3, in sectors of any size that disks have.
func TestGPTSizes(t *testing.T) {
	for _, c := range []struct {
		sector, size, count int
		ok                  bool
	}{
		{512, 128, 128, true}, {1024, 128, 128, true}, {2048, 128, 4, true}, {4096, 128, 128, true}, {512, 128, 1, true}, {512, 256, 5, true},
		{512, 4096, 256, true}, {512, 4096, 257, false}, {512, 128, 8192, true}, {512, 128, 8193, false}, {512, 127, 8, false}, {512, 4224, 1, false}, {512, 64, 8, false},
	} {
		image := gptOf(c.sector, c.size, c.count, func([]byte) {})
		table, err := readTable(bytes.NewReader(image), int64(len(image)), int64(c.sector))
		if !c.ok {
			assert.Equal(t, errGPT, err, "%v", c)
			assert.Nil(t, table)
			continue
		}
		require.NoError(t, err, "%v", c)
		assert.Equal(t, map[int]Slot{c.count: {Scheme: "gpt", Type: gptESP, UUID: "33221100-5544-7766-8899-aabbccddeeff"}}, table, "%v", c)
	}
	image := gptOf(512, 128, 0, func([]byte) {})
	table, err := readTable(bytes.NewReader(image), int64(len(image)), 512)
	assert.NoError(t, err)
	assert.Equal(t, map[int]Slot{}, table, "a table without entries is one")
}

// TestGPTHeaders: what of a header is believed, though its sum is right.
func TestGPTHeaders(t *testing.T) {
	put32 := func(at int, n uint32) func([]byte) {
		return func(h []byte) { binary.LittleEndian.PutUint32(h[at:], n) }
	}
	put64 := func(at int, n uint64) func([]byte) {
		return func(h []byte) { binary.LittleEndian.PutUint64(h[at:], n) }
	}
	for name, c := range map[string]struct {
		change func([]byte)
		ok     bool
	}{
		"as it is":                   {func([]byte) {}, true},
		"the smallest header":        {put32(12, 92), true},
		"a header of a sector":       {put32(12, 512), true},
		"a header too small":         {put32(12, 91), false},
		"a header beyond its sector": {put32(12, 513), false},
		"another signature":          {func(h []byte) { h[7] = 't' }, false},
		"the header of sector 2":     {put64(24, 2), false},
		"the header of sector 0":     {put64(24, 0), false},
		"of another disk's end":      {put64(24, 1<<32+1), false},
		"entries past the disk":      {put64(72, 35), false},
		"entries elsewhere":          {put64(72, 3), false},
		"a sum of other entries":     {put32(88, 0), false},
		"an unknown revision":        {put32(8, 0x20000), true},
	} {
		image := gptOf(512, 128, 128, c.change)
		require.Len(t, image, 35*512)
		table, err := readTable(bytes.NewReader(image), int64(len(image)), 512)
		assert.Equal(t, c.ok, err == nil, name)
		assert.Equal(t, c.ok, table != nil, name)
	}
}

// TestMBRSlots: each of the four, by its place, and a protective one anywhere makes the
// disk one with a GPT.
func TestMBRSlots(t *testing.T) {
	for n := 1; n <= 4; n++ {
		for kind, want := range map[byte]string{0xef: "0xef", 0xea: "0xea", 0x83: "0x83", 0x07: "0x7"} {
			mbr := make([]byte, mbrSize)
			mbr[510], mbr[511] = 0x55, 0xaa
			mbr[446+(n-1)*16+4] = kind
			table, err := readTable(bytes.NewReader(mbr), mbrSize, 512)
			require.NoError(t, err)
			assert.Equal(t, map[int]Slot{n: {Scheme: "dos", Type: want}}, table)
			mbr[446+(n-1)*16+4] = 0xee
			_, err = readTable(bytes.NewReader(mbr), mbrSize, 512)
			assert.Equal(t, errGPT, err, "slot %d", n)
		}
	}
	for _, signature := range []string{"\x55\xab", "\x54\xaa", "\xaa\x55", "\x00\x00"} {
		_, err := readTable(strings.NewReader(strings.Repeat("\x00", 510)+signature), mbrSize, 512)
		assert.Equal(t, errNoTable, err, "%x", signature)
	}
	table, err := readTable(strings.NewReader(strings.Repeat("\x00", 510)+"\x55\xaa"), mbrSize, 512)
	assert.NoError(t, err)
	assert.Equal(t, map[int]Slot{}, table, "an empty one is a table")
}

// TestSlotTypes: a type means what it does in its own scheme only.
func TestSlotTypes(t *testing.T) {
	for slot, want := range map[Slot][2]bool{
		{Scheme: "gpt", Type: gptESP}: {true, false}, {Scheme: "gpt", Type: gptXBOOTLDR}: {false, true},
		{Scheme: "dos", Type: mbrESP}: {true, false}, {Scheme: "dos", Type: mbrXBOOTLDR}: {false, true},
		{Scheme: "dos", Type: gptESP}: {}, {Scheme: "dos", Type: gptXBOOTLDR}: {}, {Scheme: "gpt", Type: mbrESP}: {}, {Scheme: "gpt", Type: mbrXBOOTLDR}: {},
		{Type: gptESP}: {}, {Scheme: "gpt"}: {}, {}: {}, {Scheme: "atari", Type: mbrESP}: {},
	} {
		assert.Equal(t, want, [2]bool{slot.IsESP(), slot.IsXBOOTLDR()}, "%v", slot)
	}
}

// TestJournals: every file system that is tried has its option, by which a read-only
// mount writes nothing to the disk (ext4(5), xfs(5), btrfs(5)).
func TestJournals(t *testing.T) {
	assert.Equal(t, map[string]string{"vfat": "", "ext4": "noload", "xfs": "norecovery", "btrfs": "rescue=nologreplay"}, keepJournal())
	types, err := Partition{}.FileSystems(false)
	require.NoError(t, err)
	for _, fstype := range types {
		assert.Contains(t, keepJournal(), fstype)
	}
	assert.NoError(t, setOption(-1, ""), "nothing is set")
	for _, option := range []string{"noload", "rescue=nologreplay"} {
		assert.Error(t, setOption(-1, option), option)
	}
}

// TestMountErrors is what a message says of each errno, after the call that failed.
func TestMountErrors(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.EPERM: "operation not permitted", unix.EACCES: "permission denied", unix.EINVAL: "invalid argument", unix.ENXIO: "no such device or address",
		unix.ENOSYS: "function not implemented: needs Linux 5.2 or later", unix.ENODEV: "no such device: this kernel lacks the file system, or its module",
	} {
		assert.EqualError(t, explainMount("fsconfig xfs", errno), "fsconfig xfs: "+want)
	}
}
