package initrd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
)

// archiveHead is what an archive begins with.
func archiveHead() string {
	return string(cpio.AppendHeader(nil, cpio.Entry{Path: "x", Mode: unix.S_IFREG | 0o644, NLink: 1}, false))
}

// One bit that fell over leaves a magic number what it was meant to be; two bits
// may be anything.
func TestDamagedMagic(t *testing.T) {
	for _, magic := range []string{
		"07070", "\x1f\x8b\x08", "\x1f\x9e", "BZh", "\x5d\x00\x00", "\xfd7zXZ\x00", "\x89LZO\x00", "\x02\x21\x4c\x18", "\x28\xb5\x2f\xfd",
	} {
		assert.True(t, damagedMagic([]byte(magic)), "%q", magic)
		assert.True(t, damagedMagic([]byte(magic+"more")), "%q", magic)
		for bit := range 8 * len(magic) {
			b := []byte(magic)
			b[bit/8] ^= 1 << (bit % 8)
			assert.True(t, damagedMagic(b), "%q", b)
		}
		b := []byte(magic)
		b[0] ^= 0x80
		b[len(b)-1] ^= 1
		assert.False(t, damagedMagic(b), "%q", b)
	}
	for _, head := range []string{"", "0", "0707", "\x28\xb5\x2f", "hello", "\x00\x00\x00\x00\x00\x00"} {
		assert.False(t, damagedMagic([]byte(head)), "%q", head)
	}
}

// What is long enough not to be there by chance is an image anywhere, other magic
// numbers only where the join puts images.
func TestImageIn(t *testing.T) {
	head := archiveHead()
	for name, tt := range map[string]struct {
		data string
		off  int64
		want bool
	}{
		"nothing":              {"no image in here", 0, false},
		"xz anywhere":          {"x\xfd7zXZ\x00", 0, true},
		"lzop anywhere":        {"x\x89LZO\x00\x0d\x0a\x1a\x0a", 0, true},
		"bzip2 anywhere":       {"xBZh91AY&SY", 0, true},
		"bzip2 without block":  {"BZh91AY&S", 0, false},
		"gzip":                 {"----\x1f\x8b\x08\x00", 0, true},
		"gzip, not aligned":    {"-----\x1f\x8b\x08\x00", 0, false},
		"gzip after an offset": {"-----\x1f\x8b\x08\x00", 3, true},
		"gzip with a name":     {"\x1f\x8b\x08\x08", 0, false},
		"zstd":                 {"\x28\xb5\x2f\xfd", 4, true},
		"zstd, not aligned":    {"\x28\xb5\x2f\xfd", 5, false},
		"lz4":                  {"\x02\x21\x4c\x18", 0, true},
		"second is aligned":    {"-\x28\xb5\x2f\xfd---\x28\xb5\x2f\xfd", 0, true},
		"archive":              {"----" + head, 0, true},
		"archive, not aligned": {"--" + head, 0, false},
		"archive after text":   {"07070 is 070701" + "-" + head, 0, true},
		"archive by name only": {"070701 and no more than that" + strings.Repeat("-", 200), 0, false},
		"half a header":        {head[:cpio.HeaderSize-1], 0, false},
	} {
		assert.Equal(t, tt.want, imageIn([]byte(tt.data), tt.off), name)
	}
}

// An image is found wherever it is between the offsets, also where two pieces that
// are read meet.
func TestHoldsImage(t *testing.T) {
	const piece, size = 64 << 10, 200 << 10
	holds := func(at, from, to int) bool {
		b := make([]byte, size)
		copy(b[at:], archiveHead())
		w := &walker{r: bytes.NewReader(b)}
		found, err := w.holdsImage(int64(from), int64(to))
		require.NoError(t, err)
		return found
	}
	for at := piece - 120; at <= piece+8; at += 4 {
		assert.True(t, holds(at, 0, size), at)
	}
	for _, at := range []int{0, piece - cpio.HeaderSize + 2, 2 * piece, 2*piece - 220, size - cpio.HeaderSize - 2} {
		assert.True(t, holds(at, 0, size), at)
	}
	assert.True(t, holds(8, 8, 8+cpio.HeaderSize))
	assert.False(t, holds(8, 9, size), "it begins before")
	assert.False(t, holds(8, 0, 7+cpio.HeaderSize), "it is not whole")
	assert.False(t, holds(8, 8, 8))
	assert.False(t, holds(8, 8, 4))

	w := &walker{r: fixtures.BadDisk{ReaderAt: bytes.NewReader(make([]byte, size)), From: piece + 1}}
	_, err := w.holdsImage(0, size)
	require.ErrorIs(t, err, fixtures.ErrDisk)
	_, err = w.holdsImage(0, piece)
	require.NoError(t, err, "no more is read than has to be")
}

// For which reasons of a stop an image is lost by itself, and for which only where
// there is another.
func TestStopLoses(t *testing.T) {
	image := strings.Repeat("-", 64) + archiveHead()
	for _, tt := range []struct {
		id   ID
		data string
		want bool
	}{
		{Junk, "some text", false},
		{Junk, "", false},
		{Junk, "07071 of an archive", true},
		{Junk, image, true},
		{LZ4Unterminated, "07071", false},
		{LZ4Unterminated, image, true},
		{BootconfigBuried, "text", false},
		{BootconfigBuried, image, true},
		{BootconfigDamaged, "text", false},
		{BootconfigDamaged, image, true},
		{cpio.Padding, "text", false},
		{cpio.Padding, image, true},
		{cpio.Header, "text", true},
		{cpio.Misaligned, "", true},
		{compress.Damaged, "text", true},
		{FormatUnsupported, "text", true},
	} {
		w := &walker{r: strings.NewReader(tt.data)}
		got, err := w.loses(tt.id, 0, int64(len(tt.data)))
		require.NoError(t, err)
		assert.Equal(t, tt.want, got, "%s: %q", tt.id, tt.data)
	}
}

// The new kernel takes an initrd where it has any of the decompressors.
func TestTakesInitrd(t *testing.T) {
	assert.True(t, (&walker{}).takesInitrd(), "where nothing is known")
	for option, want := range map[string]bool{
		"CONFIG_BLK_DEV_INITRD": true, "CONFIG_RD_LZMA": true, "CONFIG_RD_ZSTD": true, "CONFIG_EFI": false,
	} {
		w := &walker{opts: WalkOptions{Built: func(o string) bool { return o == option }}}
		assert.Equal(t, want, w.takesInitrd(), option)
	}
}
