package initrd_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// Each archive that the real systemd-stub handed to a kernel is made again from
// its names, modes and contents.
func TestArchiveIsThatOfTheStub(t *testing.T) {
	blobs, err := filepath.Glob(filepath.Join(fixtures.Corpus(t, "stub-262.tar.zst"), "*", "initrd"))
	require.NoError(t, err)
	seen := map[string]int{}
	for _, path := range blobs {
		blob, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, want := range stubArchives(blob) {
			ino, nodes := parts(t, want)
			m, err := initrd.Archive("test", ino, nodes)
			require.NoError(t, err)
			got, _ := join(t, initrd.JoinOptions{}, []initrd.Member{m})
			require.Equal(t, want, got, path)
			first := slices.IndexFunc(nodes, func(n initrd.Node) bool { return !n.Dir })
			last := nodes[first-1]
			assert.Equal(t, initrd.StubDirs(last.Path, last.Mode), nodes[:first])
			seen[last.Path]++
		}
	}
	for _, dir := range []string{"credentials", "global_credentials", "sysext", "global_sysext", "confext", "global_confext"} {
		assert.NotZero(t, seen[".extra/"+dir], dir)
	}
	assert.NotZero(t, seen[".extra"])
}

// stubArchives cuts the generated archives out of a blob.
func stubArchives(blob []byte) [][]byte {
	const last = "TRAILER!!!\x00\x00\x00\x00"
	first := regexp.MustCompile("070701.{8}0000416d.{80}00000000\\.extra\x00")
	var out [][]byte
	for {
		from := first.FindIndex(blob)
		if from == nil {
			return out
		}
		to := from[0] + bytes.Index(blob[from[0]:], []byte(last)) + len(last)
		out = append(out, blob[from[0]:to])
		blob = blob[to:]
	}
}

// parts takes an archive apart with u-root's reader, and returns its first inode.
func parts(t *testing.T, archive []byte) (uint32, []initrd.Node) {
	t.Helper()
	r := cpio.Newc.Reader(bytes.NewReader(archive))
	var nodes []initrd.Node
	ino := uint32(0)
	for {
		rec, err := r.ReadRecord()
		if errors.Is(err, io.EOF) {
			return ino, nodes
		}
		require.NoError(t, err)
		if rec.Name == cpio.Trailer {
			return ino, nodes
		}
		if len(nodes) == 0 {
			ino = uint32(rec.Ino)
		}
		n := initrd.Node{Path: rec.Name, Mode: uint32(rec.Mode) & 0o7777, Dir: rec.Mode>>12 == 4}
		if rec.FileSize > 0 {
			n.Content.Data = make([]byte, rec.FileSize)
			_, err := rec.ReadAt(n.Content.Data, 0)
			require.NoError(t, err)
		}
		nodes = append(nodes, n)
	}
}

func TestArchiveOfFileRanges(t *testing.T) {
	f := tempFile(t, []byte("0123456789"))
	m, err := initrd.Archive("sysext", 1, append(initrd.StubDirs(".extra/sysext", 0o555),
		initrd.Node{Path: ".extra/sysext/a.raw", Mode: 0o444, Content: initrd.Part{File: f, Offset: 1, Size: 5}},
		initrd.Node{Path: ".extra/sysext/b.raw", Mode: 0o444, Content: initrd.Part{File: f, Size: 2, Zeros: 3}},
	))
	require.NoError(t, err)
	assert.Zero(t, m.Size()%4)
	got, _ := join(t, initrd.JoinOptions{}, []initrd.Member{m})
	_, nodes := parts(t, got)
	require.Len(t, nodes, 4)
	assert.Equal(t, "12345", string(nodes[2].Content.Data))
	assert.Equal(t, "01\x00\x00\x00", string(nodes[3].Content.Data))
}

func TestArchiveWithoutFilesIsNone(t *testing.T) {
	m, err := initrd.Archive("sysext", 1, initrd.StubDirs(".extra", 0o555))
	require.NoError(t, err)
	assert.Zero(t, m.Size())
}

func TestArchiveRefuses(t *testing.T) {
	for name, n := range map[string]initrd.Node{
		"no name":           {},
		"long name":         {Path: strings.Repeat("x", 4096)},
		"NUL":               {Path: "a\x00b"},
		"too large":         {Path: "a", Content: initrd.Part{Zeros: 1 << 32}},
		"negative":          {Path: "a", Content: initrd.Part{File: os.Stdin, Size: -4}},
		"directory content": {Path: "a", Dir: true, Content: initrd.Part{Zeros: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := initrd.Archive("origin", 1, []initrd.Node{n})
			require.ErrorContains(t, err, "origin: ")
		})
	}
}

func TestStubDirs(t *testing.T) {
	assert.Equal(t, []initrd.Node{{Path: ".extra", Dir: true, Mode: 0o500}}, initrd.StubDirs(".extra", 0o500))
	assert.Equal(t, []initrd.Node{
		{Path: ".extra", Dir: true, Mode: 0o555},
		{Path: ".extra/a", Dir: true, Mode: 0o555},
		{Path: ".extra/a/b", Dir: true, Mode: 0o500},
	}, initrd.StubDirs(".extra/a/b", 0o500))
}

// joinTo plans and writes in one go.
func joinTo(dst *os.File, ms []initrd.Member, opts initrd.JoinOptions) (initrd.Layout, error) {
	p, err := initrd.NewPlan(ms, opts)
	if err != nil {
		return initrd.Layout{}, err
	}
	return p.Layout, p.Write(dst)
}

// list returns all files in a blob, through all compressions.
func list(t testing.TB, b []byte, opts initrd.WalkOptions) []initrd.File {
	t.Helper()
	var all []initrd.File
	opts.Verify = initrd.VerifyAll
	opts.Visit = func(f initrd.File) error {
		all = append(all, f)
		return nil
	}
	walk(t, b, opts)
	return all
}
