package initrd_test

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// file is an entry of a test archive.
type file struct {
	path       string
	mode       uint32 // 0: 0100644
	data       string
	ino, nlink uint32
	uid, gid   uint32
	mtime      uint32
	rdev       [2]uint32
	crc        bool
	nameSize   uint32 // 0: that of path
	size       uint32 // 0: that of data
	check      uint32
}

func dir(path string) file          { return file{path: path, mode: 0o40755, nlink: 2} }
func text(path, data string) file   { return file{path: path, data: data} }
func link(path, target string) file { return file{path: path, mode: 0o120777, data: target} }

func (f file) bytes() []byte {
	magic := "070701"
	if f.crc {
		magic = "070702"
	}
	if f.mode == 0 {
		f.mode = 0o100644
	}
	if f.nlink == 0 {
		f.nlink = 1
	}
	if f.nameSize == 0 {
		f.nameSize = uint32(len(f.path)) + 1
	}
	if f.size == 0 {
		f.size = uint32(len(f.data))
	}
	b := fmt.Appendf(nil, "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", magic,
		f.ino, f.mode, f.uid, f.gid, f.nlink, f.mtime, f.size, 0, 0, f.rdev[0], f.rdev[1], f.nameSize, f.check)
	b = pad4(append(append(b, f.path...), 0))
	return pad4(append(b, f.data...))
}

// entries is an archive without a trailer.
func entries(files ...file) []byte {
	var b []byte
	for _, f := range files {
		b = append(b, f.bytes()...)
	}
	return b
}

// newc is an archive.
func newc(files ...file) []byte {
	return append(entries(files...), file{path: "TRAILER!!!", mode: 1}.bytes()...)
}

func pad4(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

var compressed = []initrd.Format{compress.Gzip, compress.Bzip2, compress.LZMA, compress.XZ, compress.LZO, compress.LZ4, compress.Zstd}

// pack packs data; bzip2 has no writer in Go, so only sampleArchive is to
// be had in it.
func pack(t testing.TB, f initrd.Format, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch f {
	case initrd.Newc:
		return data
	case compress.Gzip:
		w = gzip.NewWriter(&b)
	case compress.XZ:
		w, err = xz.WriterConfig{CheckSum: xz.CRC32}.NewWriter(&b)
	case compress.LZMA:
		w, err = lzma.NewWriter(&b)
	case compress.Zstd:
		w, err = zstd.NewWriter(&b)
	case compress.LZ4:
		z := lz4.NewWriter(&b)
		w, err = z, z.Apply(lz4.LegacyOption(true))
	case compress.LZO:
		return lzop(data)
	case compress.Bzip2:
		return bzip2Sample(t, data)
	}
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// lzop stores data uncompressed in an lzop file.
func lzop(data []byte) []byte {
	b := []byte("\x89LZO\x00\x0d\x0a\x1a\x0a\x10\x30\x20\xa0\x09\x40\x01\x05")
	b = append(b, 0, 0, 0, 1)          // flags: adler32 of the content
	b = append(b, make([]byte, 12)...) // mode, mtime
	b = append(b, 0)                   // name
	b = append(b, make([]byte, 4)...)  // sum of the header
	for len(data) > 0 {
		n := min(len(data), 256<<10)
		b = binary.BigEndian.AppendUint32(b, uint32(n))
		b = binary.BigEndian.AppendUint32(b, uint32(n))
		b = binary.BigEndian.AppendUint32(b, adler32.Checksum(data[:n]))
		b = append(b, data[:n]...)
		data = data[n:]
	}
	return append(b, 0, 0, 0, 0)
}

// sampleArchive is what testdata/sample.cpio.bz2 unpacks to.
func sampleArchive() []byte {
	return newc(dir("sample"), text("sample/bzip2", "made by bzip2\n"), link("sample/link", "bzip2"))
}

func bzip2Sample(t testing.TB, data []byte) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("compress", "testdata", "sample.cpio.bz2"))
	require.NoError(t, err)
	got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(b)))
	require.NoError(t, err)
	require.Equal(t, data, got, "testdata has only sampleArchive in bzip2")
	return b
}

// bootconfig is a block as the bootconfig tool appends it.
func bootconfig(data string) []byte {
	b := pad4([]byte(data))
	var sum uint32
	for _, c := range b {
		sum += uint32(c)
	}
	size := uint32(len(b))
	b = binary.LittleEndian.AppendUint32(b, size)
	b = binary.LittleEndian.AppendUint32(b, sum)
	return append(b, "#BOOTCONFIG\n"...)
}

// tempFile writes data to a file that is open for reading.
func tempFile(t testing.TB, data []byte) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "initrd")
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	_, err = f.Write(data)
	require.NoError(t, err)
	return f
}

// members makes one member of a file for each blob, named a, b, c ...
func members(t testing.TB, blobs ...[]byte) []initrd.Member {
	t.Helper()
	var out []initrd.Member
	for i, b := range blobs {
		m, err := initrd.FileMember(string(rune('a'+i)), tempFile(t, b))
		require.NoError(t, err)
		out = append(out, m)
	}
	return out
}

// join joins into a memfd and reads it back.
func join(t testing.TB, opts initrd.JoinOptions, ms []initrd.Member) ([]byte, initrd.Layout) {
	t.Helper()
	f, err := initrd.Create("test")
	require.NoError(t, err)
	defer closeAll(t, f)
	layout, err := joinTo(f, ms, opts)
	require.NoError(t, err)
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	require.NoError(t, err)
	require.EqualValues(t, layout.Size, len(b))
	return b, layout
}

// closeAll closes files, to defer it.
func closeAll(t testing.TB, files ...*os.File) {
	t.Helper()
	for _, f := range files {
		require.NoError(t, f.Close())
	}
}
