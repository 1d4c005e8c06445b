package initrd

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// ent is an entry of a test archive.
type ent struct {
	path string
	mode uint32
	data string
	ino  uint32 // 0: one link
	uid  uint32
}

func cpioOf(ents ...ent) []byte {
	var b []byte
	for _, e := range ents {
		if e.mode == 0 {
			e.mode = unix.S_IFREG | 0o644
		}
		links := 1
		if e.ino > 0 {
			links = 2
		}
		b = fmt.Appendf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			e.ino, e.mode, e.uid, 0, links, 7, len(e.data), 0, 0, 0, 0, len(e.path)+1, 0)
		for _, s := range []string{e.path + "\x00", e.data} {
			b = append(b, s...)
			b = append(b, make([]byte, -len(b)&3)...)
		}
	}
	return b
}

var cpioEnd = cpioOf(ent{path: trailer, mode: 1})

// zst is a zstd frame of blocks that are stored (RFC 8878).
func zst(archives ...[]byte) []byte {
	b := []byte("\x28\xb5\x2f\xfd\x00\x58")
	rest := bytes.Join(archives, nil)
	for last := 0; last == 0; {
		n := min(len(rest), 100_000)
		if n == len(rest) {
			last = 1
		}
		h := n<<3 | last
		b = append(b, byte(h), byte(h>>8), byte(h>>16))
		b, rest = append(b, rest[:n]...), rest[n:]
	}
	return b
}

func blobs(data ...[]byte) (ms []Member) {
	for i, b := range data {
		ms = append(ms, Member{Name: fmt.Sprint(i), Parts: []Part{{Data: b}}})
	}
	return ms
}

// flatTwice flattens as Flat does, and with all written anew. It tells whether
// the first compressed stream stayed where it was decoded to.
func flatTwice(t testing.TB, ms []Member, limit int64) (inPlace, rewritten []byte, kept bool, err error) {
	t.Helper()
	var got [2][]byte
	for i := range got {
		f, err := newFlattener(ms, FlatOptions{Limit: limit})
		require.NoError(t, err)
		if i == 1 {
			f.lead.out.close()
			f.lead = lead{}
		}
		if err := f.unpack(); err != nil {
			f.close()
			return nil, nil, false, err
		}
		out, err := f.flat()
		if err != nil {
			out.close()
			f.close()
			return nil, nil, false, err
		}
		got[i], err = os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", out.Fd()))
		require.NoError(t, err)
		require.EqualValues(t, out.layout.Size, len(got[i]))
		kept = kept || out == f.lead.out
		out.close()
		f.close()
	}
	return got[0], got[1], kept, nil
}

// anew is what the kernel makes of an archive, as an archive.
func anew(t testing.TB, archive []byte) []byte {
	t.Helper()
	_, again, _, err := flatTwice(t, blobs(archive), 0)
	require.NoError(t, err)
	return again
}

// The first compressed image stays as it is unless another image, or a later
// entry of its own, replaces something of it.
func TestFlatInPlace(t *testing.T) {
	etc, conf := ent{path: "etc", mode: unix.S_IFDIR | 0o755}, ent{path: "etc/conf", data: "1"}
	link1, link2 := ent{path: "a", data: "1", ino: 5}, ent{path: "b", ino: 5}
	dev := ent{path: "dev", mode: unix.S_IFDIR | 0o755}
	early := append(cpioOf(ent{path: "kernel/x86/microcode/AuthenticAMD.bin", data: "amd"}), cpioEnd...)
	main := zst(cpioOf(etc, conf, link1, link2, dev), cpioEnd)
	for name, tc := range map[string]struct {
		in   [][]byte
		kept bool
	}{
		"alone":                      {[][]byte{main}, true},
		"behind early files":         {[][]byte{early, main}, true},
		"behind early files in it":   {[][]byte{append(bytes.Clone(early), main...)}, true},
		"no trailer":                 {[][]byte{zst(cpioOf(etc, conf))}, true},
		"nothing but a trailer":      {[][]byte{zst(cpioEnd)}, true},
		"zeros behind":               {[][]byte{zst(cpioOf(etc, conf), cpioEnd, make([]byte, 1000))}, true},
		"end without padding":        {[][]byte{zst(cpioOf(etc), cpioOf(conf)[:len(cpioOf(conf))-3]), cpioOf(ent{path: "x"})}, true},
		"more files":                 {[][]byte{main, cpioOf(ent{path: "etc/more", data: "2"}), zst(cpioOf(ent{path: "x"}))}, true},
		"the same directory":         {[][]byte{main, cpioOf(etc, ent{path: "etc/more", data: "2"})}, true},
		"equal inode numbers":        {[][]byte{main, append(cpioOf(ent{path: "c", data: "3", ino: 5}, ent{path: "d", ino: 5}), cpioEnd...)}, true},
		"a bootconfig":               {[][]byte{main, []byte("a\n\x02\x00\x00\x00\x6b\x00\x00\x00#BOOTCONFIG\n")}, true},
		"two streams":                {[][]byte{append(bytes.Clone(main), zst(cpioOf(ent{path: "x"}), cpioEnd)...)}, true},
		"another directory mode":     {[][]byte{main, cpioOf(ent{path: "etc", mode: unix.S_IFDIR | 0o700})}, false},
		"a file replaced":            {[][]byte{main, cpioOf(conf)}, false},
		"a file removed":             {[][]byte{main, cpioOf(ent{path: "etc/conf", mode: 0o644})}, false},
		"a hard link added":          {[][]byte{zst(cpioOf(link1)), cpioOf(link2)}, false},
		"a hard link replaced":       {[][]byte{main, cpioOf(ent{path: "b", mode: unix.S_IFLNK | 0o777, data: "x"})}, false},
		"a file twice in it":         {[][]byte{zst(cpioOf(etc, conf, conf), cpioEnd)}, false},
		"a directory twice in it":    {[][]byte{zst(cpioOf(etc, etc), cpioEnd)}, false},
		"a file without its parent":  {[][]byte{zst(cpioOf(conf), cpioEnd)}, false},
		"two archives in one stream": {[][]byte{zst(cpioOf(link1, link2), cpioEnd, cpioOf(ent{path: "c", ino: 5}), cpioEnd)}, false},
		"behind an ordinary archive": {[][]byte{cpioOf(etc), zst(cpioOf(conf))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, want, kept, err := flatTwice(t, blobs(tc.in...), 0)
			require.NoError(t, err)
			assert.Equal(t, tc.kept, kept)
			assert.Equal(t, string(anew(t, want)), string(anew(t, got)), "the kernel would make the same of it")
			rep, err := Walk(bytes.NewReader(got), int64(len(got)), WalkOptions{Verify: true})
			require.NoError(t, err)
			assert.Empty(t, rep.Findings)
			assert.LessOrEqual(t, bytes.Count(got, []byte(trailer)), bytes.Count(got, []byte("kernel/x86"))+1, "one archive, besides the early one")
		})
	}
}

// The trailer behind the main image is gone, so what is added must not be on a
// device that its hard links are on.
func TestFlatAvoidsDevicesOfHardLinks(t *testing.T) {
	l := lead{links: map[uint32]bool{0: true, 1: true, 3: true}}
	assert.EqualValues(t, 2, l.freeMajor())
	assert.Zero(t, (&lead{}).freeMajor())
}

func TestFlatWriteFails(t *testing.T) {
	for name, spoil := range map[string]func(f *flattener, full *os.File){
		"the stream": func(f *flattener, full *os.File) { f.lead.out.File = full },
		"the rest":   func(f *flattener, full *os.File) { f.lead.out.c.dst = full },
	} {
		t.Run(name, func(t *testing.T) {
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			require.NoError(t, err)
			f, err := newFlattener(blobs(zst(cpioOf(ent{path: "a"})), cpioOf(ent{path: "b"})), FlatOptions{})
			require.NoError(t, err)
			defer f.close()
			spoil(f, full)
			if err = f.unpack(); err == nil {
				_, err = f.flat()
			}
			require.ErrorIs(t, err, unix.ENOSPC)
		})
	}
}

// Whatever the images are: in place or written anew, it is the same tree.
func FuzzFlatInPlace(f *testing.F) {
	one := cpioOf(ent{path: "d", mode: unix.S_IFDIR | 0o755}, ent{path: "d/f", data: "1"}, ent{path: "l", mode: unix.S_IFLNK | 0o777, data: "d"})
	links := cpioOf(ent{path: "a", data: "x", ino: 5}, ent{path: "b", ino: 5}, ent{path: "l/g", data: "2"})
	f.Add(one, links)
	f.Add(append(bytes.Clone(one), cpioEnd...), append(bytes.Clone(links), cpioEnd...))
	f.Add(links, one)
	f.Add(append(bytes.Clone(one), one...), []byte{})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		got, want, _, err := flatTwice(t, blobs(zst(a), b), 1<<20)
		if err != nil {
			return
		}
		require.Equal(t, anew(t, want), anew(t, got))
	})
}
