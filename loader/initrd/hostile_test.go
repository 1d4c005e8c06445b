package initrd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// Anyone may write to an ESP: sizes and counts in the headers are lies until
// the bytes are there.
func TestWalkDoesNotBelieveSizes(t *testing.T) {
	for name, b := range map[string][]byte{
		"file of 4 GiB":          newc(file{path: "a", size: 1<<32 - 1}),
		"name of 4 GiB":          newc(file{path: "a", nameSize: 1<<32 - 1}),
		"link of 4 GiB":          newc(file{path: "a", mode: 0o120777, size: 1<<32 - 1}),
		"name and file of 4 GiB": newc(file{path: "a", nameSize: 1<<32 - 1, size: 1<<32 - 1}),
		"lz4 block of 8 MiB":     []byte("\x02\x21\x4c\x18\x00\x00\x80\x00x"),
		"zstd window of 2 TiB":   []byte("\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00"),
		"xz without blocks":      []byte("\xfd7zXZ\x00\x00\x01\x69\x22\xde\x36\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
		"bootconfig of 4 GiB":    []byte("\xff\xff\xff\xff\x00\x00\x00\x00#BOOTCONFIG\n"),
	} {
		t.Run(name, func(t *testing.T) {
			var rep initrd.Report
			heap := allocated(func() { rep = walk(t, b, initrd.WalkOptions{Name: "img", Verify: initrd.VerifyAll}) })
			assert.NotEmpty(t, rep.Findings)
			assert.Less(t, heap, uint64(48<<20), "no decoder takes what a header asks for")
		})
	}
}

// A million hard links, or a million streams, take bounded memory.
func TestWalkOfManyEntries(t *testing.T) {
	var b []byte
	for i := range 200_000 {
		b = append(b, file{path: "a", ino: uint32(i), nlink: 2}.bytes()...)
	}
	var rep initrd.Report
	heap := allocated(func() { rep = walk(t, b, initrd.WalkOptions{}) })
	assert.Equal(t, 200_000, rep.Segments[0].Entries)
	assert.Less(t, heap, uint64(64<<20))
}

// Members of a few bytes take a few bytes each: an entry file may have 100,000.
func TestPlanOfManyMembers(t *testing.T) {
	members := make([]initrd.Member, 2000)
	for i := range members {
		members[i] = initrd.Member{Name: "img", Parts: []initrd.Part{{Data: []byte("not an image")}}}
	}
	heap := allocated(func() {
		plan, err := initrd.NewPlan(members, initrd.JoinOptions{})
		require.NoError(t, err)
		assert.Len(t, plan.Layout.Members, len(members))
	})
	assert.Less(t, heap, uint64(64<<20))
}

func TestWalkVisitError(t *testing.T) {
	want := errors.New("enough")
	for _, f := range []initrd.Format{initrd.Newc, compress.Gzip} {
		b := pack(t, f, mainImage)
		_, err := initrd.Walk(context.Background(), bytes.NewReader(b), int64(len(b)), initrd.WalkOptions{Verify: initrd.VerifyAll, Visit: func(initrd.File) error { return want }})
		require.ErrorIs(t, err, want)
	}
}

// Without Verify nothing is decoded, and only plain archives are visited.
func TestWalkVisitsWhatItSees(t *testing.T) {
	b, layout := join(t, initrd.JoinOptions{}, members(t, extraImage, pack(t, compress.Zstd, mainImage)))
	for verify, want := range map[initrd.Verification]string{initrd.VerifyNone: "etc etc/extra", initrd.VerifyFast: "etc etc/extra bin init bin/sh", initrd.VerifyAll: "etc etc/extra bin init bin/sh"} {
		var names []string
		walk(t, b, initrd.WalkOptions{Layout: layout, Verify: verify, Visit: func(f initrd.File) error {
			names = append(names, f.Path)
			return nil
		}})
		assert.Equal(t, want, strings.Join(names, " "))
	}
}

// Content is that of the file, whatever segment it is in, and the walk goes on as if
// it had not been looked at.
func TestVisitedContent(t *testing.T) {
	long := strings.Repeat("x", 40<<10)
	archive := newc(text("a", "one"), text("long", long), text("empty", ""), link("l", "a"), file{path: "first", mode: 0o100644, nlink: 2, ino: 7}, text("z", "last"))
	for _, b := range [][]byte{archive, pack(t, compress.Zstd, archive)} {
		got := map[string]string{}
		opts := initrd.WalkOptions{Verify: initrd.VerifyAll}
		want := walk(t, b, opts)
		opts.Visit = func(f initrd.File) error {
			content, err := f.Content(100 << 10)
			if got[f.Path] = string(content); err != nil {
				require.ErrorIs(t, err, initrd.ErrNoContent)
				got[f.Path] = "none"
			}
			_, err = f.Content(2)
			assert.Equal(t, f.Size <= 2 && got[f.Path] != "none", err == nil, f.Path)
			return nil
		}
		assert.Equal(t, want, walk(t, b, opts))
		assert.Equal(t, map[string]string{"a": "one", "long": long, "empty": "", "l": "none", "first": "none", "z": "last"}, got)
	}
	b := pack(t, compress.Zstd, newc(text("huge", strings.Repeat("x", 200<<10)), text("z", "last")))
	rep := walk(t, b, initrd.WalkOptions{Verify: initrd.VerifyAll, Visit: func(f initrd.File) error {
		_, err := f.Content(1 << 20)
		assert.Equal(t, f.Path == "z", err == nil, "a stream is looked at 128 KiB ahead")
		return nil
	}})
	assert.Equal(t, 2, rep.Segments[0].Entries)
}

func TestWalkSkippedEntryInside(t *testing.T) {
	b := pack(t, compress.Zstd, newc(link("a", strings.Repeat("x", 5000)), file{path: "d", mode: 0o40755, data: "x"}, text("b", "1")))
	rep := walk(t, b, initrd.WalkOptions{Name: "img", Verify: initrd.VerifyAll})
	assert.Equal(t, "img:cpio-skipped img:cpio-skipped", ids(rep))
	assert.Contains(t, rep.Findings[0].Text, "inside the compressed image")
	assert.Equal(t, 1, rep.Segments[0].Entries)
}

// Names from a file do not fill the screen.
func TestFindingsClipNames(t *testing.T) {
	long := strings.Repeat("x", 3000)
	rep := walk(t, newc(file{path: long, mode: 0o40755, data: "x"}), initrd.WalkOptions{})
	require.Len(t, rep.Findings, 1)
	assert.Less(t, len(rep.Findings[0].Text), 400)
}

func TestEveryFindingSaysHowToMend(t *testing.T) {
	for _, b := range [][]byte{[]byte("junk"), []byte("070707" + strings.Repeat("0", 120)), mainImage[:50], pack(t, compress.Zstd, mainImage)[:20]} {
		for _, f := range walk(t, b, initrd.WalkOptions{Name: "img"}).Findings {
			assert.NotEmpty(t, f.Hint)
			assert.NotEmpty(t, f.Text)
			assert.Equal(t, strings.ToLower(string(f.ID)), string(f.ID))
			assert.NotRegexp(t, `\.$`, f.String())
		}
	}
}

func TestJoinAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.WriteFile(path, []byte("in front"), 0o600))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer closeAll(t, f)
	_, err = joinTo(f, members(t, []byte("abc"), bytes.Repeat([]byte("x"), 100_000)), initrd.JoinOptions{})
	require.NoError(t, err, "copy_file_range and sendfile refuse such a file")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "in frontabc\x00"+strings.Repeat("x", 100_000), string(b))
}

func TestWritingFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer closeAll(t, full)
	ms := members(t, ucodeIntel, pack(t, compress.Zstd, newc(text("a", strings.Repeat("x", 300_000)))))
	_, err = joinTo(full, ms, initrd.JoinOptions{})
	require.ErrorIs(t, err, unix.ENOSPC)
	assert.ErrorContains(t, err, "a: ", "the member at which it happened")
}

// No descriptor is left open, whether it works or not.
func TestFlatClosesWhatItOpens(t *testing.T) {
	ms := members(t, pack(t, compress.Gzip, mainImage), pack(t, compress.Zstd, extraImage))
	bad := members(t, pack(t, compress.Gzip, mainImage), append([]byte("junk"), extraImage...))
	for range 5 {
		_, _, err := flatten(t, initrd.FlatOptions{}, ms)
		require.NoError(t, err)
		_, _, err = flatten(t, initrd.FlatOptions{}, bad)
		require.Error(t, err)
	}
	assert.Zero(t, memfds(t))
}

// memfds counts our files in memory.
func memfds(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	n := 0
	for _, fd := range fds {
		target, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		if strings.HasPrefix(target, "/memfd:") {
			n++
		}
	}
	return n
}

// The time of 20,000 files below links stays in proportion.
func TestFlatManyFiles(t *testing.T) {
	files := []file{dir("d"), link("l0", "d")}
	for i := range 30 {
		files = append(files, link(fmt.Sprint("l", i+1), fmt.Sprint("l", i)))
	}
	for i := range 20_000 {
		files = append(files, text(fmt.Sprintf("l30/%d", i), "x"))
	}
	got, _, err := flatten(t, initrd.FlatOptions{}, members(t, newc(files...)))
	require.NoError(t, err)
	assert.Len(t, show(t, got), 20_000+32)
}

func TestFlatErrorUnwraps(t *testing.T) {
	_, _, err := flatten(t, initrd.FlatOptions{Limit: 10}, members(t, pack(t, compress.Gzip, mainImage)))
	require.ErrorIs(t, err, initrd.ErrLimit)
	assert.EqualError(t, err, "cannot flatten a: unpacks to more than the limit of 10 bytes")
}
