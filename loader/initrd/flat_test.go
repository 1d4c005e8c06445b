package initrd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

func flatten(t testing.TB, opts initrd.FlatOptions, ms []initrd.Member) ([]byte, initrd.Layout, error) {
	t.Helper()
	f, layout, err := initrd.Flat(context.Background(), ms, opts)
	if err != nil {
		require.Nil(t, f)
		return nil, layout, err
	}
	defer closeAll(t, f)
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	require.NoError(t, err)
	require.EqualValues(t, layout.Size, len(b))
	return b, layout, nil
}

// show writes one line a file, as u-root's reader sees them, in the order of
// their names. Sets of hard links are numbered.
func show(t testing.TB, archive []byte) []string {
	t.Helper()
	var recs []cpio.Record
	names := map[[4]uint64]int{}
	for r := cpio.Newc.Reader(bytes.NewReader(archive)); ; {
		rec, err := r.ReadRecord()
		if errors.Is(err, io.EOF) || rec.Name == cpio.Trailer {
			break
		}
		require.NoError(t, err)
		recs = append(recs, rec)
		names[inode(rec)]++
	}
	slices.SortFunc(recs, func(a, b cpio.Record) int { return strings.Compare(a.Name, b.Name) })
	sets := map[[4]uint64]int{}
	var out []string
	for _, rec := range recs {
		data := make([]byte, rec.FileSize)
		if len(data) > 0 {
			_, err := rec.ReadAt(data, 0)
			require.NoError(t, err)
		}
		line := fmt.Sprintf("%s %o", rec.Name, rec.Mode)
		if rec.UID+rec.GID+rec.MTime > 0 {
			line += fmt.Sprintf(" %d:%d@%d", rec.UID, rec.GID, rec.MTime)
		}
		if n := names[inode(rec)]; n > 1 && rec.NLink > 1 && rec.Mode&unix.S_IFMT != unix.S_IFDIR {
			if sets[inode(rec)] == 0 {
				sets[inode(rec)] = len(sets) + 1
			}
			line += fmt.Sprintf(" #%d/%d", sets[inode(rec)], n)
		}
		if rec.Rmajor+rec.Rminor > 0 {
			line += fmt.Sprintf(" <%d,%d>", rec.Rmajor, rec.Rminor)
		}
		if len(data) > 0 {
			line += " =" + string(data)
		}
		out = append(out, line)
	}
	return out
}

// anew is a flat archive written anew: a compressed image may stay as it was,
// with names that lead through links, or with content behind the first name.
func anew(t testing.TB, flat []byte) []byte {
	t.Helper()
	got, _, err := flatten(t, initrd.FlatOptions{}, []initrd.Member{{Name: "flat", Parts: []initrd.Part{{Data: flat}}}})
	require.NoError(t, err)
	return got
}

func inode(r cpio.Record) [4]uint64 {
	return [4]uint64{r.Major, r.Minor, r.Ino, r.Mode & unix.S_IFMT}
}

// The kernel's rules for what comes twice; vm_test.go asks the kernel itself.
func TestFlatRules(t *testing.T) {
	hard := func(path, data string, ino uint32) file { return file{path: path, data: data, ino: ino, nlink: 2} }
	node := func(path string, mode, major, minor uint32) file {
		return file{path: path, mode: mode, rdev: [2]uint32{major, minor}}
	}
	for name, tc := range map[string]struct {
		in   []file
		want string
	}{
		"file, file":                   {[]file{text("a", "1"), {path: "a", data: "22", mode: 0o100600, uid: 1, gid: 2, mtime: 3}}, "a 100600 1:2@3 =22"},
		"file, empty file":             {[]file{text("a", "1"), text("a", "")}, "a 100644"},
		"link, link":                   {[]file{link("a", "x"), link("a", "y")}, "a 120777 =y"},
		"file, directory":              {[]file{text("a", "1"), dir("a")}, "a 40755"},
		"file, link":                   {[]file{text("a", "1"), link("a", "x")}, "a 120777 =x"},
		"link, file":                   {[]file{text("x", "0"), link("a", "x"), text("a", "1")}, "a 100644 =1|x 100644 =0"},
		"link, directory":              {[]file{link("a", "x"), dir("a")}, "a 40755"},
		"empty directory, file":        {[]file{dir("a"), text("a", "1")}, "a 100644 =1"},
		"empty directory, link":        {[]file{dir("a"), link("a", "x")}, "a 120777 =x"},
		"full directory, file":         {[]file{dir("a"), text("a/b", "1"), {path: "a", data: "2", uid: 9}}, "a 40755|a/b 100644 =1"},
		"full directory, link":         {[]file{dir("a"), text("a/b", "1"), {path: "a", mode: 0o120777, data: "x", uid: 9, mtime: 8}}, "a 40755 9:0@0|a/b 100644 =1"},
		"full directory, device":       {[]file{dir("a"), text("a/b", "1"), {path: "a", mode: 0o20600, uid: 9}}, "a 40600 9:0@0|a/b 100644 =1"},
		"directory, directory":         {[]file{{path: "a", mode: 0o40755, mtime: 5}, text("a/b", "1"), {path: "a", mode: 0o40700, uid: 3, mtime: 7}}, "a 40700 3:0@5|a/b 100644 =1"},
		"directory's time, link":       {[]file{{path: "a", mode: 0o40755, mtime: 5}, {path: "a", mode: 0o120777, data: "x", mtime: 7}}, "a 120777 0:0@5 =x"},
		"below a link":                 {[]file{dir("real"), link("lnk", "real"), text("lnk/x", "1")}, "lnk 120777 =real|real 40755|real/x 100644 =1"},
		"below an absolute link":       {[]file{dir("d"), dir("d/real"), dir("e"), link("e/lnk", "/d/./real/"), text("e/lnk/x", "1")}, "d 40755|d/real 40755|d/real/x 100644 =1|e 40755|e/lnk 120777 =/d/./real/"},
		"below a link up":              {[]file{dir("d"), dir("e"), link("e/lnk", "../../../d"), text("e/lnk/x", "1")}, "d 40755|d/x 100644 =1|e 40755|e/lnk 120777 =../../../d"},
		"below a loop":                 {[]file{link("a", "b"), link("b", "a"), text("a/x", "1")}, "a 120777 =b|b 120777 =a"},
		"below a file":                 {[]file{text("a", "1"), text("a/x", "2")}, "a 100644 =1"},
		"no parent":                    {[]file{text("a/b", "1"), dir("c/d"), link("e/f", "x")}, ""},
		"prefixes":                     {[]file{dir("./t"), text("/t/a", "1"), text("./t/b", "2"), text("t//c", "3"), text("t/../t/d", "4")}, "t 40755|t/a 100644 =1|t/b 100644 =2|t/c 100644 =3|t/d 100644 =4"},
		"slash behind a directory":     {[]file{dir("a/"), text("a/b", "1"), text("c/", "2")}, "a 40755|a/b 100644 =1"},
		"the root":                     {[]file{{path: ".", mode: 0o40700, uid: 4, mtime: 6}, text("a", "1")}, ". 40700 4:0@6|a 100644 =1"},
		"a file as the root":           {[]file{text("/", "1"), text(".", "2"), text("..", "3")}, ""},
		"hard links, content first":    {[]file{hard("a", "1", 7), hard("b", "", 7)}, "a 100644 #1/2 =1|b 100644 #1/2"},
		"hard links, content last":     {[]file{hard("a", "", 7), hard("b", "1", 7)}, "a 100644 #1/2 =1|b 100644 #1/2"},
		"hard links, others":           {[]file{hard("a", "1", 7), hard("b", "2", 8)}, "a 100644 =1|b 100644 =2"},
		"hard links, trailer between":  {[]file{hard("a", "1", 7), {path: "TRAILER!!!", mode: 1}, hard("b", "2", 7)}, "a 100644 =1|b 100644 =2"},
		"hard link over a file":        {[]file{text("b", "0"), hard("a", "1", 7), hard("b", "", 7)}, "a 100644 #1/2 =1|b 100644 #1/2"},
		"hard link over itself":        {[]file{hard("a", "1", 7), hard("a", "", 7)}, ""},
		"hard link to what is gone":    {[]file{hard("a", "1", 7), dir("a"), hard("b", "2", 7)}, "a 40755"},
		"file over a hard link":        {[]file{hard("a", "1", 7), hard("b", "", 7), text("b", "2")}, "a 100644 #1/2 =2|b 100644 #1/2"},
		"link over a hard link":        {[]file{hard("a", "1", 7), hard("b", "", 7), link("b", "x")}, "a 100644 =1|b 120777 =x"},
		"devices":                      {[]file{dir("dev"), node("dev/sda", 0o60660, 8, 0), node("dev/fifo", 0o10600, 0, 0), node("dev/sock", 0o140700, 0, 0)}, "dev 40755|dev/fifo 10600|dev/sda 60660 <8,0>|dev/sock 140700"},
		"device again":                 {[]file{node("a", 0o20600, 1, 3), node("a", 0o20644, 1, 5)}, "a 20644 <1,3>"},
		"device of another type":       {[]file{node("a", 0o20600, 1, 3), node("a", 0o60644, 1, 5)}, "a 60644 <1,5>"},
		"hard-linked device":           {[]file{{path: "a", mode: 0o20600, ino: 7, nlink: 2, rdev: [2]uint32{1, 3}}, {path: "b", mode: 0o20600, ino: 7, nlink: 2, rdev: [2]uint32{1, 3}}}, "a 20600 #1/2 <1,3>|b 20600 #1/2 <1,3>"},
		"the kernel's own console":     {[]file{node("dev/console", 0o20622, 5, 1)}, "dev/console 20622 <5,1>"},
		"the kernel's own directories": {[]file{text("dev/x", "1"), link("root", "home")}, "dev/x 100644 =1|root 120777 =home"},
		"long names":                   {[]file{text(strings.Repeat("x", 256), "1"), text(strings.Repeat("y", 255), "2")}, strings.Repeat("y", 255) + " 100644 =2"},
		"suid":                         {[]file{{path: "su", mode: 0o104755}, {path: "tmp", mode: 0o41777}}, "su 104755|tmp 41777"},
		"unknown type":                 {[]file{text("a", "1"), {path: "a", mode: 0o644}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			// Each entry by itself, so that the rules hold across members, too.
			var apart [][]byte
			for _, f := range tc.in {
				apart = append(apart, pack(t, compress.Gzip, entries(f)))
			}
			for _, blobs := range [][][]byte{{newc(tc.in...)}, {pack(t, compress.Zstd, newc(tc.in...))}, apart} {
				got, _, err := flatten(t, initrd.FlatOptions{}, members(t, blobs...))
				require.NoError(t, err)
				assert.Equal(t, tc.want, strings.Join(show(t, anew(t, got)), "|"))
			}
		})
	}
}

func TestFlatEveryFormat(t *testing.T) {
	var blobs [][]byte
	for _, f := range append([]initrd.Format{initrd.Newc}, compressed...) {
		blobs = append(blobs, pack(t, f, sampleArchive()))
	}
	got, layout, err := flatten(t, initrd.FlatOptions{}, members(t, blobs...))
	require.NoError(t, err)
	assert.Equal(t, []string{"sample 40755", "sample/bzip2 100644 =made by bzip2\n", "sample/link 120777 =bzip2"}, show(t, got))
	assert.Equal(t, initrd.Layout{Size: int64(len(got)), Members: []initrd.Placed{{Name: "flattened", Size: int64(len(got))}}}, layout)
	assert.Empty(t, walk(t, got, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyAll}).Findings)
}

func TestFlatLargeFiles(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 10_000)
	plain := newc(text("plain", big), text("small", "s"), file{path: "odd", data: big[:65537]})
	got, _, err := flatten(t, initrd.FlatOptions{}, members(t, plain, pack(t, compress.Zstd, newc(text("packed", big), text("small", "t")))))
	require.NoError(t, err)
	assert.Equal(t, []string{"odd 100644 =" + big[:65537], "packed 100644 =" + big, "plain 100644 =" + big, "small 100644 =t"}, show(t, got))
}

func TestFlatKeepsEarlyArchives(t *testing.T) {
	zst := pack(t, compress.Zstd, newc(dir("kernel"), text("init", "1")))
	conf := bootconfig("x=1\n")
	late := newc(text("kernel/x86/microcode/AuthenticAMD.bin", "late"))
	ms := members(t, ucodeAMD, append(append(bytes.Clone(ucodeIntel), acpiTables...), zst...), append(late, conf...))
	got, layout, err := flatten(t, initrd.FlatOptions{}, ms)
	require.NoError(t, err)
	require.True(t, bytes.HasSuffix(got, conf))
	var names []string
	for _, m := range layout.Members {
		names = append(names, m.Name)
	}
	assert.Equal(t, []string{"early files", "flattened", "c"}, names)
	early, flat := layout.Members[0], layout.Members[1]
	assert.Equal(t, []string{
		"kernel 40755", "kernel/firmware/acpi/dsdt.aml 100644 =dsdt", "kernel/firmware/acpi/ssdt.aml 100644 =ssdt", "kernel/x86 40755", "kernel/x86/microcode 40755",
		"kernel/x86/microcode/AuthenticAMD.bin 100644 =amd", "kernel/x86/microcode/GenuineIntel.bin 100644 =intel",
	}, show(t, got[early.Offset:early.Offset+early.Size]))
	assert.Equal(t, []string{
		"init 100644 =1", "kernel 40755", "kernel/x86 40755", "kernel/x86/microcode 40755", "kernel/x86/microcode/AuthenticAMD.bin 100644 =late",
	}, show(t, got[flat.Offset:flat.Offset+flat.Size]), "the tree has what comes last")
	assert.Contains(t, string(got), "\x00./kernel/x86/microcode/AuthenticAMD.bin\x00"[1:], "by a name that the kernel does not find early")
	rep := walk(t, got, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyAll})
	assert.Empty(t, rep.Findings)
	assert.Equal(t, initrd.Config, rep.Segments[len(rep.Segments)-1].Format)
}

// The marker of dracut and mkinitcpio changes nothing.
func TestFlatEarlyMarker(t *testing.T) {
	ucode := func(data string) []file {
		return []file{dir("kernel"), dir("kernel/x86"), dir("kernel/x86/microcode"), text("kernel/x86/microcode/GenuineIntel.bin", data)}
	}
	img := append(newc(append([]file{text("early_cpio", "1\n")}, ucode("FIRST")...)...), pack(t, compress.Gzip, mainImage)...)
	got, layout, err := flatten(t, initrd.FlatOptions{}, members(t, img, newc(ucode("LATER")...)))
	require.NoError(t, err)
	early, flat := layout.Members[0], layout.Members[1]
	assert.Contains(t, show(t, got[early.Offset:early.Offset+early.Size]), "kernel/x86/microcode/GenuineIntel.bin 100644 =FIRST")
	tree := show(t, got[flat.Offset:flat.Offset+flat.Size])
	assert.Contains(t, tree, "kernel/x86/microcode/GenuineIntel.bin 100644 =LATER")
	assert.Contains(t, tree, "early_cpio 100644 =1\n")
}

// busybox cpio writes the second name of a hard-linked symbolic link without a
// target.
func TestFlatEmptySymlink(t *testing.T) {
	got, _, err := flatten(t, initrd.FlatOptions{}, members(t, newc(text("a", "1"), link("s", "a"), link("s2", ""))))
	require.NoError(t, err)
	assert.Equal(t, []string{"a 100644 =1", "s 120777 =a", "s2 120777"}, show(t, got))
}

func TestFlatNothing(t *testing.T) {
	got, _, err := flatten(t, initrd.FlatOptions{}, nil)
	require.NoError(t, err)
	assert.Empty(t, show(t, got))
}

func TestFlatRefuses(t *testing.T) {
	zst := pack(t, compress.Zstd, newc(text("init", strings.Repeat("x", 1<<20))))
	for name, tc := range map[string]struct {
		in     []byte
		opts   initrd.FlatOptions
		member string
		err    string
	}{
		"junk":                       {append([]byte("junk"), extraImage...), initrd.FlatOptions{}, "b", "neither a cpio archive"},
		"damage":                     {zst[:len(zst)-3], initrd.FlatOptions{}, "b", "cut off"},
		"damage inside":              {pack(t, compress.Gzip, mainImage[:150]), initrd.FlatOptions{}, "b", "ends inside"},
		"limit":                      {zst, initrd.FlatOptions{Limit: 1 << 20}, "b", "more than the limit"},
		"half of the memory":         {zst, initrd.FlatOptions{MemAvailable: 2 << 20}, "b", "more than the limit"},
		"memory":                     {zst, initrd.FlatOptions{MemAvailable: 2<<20 + 600}, "", "it takes 2 MiB of memory and 2 MiB are available"},
		"a path only links can make": {newc(deep()...), initrd.FlatOptions{}, "", "too long for an archive"},
		"the kernel's own replaced":  {newc(text("dev/console", "1"), file{path: "dev/console", mode: 0o20600, rdev: [2]uint32{1, 3}}), initrd.FlatOptions{}, "", "of the kernel's own image is removed"},
		"the kernel's own removed":   {newc(file{path: "root", mode: 0o644}), initrd.FlatOptions{}, "", "of the kernel's own image is removed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := flatten(t, tc.opts, members(t, mainImage, tc.in))
			var flat *initrd.FlatError
			require.ErrorAs(t, err, &flat)
			assert.Equal(t, tc.member, flat.Member)
			assert.ErrorContains(t, err, tc.err)
			assert.ErrorContains(t, err, "cannot flatten")
		})
	}
}

// deep makes a path that is longer than PATH_MAX with links that shorten it.
func deep() []file {
	var out []file
	at := ""
	for i := range 20 {
		name := strings.Repeat(string(rune('a'+i)), 250)
		out = append(out, dir(at+name), link(fmt.Sprint("l", i), at+name))
		at = fmt.Sprint("l", i, "/")
	}
	return out
}

func TestFlatTwoConfigs(t *testing.T) {
	a := append(newc(text("a", "1")), bootconfig("x=1\n")...)
	_, _, err := flatten(t, initrd.FlatOptions{}, members(t, a, a))
	require.ErrorIs(t, err, initrd.ErrTwoConfigs)
}

func TestFlatFileChanges(t *testing.T) {
	f := tempFile(t, mainImage)
	m, err := initrd.FileMember("img", f)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(int64(len(mainImage))+4))
	_, _, err = flatten(t, initrd.FlatOptions{}, []initrd.Member{m})
	require.ErrorContains(t, err, "img: changed while it was being read")
	var flat *initrd.FlatError
	assert.NotErrorAs(t, err, &flat, "joining would not help")
}

func TestFlatProgress(t *testing.T) {
	var last, all int64
	ms := members(t, pack(t, compress.Zstd, mainImage), extraImage, append(bytes.Clone(mainImage), bootconfig("x=1\n")...))
	want := int64(0)
	for _, m := range ms {
		want += m.Size()
	}
	_, _, err := flatten(t, initrd.FlatOptions{Progress: func(done, total int64) { last, all = done, total }}, ms)
	require.NoError(t, err)
	assert.Equal(t, want, all)
	assert.Equal(t, want, last)
}

// cpio(1) unpacks the flat archive like the rules say.
func TestFlatForCpio(t *testing.T) {
	got, _, err := flatten(t, initrd.FlatOptions{}, members(t, mainImage, newc(dir("etc"), text("etc/a", "1"), text("init", "new\n"))))
	require.NoError(t, err)
	cmd := exec.Command("cpio", "-it", "--quiet")
	cmd.Stdin = bytes.NewReader(got)
	out, err := cmd.Output()
	require.NoError(t, err)
	assert.Equal(t, "bin\nbin/sh\netc\netc/a\ninit\n", string(out))
}

// Flattening what is flat changes nothing, whatever the first images were.
func FuzzFlat(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, mainImage)
		f.Add(mainImage, b)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		ms := []initrd.Member{{Name: "a", Parts: []initrd.Part{{Data: a}}}, {Name: "b", Parts: []initrd.Part{{Data: b}}}}
		once, _, err := flatten(t, initrd.FlatOptions{Limit: fuzzLimit}, ms)
		if err != nil {
			require.Empty(t, once)
			return
		}
		twice := anew(t, once)
		require.Equal(t, show(t, twice), show(t, anew(t, twice)))
	})
}
