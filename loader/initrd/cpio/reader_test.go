package cpio_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	other "github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// file is an entry with its content.
type file struct {
	cpio.Entry
	data string
	sum  uint32 // other than 0: an entry of a 070702 archive, with this sum
}

func regular(path, data string) file {
	return file{Entry: cpio.Entry{Path: path, Mode: 0o100644, NLink: 1}, data: data}
}

func symlink(path, target string) file {
	return file{Entry: cpio.Entry{Path: path, Mode: 0o120777, NLink: 1}, data: target}
}

func directory(path string) file {
	return file{Entry: cpio.Entry{Path: path, Mode: 0o40755, NLink: 2}}
}

// bytes is header, name and content, without the zeros after that.
func (f file) bytes() []byte {
	f.Size = int64(len(f.data))
	b := cpio.AppendHeader(nil, f.Entry, false)
	if f.sum != 0 {
		copy(b, "070702")
		putField(b, 12, f.sum)
	}
	return append(b, f.data...)
}

// putField sets a field of a header.
func putField(b []byte, n int, v uint32) {
	const digits = "0123456789abcdef"
	for i := range 8 {
		b[6+8*n+i] = digits[v>>(28-4*i)&15]
	}
}

// archive is an archive without a trailer.
func archive(files ...file) []byte {
	var b []byte
	for _, f := range files {
		b = pad(append(b, f.bytes()...))
	}
	return b
}

func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

// join is one after the other, in memory of its own.
func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func open(b []byte) *cpio.Reader {
	return cpio.NewReader(cpio.NewFileCursor(bytes.NewReader(b), 0, int64(len(b))), nil)
}

func openStream(r io.Reader) *cpio.Reader { return cpio.NewReader(cpio.NewStreamCursor(r), nil) }

// scan reads all entries and verifies them. What the kernel only leaves out does
// not end it; all faults are returned, and what ended it.
func scan(r *cpio.Reader) (paths []string, faults []finding.ID, err error) {
	paths = []string{}
	for {
		err := r.Next()
		if err == nil {
			paths = append(paths, r.Entry.Path)
			err = r.Verify()
		}
		fault, isFault := errors.AsType[*cpio.Fault](err)
		switch {
		case isFault:
			faults = append(faults, fault.ID)
			if fault.ID != cpio.Skipped && fault.ID != cpio.Checksum {
				return paths, faults, err
			}
		case err != nil:
			return paths, faults, err
		}
	}
}

// TestReaderFaults is what init/initramfs.c refuses or leaves out, and how far it
// gets before that.
func TestReaderFaults(t *testing.T) {
	a, b := archive(regular("a", "1")), archive(regular("b", "22"))
	change := func(at int, text string) []byte {
		c := bytes.Clone(b)
		copy(c[at:], text)
		return c
	}
	with := func(field int, v uint32, in []byte) []byte {
		c := bytes.Clone(in)
		putField(c, field, v)
		return c
	}
	const nameSize, size = 11, 6
	long := strings.Repeat("n", cpio.PathMax)
	for name, tt := range map[string]struct {
		in    []byte
		paths string
		fault finding.ID
	}{
		"whole":                   {join(a, b, cpio.Trailer()), "a b TRAILER!!!", ""},
		"nothing":                 {nil, "", ""},
		"zeros alone":             {make([]byte, 1000), "", ""},
		"zeros between":           {join(a, make([]byte, 1000), b), "a b", ""},
		"two archives":            {join(a, cpio.Trailer(), b), "a TRAILER!!! b", ""},
		"foreign":                 {join(a, []byte("\x28\xb5\x2f\xfd")), "a", "foreign"},
		"misaligned":              {join(a, []byte{0}, b), "a", "cpio-misaligned"},
		"misaligned foreign":      {join(a, []byte{0}, []byte("\x28\xb5\x2f\xfd")), "a", "cpio-misaligned"},
		"odc":                     {join(a, change(0, "070707")), "a", "cpio-odc"},
		"magic":                   {join(a, change(0, "070703")), "a", "cpio-magic"},
		"magic of another letter": {join(a, change(0, "07070a")), "a", "cpio-magic"},
		"field with a letter":     {join(a, change(6, "0000000g")), "a", "cpio-header"},
		"field with a sign":       {join(a, change(6, "-0000001")), "a", "cpio-header"},
		"last field":              {join(a, change(109, "x")), "a", "cpio-header"},
		"name of 0 bytes":         {join(with(nameSize, 0, b), a), "a", "cpio-skipped"},
		"name of 4097 bytes":      {archive(regular(long, "1"), regular("b", "22")), "b", "cpio-skipped"},
		"name of 4096 bytes":      {archive(regular(long[1:], "1"), regular("b", "22")), long[1:] + " b", ""},
		"name of 4 GiB":           {join(with(nameSize, 1<<32-1, b), a), "", "cpio-truncated"},
		"name beyond the end":     {join(a, with(nameSize, 40, b)), "a", "cpio-truncated"},
		"name without NUL":        {join(with(nameSize, 1, b), a), "", "cpio-header"},
		"NUL inside a name":       {archive(regular("b\x00c", "1"), regular("d", "")), "b d", ""},
		"content beyond the end":  {join(a, with(size, 5, b)), "a", "cpio-truncated"},
		"content of 4 GiB":        {join(with(size, 1<<32-1, b), a), "", "cpio-truncated"},
		"directory with content":  {join(archive(file{Entry: directory("d").Entry, data: "1"}), b), "b", "cpio-skipped"},
		"device with content":     {join(archive(file{Entry: cpio.Entry{Path: "n", Mode: 0o20644}, data: "1"}), b), "b", "cpio-skipped"},
		"trailer with content":    {join(archive(file{Entry: cpio.Entry{Path: cpio.TrailerName}, data: "1"}), b), "b", "cpio-skipped"},
		"no type with content":    {join(archive(file{Entry: cpio.Entry{Path: "n"}, data: "1"}), b), "b", "cpio-skipped"},
		"target of 4096 bytes":    {join(archive(symlink("l", long)), b), "l b", ""},
		"target of 4097 bytes":    {join(archive(symlink("l", long+"n")), b), "b", "cpio-skipped"},
		"cut in what is skipped":  {archive(file{Entry: directory("d").Entry, data: long})[:200], "", "cpio-truncated"},
		"cut in a skipped name":   {archive(regular(long, "1"))[:500], "", "cpio-truncated"},
		"cut in a target":         {archive(symlink("l", "target"))[:115], "", "cpio-truncated"},
		"zeros of a name missing": {archive(regular("a", "1"), directory("dd"))[:116+114], "a", "cpio-truncated"},
		"right sum":               {archive(file{Entry: regular("a", "").Entry, data: "ab", sum: 'a' + 'b'}), "a", ""},
		"wrong sum":               {join(archive(file{Entry: regular("a", "").Entry, data: "ab", sum: 1}), b), "a b", "cpio-checksum"},
		"sum of a link":           {archive(file{Entry: symlink("l", "").Entry, data: "ab", sum: 1}), "l", ""},
		"sum without content":     {archive(file{Entry: regular("a", "").Entry, sum: 1}), "a", "cpio-checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			paths, faults, err := scan(open(tt.in))
			assert.Equal(t, tt.paths, strings.Join(paths, " "))
			assert.Equal(t, tt.fault, last(faults, err))
			// The end of a stream is not known before it comes.
			begun, faults, err := scan(openStream(iotest.HalfReader(bytes.NewReader(tt.in))))
			assert.Equal(t, tt.fault, last(faults, err))
			require.GreaterOrEqual(t, len(begun), len(paths))
			assert.Equal(t, paths, begun[:len(paths)])
		})
	}
}

// last is the last thing that was wrong.
func last(faults []finding.ID, err error) finding.ID {
	switch {
	case errors.Is(err, cpio.ErrForeign):
		return "foreign"
	case len(faults) > 0:
		return faults[len(faults)-1]
	}
	return ""
}

// TestFaultNamesPlaceAndFile: the offset is that of the header, and a long name of
// a file does not fill the screen.
func TestFaultNamesPlaceAndFile(t *testing.T) {
	a := archive(regular("a", "1"))
	path := strings.Repeat("x", 201)
	r := open(join(a, archive(regular(path, "content"))[:314]))
	require.NoError(t, r.Next())
	fault, isFault := errors.AsType[*cpio.Fault](r.Next())
	require.True(t, isFault)
	assert.EqualValues(t, len(a), fault.At)
	assert.Equal(t, `the archive ends inside "`+path[:200]+`..."`, fault.Error())
}

// TestReaderCutAnywhere: what is left of an archive is its beginning, and it only
// ends well between two entries.
func TestReaderCutAnywhere(t *testing.T) {
	files := []file{regular("etc/a", "12345"), symlink("etc/l", "a"), {Entry: regular("etc/s", "").Entry, data: "x", sum: 'x'}}
	var whole []byte
	good := map[int]bool{0: true} // where a stream may end
	for _, f := range files {
		whole = pad(append(whole, f.bytes()...))
		good[len(whole)] = true
	}
	all, faults, err := scan(open(whole))
	require.ErrorIs(t, err, io.EOF)
	require.Empty(t, faults)
	for n := range len(whole) {
		paths, faults, err := scan(openStream(bytes.NewReader(whole[:n])))
		assert.Equal(t, all[:len(paths)], paths, n)
		assert.Equal(t, good[n], errors.Is(err, io.EOF) && len(faults) == 0, "stream of %d bytes: %v", n, err)
		assert.NotErrorIs(t, err, cpio.ErrForeign, n)

		paths, faults, err = scan(open(whole[:n]))
		assert.Equal(t, all[:len(paths)], paths, n)
		end := n + len(whole[n:]) - len(bytes.TrimLeft(whole[n:], "\x00")) // the kernel does without the last zeros
		assert.Equal(t, good[end], errors.Is(err, io.EOF) && len(faults) == 0, "file of %d bytes: %v", n, err)
		assert.NotErrorIs(t, err, cpio.ErrForeign, n)
	}
}

// TestReaderErrorIsNoFault: a disk that fails is not an archive that is damaged,
// wherever that happens.
func TestReaderErrorIsNoFault(t *testing.T) {
	long := strings.Repeat("n", cpio.PathMax)
	whole := join(archive(regular("a", "12345"), symlink("l", "target"), file{Entry: regular("s", "").Entry, data: "x", sum: 'x'}, file{Entry: directory("d").Entry, data: "skipped"}),
		make([]byte, 64), archive(regular(long, "1")), cpio.Trailer())
	for n := range len(whole) {
		_, faults, err := scan(openStream(io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(fixtures.ErrDisk))))
		require.ErrorIs(t, err, fixtures.ErrDisk, n)
		require.Subset(t, []finding.ID{cpio.Skipped}, faults, n)

		_, faults, err = scan(cpio.NewReader(cpio.NewFileCursor(fixtures.BadDisk{ReaderAt: bytes.NewReader(whole), From: n}, 0, int64(len(whole))), nil))
		require.ErrorIs(t, err, fixtures.ErrDisk, n)
		require.Subset(t, []finding.ID{cpio.Skipped}, faults, n)
	}
}

// TestReaderLimit: no entry takes what belongs to the next image.
func TestReaderLimit(t *testing.T) {
	first, second := archive(regular("a", strings.Repeat("1", 300))), archive(regular("b", "2"))
	for name, tt := range map[string]struct {
		size int // of the first image
		want finding.ID
	}{
		"whole":      {len(first), ""},
		"in content": {len(first) - 4, cpio.Truncated},
		"in a name":  {cpio.HeaderSize + 1, cpio.Truncated},
		"in header":  {cpio.HeaderSize - 2, cpio.Truncated},
	} {
		t.Run(name, func(t *testing.T) {
			b := join(first, second)
			r := cpio.NewReader(cpio.NewFileCursor(bytes.NewReader(b), 0, int64(len(b))), func(off int64) int64 {
				if off < int64(tt.size) {
					return int64(tt.size)
				}
				return int64(len(b))
			})
			err := r.Next()
			assert.EqualValues(t, tt.size, r.Bound())
			if tt.want == "" {
				require.NoError(t, err)
				require.NoError(t, r.Next())
				assert.EqualValues(t, len(b), r.Bound())
				return
			}
			fault, isFault := errors.AsType[*cpio.Fault](err)
			require.True(t, isFault, "%v", err)
			assert.Equal(t, tt.want, fault.ID)
		})
	}
}

// TestVerifyEachByte: whatever byte of a file changes, its sum is wrong; a 070701
// archive has none.
func TestVerifyEachByte(t *testing.T) {
	data := "some content of 31 bytes, no more"
	var sum cpio.Sum
	_, err := io.WriteString(&sum, data)
	require.NoError(t, err)
	good := archive(file{Entry: regular("a", "").Entry, data: data, sum: uint32(sum)}, regular("b", data))
	_, faults, err := scan(open(good))
	require.ErrorIs(t, err, io.EOF)
	require.Empty(t, faults)
	first := int(cpio.HeaderLen("a"))
	second := int(cpio.Align(int64(first+len(data))) + cpio.HeaderLen("b"))
	for i := range len(data) {
		for at, want := range map[int][]finding.ID{first + i: {cpio.Checksum}, second + i: nil} {
			bad := bytes.Clone(good)
			bad[at] ^= 0x10
			paths, faults, err := scan(open(bad))
			require.ErrorIs(t, err, io.EOF)
			assert.Equal(t, want, faults, i)
			assert.Equal(t, []string{"a", "b"}, paths, "it goes on")
		}
	}
}

// TestPeek looks at content without using it up.
func TestPeek(t *testing.T) {
	large := strings.Repeat("large ", 50_000)
	b := archive(regular("small", "12345"), regular("large", large), regular("empty", ""), symlink("l", "target"), regular("end", "x"))
	for kind, r := range map[string]*cpio.Reader{"file": open(b), "stream": openStream(bytes.NewReader(b))} {
		t.Run(kind, func(t *testing.T) {
			for _, want := range []string{"12345", large, "", "", "x"} {
				require.NoError(t, r.Next())
				offset := r.Offset()
				for _, limit := range []int64{0, 3, 1 << 40} {
					got, err := r.Peek(limit)
					require.NoError(t, err)
					assert.LessOrEqual(t, int64(len(got)), limit)
					assert.True(t, strings.HasPrefix(want, string(got)), r.Entry.Path)
					assert.Equal(t, want == "" || limit == 0, len(got) == 0, r.Entry.Path)
				}
				assert.Equal(t, offset, r.Offset())
			}
			require.ErrorIs(t, r.Next(), io.EOF)
		})
	}
}

// TestHeaderRoundTrip: what is written is read again, here and by another reader.
func TestHeaderRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		want := cpio.Entry{
			Path: strings.Repeat("p", 1+rnd.IntN(20)), Mode: 0o100000 | rnd.Uint32()&0o7777,
			UID: rnd.Uint32(), GID: rnd.Uint32(), MTime: int64(rnd.Uint32()), Size: int64(rnd.IntN(50)),
			RdevMajor: rnd.Uint32(), RdevMinor: rnd.Uint32(), NLink: rnd.Uint32(), Ino: rnd.Uint32(), DevMajor: rnd.Uint32(), DevMinor: rnd.Uint32(),
		}
		b := cpio.AppendHeader([]byte("...."), want, rnd.IntN(2) == 0)[4:]
		require.EqualValues(t, len(b), cpio.HeaderLen(want.Path))
		require.Zero(t, len(b)%4)
		require.True(t, cpio.IsHeader(b))
		b = pad(append(b, make([]byte, want.Size)...))
		r := open(b)
		require.NoError(t, r.Next())
		require.Equal(t, want, r.Entry)
		require.EqualValues(t, len(b), r.After)

		rec, err := other.Newc.Reader(bytes.NewReader(b)).ReadRecord()
		require.NoError(t, err)
		require.Equal(t, other.Info{
			Ino: uint64(want.Ino), Mode: uint64(want.Mode), UID: uint64(want.UID), GID: uint64(want.GID), NLink: uint64(want.NLink),
			MTime: uint64(want.MTime), FileSize: uint64(want.Size), Dev: 0, Major: uint64(want.DevMajor), Minor: uint64(want.DevMinor),
			Rmajor: uint64(want.RdevMajor), Rminor: uint64(want.RdevMinor), Name: want.Path,
		}, rec.Info)
	}
}

// TestTrailer is the end of an archive for both readers. A link of that name is a
// link, as for the kernel.
func TestTrailer(t *testing.T) {
	r := open(cpio.Trailer())
	require.NoError(t, r.Next())
	assert.True(t, r.Trailer())
	require.ErrorIs(t, r.Next(), io.EOF)
	reader := other.Newc.Reader(bytes.NewReader(join(archive(regular("a", "1")), cpio.Trailer(), archive(regular("b", "2")))))
	rec, err := reader.ReadRecord()
	require.NoError(t, err)
	assert.Equal(t, "a", rec.Name)
	_, err = reader.ReadRecord()
	require.ErrorIs(t, err, io.EOF)

	r = open(archive(symlink(cpio.TrailerName, "a"), regular("TRAILER!!", "")))
	require.NoError(t, r.Next())
	assert.False(t, r.Trailer())
	assert.Equal(t, "a", r.Entry.Link)
	require.NoError(t, r.Next())
	assert.False(t, r.Trailer())
}

// TestLinkEndsAtNUL is a target with the NUL that some tools write.
func TestLinkEndsAtNUL(t *testing.T) {
	r := open(archive(symlink("l", "target\x00"), symlink("m", "a\x00b"), symlink("n", "")))
	for _, want := range []string{"target", "a", ""} {
		require.NoError(t, r.Next())
		assert.Equal(t, want, r.Entry.Link)
	}
}

func TestIsHeader(t *testing.T) {
	good := archive(regular("a", "1"))
	assert.True(t, cpio.IsHeader(good))
	assert.True(t, cpio.IsHeader(good[:cpio.HeaderSize]))
	assert.True(t, cpio.IsHeader(append([]byte("070702"), good[6:]...)))
	assert.False(t, cpio.IsHeader(good[:cpio.HeaderSize-1]))
	assert.False(t, cpio.IsHeader(append([]byte("070707"), good[6:]...)))
	assert.False(t, cpio.IsHeader(nil))
	for i := 6; i < cpio.HeaderSize; i++ {
		bad := bytes.Clone(good)
		bad[i] = ' '
		assert.False(t, cpio.IsHeader(bad), i)
	}
}

// TestMoveTo goes through a file in any order, beyond its end too.
func TestMoveTo(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	data := make([]byte, 200_000)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	c := cpio.NewFileCursor(bytes.NewReader(data), 0, int64(len(data)))
	at := 0
	for range 2000 {
		switch rnd.IntN(3) {
		case 0:
			at = rnd.IntN(len(data) + 10)
		case 1:
			at = max(0, at+rnd.IntN(8000)-4000)
		}
		c.MoveTo(int64(at))
		require.EqualValues(t, at, c.Pos())
		n := 1 + rnd.IntN(6000)
		got, err := c.Peek(n)
		require.NoError(t, err)
		from := min(at, len(data))
		require.True(t, bytes.Equal(data[from:min(from+n, len(data))], got), "%d bytes at %d", n, at)
	}
}

// TestReset: nothing of the stream before is left in the next one.
func TestReset(t *testing.T) {
	c := cpio.NewStreamCursor(strings.NewReader("first"))
	for _, next := range []string{"second", "", "\x00\x00third"} {
		_, err := c.Peek(100) // to its end
		require.NoError(t, err)
		_, err = c.Zeros()
		require.NoError(t, err)
		c.Reset(strings.NewReader(next))
		assert.Zero(t, c.Pos())
		got, err := c.Peek(100)
		require.NoError(t, err)
		assert.Equal(t, next, string(got))
	}
}
