package initrd_test

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// A layout is a set of images and the tree below /t, /sample and /kernel that a
// kernel has to make of them, image after image. In a virtual machine an image
// of its own, with init in it, goes to the place of agent.
type layout struct {
	name   string
	images []image
	acpi   bool   // the kernel has to find the ACPI table
	config string // and this boot configuration
	rules  bool   // the images are those of rulePair
}

// An image is an archive in some packing.
type image struct {
	files      []file
	format     initrd.Format
	in, behind int    // zeros in front and behind
	config     string // a bootconfig at the end
	agent      bool   // the image with init
	open       bool   // without a trailer
}

func (i image) bytes(t testing.TB, agent []byte) []byte {
	if i.agent {
		return agent
	}
	if i.format == "" && i.files == nil && i.config == "" {
		return make([]byte, i.in+i.behind)
	}
	archive := newc(i.files...)
	if i.open {
		archive = entries(i.files...)
	}
	b := append(make([]byte, i.in), pack(t, i.format, archive)...)
	b = append(b, make([]byte, i.behind)...)
	if i.config != "" {
		b = append(b, bootconfig(i.config)...)
	}
	return b
}

func (l layout) members(t testing.TB, agent []byte) []initrd.Member {
	t.Helper()
	var blobs [][]byte
	for _, i := range l.images {
		blobs = append(blobs, i.bytes(t, agent))
	}
	return members(t, blobs...)
}

// want is the tree as lines of report, by plain precedence: the last of a path
// wins, the first time of a directory stays. Layouts with rules are compared with ruleTree.
func (l layout) want() []string {
	if l.rules {
		return ruleTree()
	}
	all, times := map[string]file{}, map[string]uint32{}
	for _, i := range l.images {
		for _, f := range i.files {
			if _, seen := times[f.path]; !seen && f.mode>>12 == 4 {
				times[f.path] = f.mtime
			}
			if old, ok := all[f.path]; ok && f.nlink > 1 && f.data == "" && old.mode>>12 == f.mode>>12 {
				continue
			}
			all[f.path] = f
		}
	}
	var out []string
	for p, f := range all {
		if f.mode>>12 == 4 {
			f.mtime = times[p]
		}
		if f.nlink > 1 && f.data == "" && f.mode>>12 == 8 {
			f.data = all[strings.TrimSuffix(p, "-linked")].data
		}
		out = append(out, line(f))
	}
	slices.Sort(out)
	return out
}

// line is a file as the guest reports it: path, type and mode, owner, time,
// device, how many names, content or target.
func line(f file) string {
	if f.mode == 0 {
		f.mode = 0o100644
	}
	names := fmt.Sprint(max(1, f.nlink))
	switch f.mode >> 12 {
	case 4:
		names = "-"
	case 8:
		f.data = fmt.Sprintf("%x", sha1.Sum([]byte(f.data)))
	}
	return fmt.Sprintf("%s|%x|%d:%d|%d|%x,%x|%s|%s", f.path, f.mode, f.uid, f.gid, f.mtime, f.rdev[0], f.rdev[1], names, f.data)
}

// content makes what image n holds: something of its own, and something that
// every image has.
func content(n int) []file {
	p := fmt.Sprintf("t/%d", n)
	mtime := uint32(1_000_000_000 + n)
	return []file{
		{path: "t", mode: 0o40755, mtime: mtime},
		{path: p, mode: 0o40700 | uint32(n), mtime: mtime, uid: uint32(n)},
		{path: p + "/file", mode: 0o104750, data: fmt.Sprintf("file of %d", n), uid: 10, gid: uint32(n), mtime: mtime},
		{path: p + "/empty", mode: 0o100600, mtime: mtime},
		{path: p + "/hard", mode: 0o100644, data: fmt.Sprintf("hard %d", n), ino: 7, nlink: 2, mtime: mtime},
		{path: p + "/hard-linked", mode: 0o100644, ino: 7, nlink: 2, mtime: mtime},
		{path: p + "/link", mode: 0o120777, data: "../common", mtime: mtime},
		{path: p + "/null", mode: 0o20666, rdev: [2]uint32{1, 3}, mtime: mtime},
		{path: p + "/fifo", mode: 0o10600, mtime: mtime},
		{path: "t/common", data: fmt.Sprintf("common of %d", n), mtime: mtime},
	}
}

// of is image n in a format; bzip2 has the sample.
func of(n int, f initrd.Format) image {
	if f == compress.Bzip2 {
		return image{format: f, files: []file{dir("sample"), text("sample/bzip2", "made by bzip2\n"), link("sample/link", "bzip2")}}
	}
	return image{format: f, files: content(n)}
}

var agentImage = image{agent: true}

// layouts has every format in every place, and what else a join may meet.
func layouts() []layout {
	var all []layout
	add := func(name string, images ...image) *layout {
		all = append(all, layout{name: name, images: images})
		return &all[len(all)-1]
	}
	plain, zst := initrd.Newc, compress.Zstd
	for _, f := range append([]initrd.Format{plain}, compressed...) {
		add(fmt.Sprintf("%s in front of cpio", f), agentImage, of(1, f), of(2, plain))
		add(fmt.Sprintf("%s behind cpio", f), of(1, plain), agentImage, of(2, f))
		add(fmt.Sprintf("%s twice", f), of(1, f), of(2, f), agentImage)
		add(fmt.Sprintf("%s in front of zstd", f), agentImage, of(1, f), of(2, zst))
		odd := of(1, f)
		odd.behind = 1
		add(fmt.Sprintf("%s and a zero", f), agentImage, odd, of(2, plain))
		odd.behind = 5
		add(fmt.Sprintf("%s and five zeros", f), odd, of(2, compress.LZ4), of(3, compress.Gzip), agentImage)
	}
	moreLayouts(add)
	return all
}

func moreLayouts(add func(string, ...image) *layout) {
	plain, zst := initrd.Newc, compress.Zstd
	shift := func(i image, in, behind int) image { i.in, i.behind = in, behind; return i }
	empty := image{}
	for _, n := range []int{4, 512, 4096} {
		add(fmt.Sprintf("%d zeros in front of cpio", n), shift(of(1, plain), n, n), agentImage, shift(of(2, plain), n, 0))
	}
	add("3 zeros in front of zstd", shift(of(1, zst), 3, 0), agentImage, shift(of(2, zst), 3, 3))
	add("nothing in front", empty, agentImage, of(1, plain))
	add("nothing between", agentImage, empty, of(1, zst), empty, empty, of(2, plain))
	add("nothing behind", agentImage, of(1, plain), empty)
	add("only zeros between", agentImage, image{behind: 7}, of(1, plain))
	open := of(1, plain)
	open.open = true
	for i := range open.files {
		open.files[i].ino += 100
	}
	add("no trailer", agentImage, open, of(2, plain))

	config := func(i image) image { i.config = "kernel.loglevel=6\n"; return i }
	add("bootconfig last", agentImage, of(1, plain), config(of(2, plain))).config = "loglevel=6"
	add("bootconfig first", config(of(1, plain)), agentImage, of(2, plain)).config = "loglevel=6"
	add("bootconfig behind zstd", agentImage, config(of(1, zst)), of(2, plain)).config = "loglevel=6"
	add("bootconfig alone", agentImage, config(image{format: plain}), of(1, zst)).config = "loglevel=6"

	acpi := image{format: plain, files: []file{dir("kernel"), dir("kernel/firmware"), dir("kernel/firmware/acpi"), text("kernel/firmware/acpi/ssdt.aml", acpiTable())}}
	ucode := image{format: plain, files: []file{dir("kernel"), dir("kernel/x86"), dir("kernel/x86/microcode"), text("kernel/x86/microcode/GenuineIntel.bin", "not really")}}
	add("ACPI first", acpi, agentImage, of(1, zst)).acpi = true
	add("ACPI behind microcode", ucode, acpi, agentImage, of(1, zst)).acpi = true
	add("ACPI behind cpio", of(1, plain), acpi, agentImage).acpi = true
	add("ACPI behind padding", shift(ucode, 512, 4096), acpi, agentImage, of(1, zst)).acpi = true
	add("ACPI late", agentImage, acpi, of(1, zst))

	for _, f := range []initrd.Format{plain, zst, compress.XZ} {
		first, second := rulePair()
		add(fmt.Sprintf("rules in %s", f), agentImage, image{format: f, files: first}, image{format: f, files: second}).rules = true
	}
	first, second := rulePair()
	add("rules in one image", agentImage, image{format: compress.Gzip, files: append(first, second...)}).rules = true
}

// acpiTable is an SSDT without code.
func acpiTable() string {
	b := []byte("SSDT\x24\x00\x00\x00\x02\x00KEXECBKEXECBLS\x01\x00\x00\x00TEST\x01\x00\x00\x00")
	var sum byte
	for _, c := range b {
		sum += c
	}
	b[9] = -sum
	return string(b)
}

// A rule is what two entries of the same name come to.
type rule struct {
	first, second, want []file
}

// rules are those of the kernel for what comes twice, each in a directory of
// its own.
func rules() []rule {
	at := func(f file, mtime uint32) file { f.mtime = mtime; return f }
	own := func(f file, uid uint32) file { f.uid = uid; return f }
	sub := func(name string) file { return text("d/"+name, "kept") }
	fs := func(f ...file) []file { return f }
	names := func(n uint32, path, data string) file { return file{path: path, data: data, nlink: n} }
	hard := func(path, data string, ino uint32) file { return file{path: path, data: data, ino: ino, nlink: 2} }
	null, zero := file{path: "c", mode: 0o20600, rdev: [2]uint32{1, 3}}, file{path: "c", mode: 0o20644, rdev: [2]uint32{1, 5}}
	null2 := file{path: "c", mode: 0o20644, rdev: [2]uint32{1, 3}}
	return []rule{
		{fs(text("f", "1")), fs(own(at(text("f", "22"), 5), 6)), fs(own(at(text("f", "22"), 5), 6))},
		{fs(link("l", "x")), fs(link("l", "y")), fs(link("l", "y"))},
		{fs(text("f", "1")), fs(dir("f")), fs(dir("f"))},
		{fs(text("f", "1")), fs(link("f", "x")), fs(link("f", "x"))},
		{fs(link("l", "x")), fs(text("l", "1")), fs(text("l", "1"))},
		{fs(link("l", "x")), fs(dir("l")), fs(dir("l"))},
		{fs(at(dir("d"), 5)), fs(at(text("d", "1"), 6)), fs(at(text("d", "1"), 5))},
		{fs(at(dir("d"), 5)), fs(at(link("d", "x"), 6)), fs(at(link("d", "x"), 5))},
		{fs(dir("d"), sub("x")), fs(own(text("d", "1"), 6)), fs(dir("d"), sub("x"))},
		{fs(dir("d"), sub("x")), fs(own(link("d", "y"), 6)), fs(own(dir("d"), 6), sub("x"))},
		{fs(at(dir("d"), 5), sub("x")), fs(own(at(dir("d"), 6), 7), sub("y")), fs(own(at(dir("d"), 5), 7), sub("x"), sub("y"))},
		{fs(dir("real"), link("d", "real")), fs(sub("x")), fs(dir("real"), link("d", "real"), text("real/x", "kept"))},
		{fs(text("a", "1")), fs(sub("x"), text("a/x", "2")), fs(text("a", "1"))},
		{fs(null), fs(zero), fs(null2)},
		{fs(null), fs(text("c", "1")), fs(text("c", "1"))},
		{fs(hard("h", "1", 1), hard("i", "", 1)), fs(hard("h", "2", 2), hard("j", "", 2)), fs(names(3, "h", "2"), names(3, "i", "2"), names(3, "j", "2"))},
		{fs(hard("h", "1", 3), hard("i", "", 3)), fs(link("h", "x")), fs(link("h", "x"), text("i", "1"))},
		{fs(hard("h", "1", 4), hard("i", "", 4)), fs(text("i", "new")), fs(names(2, "h", "new"), names(2, "i", "new"))},
		{fs(hard("h", "", 5), hard("i", "late", 5)), nil, fs(names(2, "h", "late"), names(2, "i", "late"))},
		{fs(hard("h", "1", 6), hard("h", "", 6)), nil, nil},
	}
}

// rulePair makes two images of the rules.
func rulePair() (first, second []file) {
	first = []file{dir("t")}
	for i, r := range rules() {
		d := fmt.Sprintf("t/%02d/", i)
		first = append(first, dir(d[:len(d)-1]))
		for _, f := range r.first {
			f.path = d + f.path
			first = append(first, f)
		}
		for _, f := range r.second {
			f.path = d + f.path
			second = append(second, f)
		}
	}
	return first, second
}

func ruleTree() []string {
	out := []string{line(dir("t"))}
	for i, r := range rules() {
		d := fmt.Sprintf("t/%02d", i)
		out = append(out, line(dir(d)))
		for _, f := range r.want {
			f.path = d + "/" + f.path
			out = append(out, line(f))
		}
	}
	slices.Sort(out)
	return out
}

func TestLayoutsAreSound(t *testing.T) {
	agent := pack(t, compress.Gzip, newc(text("init", "agent")))
	require.GreaterOrEqual(t, len(layouts()), 60)
	for _, l := range layouts() {
		t.Run(l.name, func(t *testing.T) {
			b, placed := join(t, initrd.JoinOptions{}, l.members(t, agent))
			rep := walk(t, b, initrd.WalkOptions{Layout: placed, Verify: initrd.VerifyAll})
			if !l.rules {
				assert.Empty(t, rep.Errors())
			} else {
				assert.Len(t, rep.Errors(), 6, "what the rules leave out: %s", ids(rep))
			}
			flat, _, err := flatten(t, initrd.FlatOptions{}, l.members(t, agent))
			require.NoError(t, err)
			assert.Equal(t, l.want(), treeOf(t, flat))
			assert.Equal(t, l.config != "", bytes.HasSuffix(flat, []byte("#BOOTCONFIG\n")))
		})
	}
}

// treeOf is the report of an archive in which nothing comes twice.
func treeOf(t *testing.T, archive []byte) []string {
	t.Helper()
	var out []string
	data := map[uint32]string{}
	for _, f := range list(t, archive, initrd.WalkOptions{}) {
		got := file{path: strings.TrimPrefix(f.Path, "./"), mode: f.Mode, uid: f.UID, gid: f.GID, mtime: uint32(f.MTime), nlink: f.NLink, rdev: [2]uint32{f.RdevMajor, f.RdevMinor}, data: f.Link}
		if f.Mode>>12 == 8 {
			if f.Size > 0 || f.NLink < 2 {
				behind := bytes.Index(archive, append([]byte(f.Path), 0)) + len(f.Path) + 1
				data[f.Ino] = string(archive[alignUp(behind):][:f.Size])
			}
			got.data = data[f.Ino]
		}
		top, _, _ := strings.Cut(got.path, "/")
		if top == "t" || top == "sample" || top == "kernel" {
			out = append(out, line(got))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func alignUp(n int) int { return (n + 3) &^ 3 }

// randomScenes are images in which everything comes twice, in n directories.
func randomScenes(seed uint64, n, images int) [][]file {
	r := rand.New(rand.NewPCG(seed, 7))
	out := make([][]file, images)
	out[0] = []file{dir("t")}
	for scene := range n {
		top := fmt.Sprintf("t/%03d", scene)
		out[0] = append(out[0], dir(top))
		for i := range out {
			for range 3 + r.IntN(5) {
				out[i] = append(out[i], randomFile(r, top, uint32(scene)))
			}
		}
	}
	return out
}

// randomFile has one of few names, so that names collide.
func randomFile(r *rand.Rand, top string, scene uint32) file {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	f := file{
		path:  pick("", "", "", "./", "/") + top + "/" + pick("a", "b", "a/b", "b/a", "a/b/a", "b/../a", "a/", "c"),
		uid:   r.Uint32N(3),
		gid:   r.Uint32N(3),
		mtime: 1_000_000_000 + r.Uint32N(1000),
		ino:   scene<<4 | r.Uint32N(3),
		nlink: 1 + r.Uint32N(3),
	}
	switch r.IntN(9) {
	case 0, 1, 2:
		f.mode, f.data = 0o100600|r.Uint32N(0o100), pick("", "one", "two", strings.Repeat("long", 40))
	case 3, 4, 5:
		f.mode = 0o40700 | r.Uint32N(0o100)
	case 6, 7:
		f.mode, f.data = 0o120777, pick("a", "b", "../"+top[2:]+"/b", "/"+top+"/c", "c", "nowhere")
	default:
		f.mode, f.rdev = []uint32{0o20600, 0o60600, 0o10600}[r.IntN(3)], [2]uint32{1, 1 + r.Uint32N(8)}
	}
	return f
}

// A flat image is the same whether it comes from one image or from several, and
// flattening it again changes nothing.
func TestFlatRandomScenes(t *testing.T) {
	for seed := range uint64(30) {
		images := randomScenes(seed, 20, 3)
		var apart [][]byte
		for i, files := range images {
			apart = append(apart, pack(t, []initrd.Format{compress.Zstd, initrd.Newc, compress.Gzip}[i], entries(files...)))
		}
		want, _, err := flatten(t, initrd.FlatOptions{}, members(t, entries(slices.Concat(images...)...)))
		require.NoError(t, err)
		got, _, err := flatten(t, initrd.FlatOptions{}, members(t, apart...))
		require.NoError(t, err)
		require.Equal(t, want, got)
		again, _, err := flatten(t, initrd.FlatOptions{}, members(t, got))
		require.NoError(t, err)
		require.Equal(t, show(t, want), show(t, again))
	}
}
