//go:build vm

package initrd_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// booted is what a kernel made of a blob.
type booted struct {
	tree     []string
	messages string
	config   string // /proc/bootconfig
}

// report prints one line for each file of a layout, as line does.
const report = `cd /
for top in t sample kernel; do [ -e $top ] && find $top; done | while IFS= read -r p; do
	n=$(stat -c %h "$p") d=
	if [ -L "$p" ]; then d=$(readlink "$p")
	elif [ -d "$p" ]; then n=-
	elif [ -f "$p" ]; then d=$(sha1sum <"$p" | cut -c1-40)
	fi
	echo "$p|$(stat -c '%f|%u:%g|%Y|%t,%T' "$p")|$n|$d"
done`

func boot(t *testing.T, kernel string, blob []byte) booted {
	t.Helper()
	g := vm.Start(t, vm.Config{Kernel: vm.FindKernel(t, kernel), Initrd: blob, Append: "bootconfig"})
	b := booted{messages: g.MustRun("dmesg"), config: g.MustRun("cat /proc/bootconfig 2>/dev/null || :")}
	b.tree = strings.Split(strings.TrimSpace(g.MustRun(report)), "\n")
	slices.Sort(b.tree)
	return b
}

// boots remembers blobs: many layouts are the same when flat.
type boots struct {
	mu   sync.Mutex
	done map[[32]byte]*once
}

type once struct {
	sync.Mutex
	booted *booted
}

func (b *boots) boot(t *testing.T, blob []byte) booted {
	t.Helper()
	key := sha256.Sum256(blob)
	b.mu.Lock()
	o, ok := b.done[key]
	if !ok {
		o = &once{}
		b.done[key] = o
	}
	b.mu.Unlock()
	o.Lock()
	defer o.Unlock()
	if o.booted == nil {
		got := boot(t, vm.DefaultKernel, blob)
		o.booted = &got
	}
	return *o.booted
}

// What the kernel makes of what is joined and of what is flattened counts.
func TestKernelUnpacksLayouts(t *testing.T) {
	t.Parallel()
	agent := vm.Gzip(t, vm.Archive(t, vm.AgentFiles(t)...))
	// Every kernel cuts a bootconfig off; not every one is built to use it.
	config, _ := os.ReadFile(vm.FindKernel(t, vm.DefaultKernel).Config)
	hasBootconfig := bytes.Contains(config, []byte("CONFIG_BOOT_CONFIG=y"))
	all := &boots{done: map[[32]byte]*once{}}
	for _, l := range layouts() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			joined, _ := join(t, initrd.JoinOptions{}, l.members(t, agent))
			flat, _, err := flatten(t, initrd.FlatOptions{}, l.members(t, agent))
			require.NoError(t, err)
			for how, blob := range map[string][]byte{"joined": joined, "flat": flat} {
				got := all.boot(t, blob)
				assert.Equal(t, l.want(), got.tree, how)
				assert.NotContains(t, got.messages, "unpacking failed", how)
				if hasBootconfig {
					assert.Contains(t, got.config, l.config, how)
				}
				if l.acpi {
					assert.Contains(t, got.messages, "SSDT ACPI table found in initrd", how)
				}
			}
		})
	}
}

func TestOtherKernelUnpacksRules(t *testing.T) {
	t.Parallel()
	agent := vm.Gzip(t, vm.Archive(t, vm.AgentFiles(t)...))
	for _, l := range layouts() {
		if !l.rules {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			joined, _ := join(t, initrd.JoinOptions{}, l.members(t, agent))
			assert.Equal(t, l.want(), boot(t, vm.SecondKernel, joined).tree)
		})
	}
}

// What cat would make of the images loses files, the walk says so beforehand,
// and the kernel agrees about what is left.
func TestKernelAgreesWithFindings(t *testing.T) {
	t.Parallel()
	agent := vm.Gzip(t, vm.Archive(t, vm.AgentFiles(t)...))
	one := newc(content(1)...)
	odd := append(bytes.Clone(one), 0)
	for id, images := range map[string][][]byte{
		"cpio-misaligned":   {pad4(agent), append([]byte{0}, one...), one},
		"lz4-unterminated":  {pad4(agent), pad4(pack(t, compress.LZ4, newc(text("t", "0")))), one},
		"bootconfig-buried": {pad4(agent), newc(text("t", "0")), bootconfig("a=1\n"), one},
		"junk":              {pad4(agent), newc(text("t", "0")), []byte("junk"), one},
		"cpio-truncated":    {pad4(agent), pack(t, compress.Gzip, entries(text("t", "0"), text("u", "0"))[:150]), pad4(nil), one},
		"cpio-padding":      {pad4(agent), pack(t, compress.Gzip, entries(text("t", "0"))[:113]), pad4(nil), one},
		"stream-junk":       {pad4(agent), pack(t, compress.Gzip, append(newc(text("t", "0")), "junk"...)), pad4(nil), one},
		"lz4-frame":         {pad4(agent), newc(text("t", "0")), []byte("\x04\x22\x4d\x18    "), one},
		"cpio-odc":          {pad4(agent), newc(text("t", "0")), pad4([]byte("070707" + strings.Repeat("0", 200))), one},
		"gzip-header":       {pad4(agent), gzipExtra(t, newc(text("t", "0"))), one},
		"padding":           {pad4(agent), newc(text("t", "0")), odd[len(odd)-1:], pack(t, compress.Gzip, one)},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			blob, layout := cat(images...)
			rep := walk(t, blob, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyAll})
			require.Len(t, rep.Errors(), 1, ids(rep))
			if id != "padding" {
				assert.Equal(t, id, string(rep.Errors()[0].ID))
			}
			got := boot(t, vm.DefaultKernel, blob)
			assert.Contains(t, got.messages, "unpacking failed")
			assert.NotContains(t, strings.Join(got.tree, "\n"), "t/1/file")
		})
	}
}

// Random collisions in 210 sets of small archives: what the kernel makes of the
// images one after the other is what it makes of the flat one.
func TestKernelAgreesWithFlat(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			agreesOnTrees(t, 100+seed, vm.DefaultKernel, vm.SecondKernel)
		})
	}
}

// Each kernel has 210 sets of its own.
func TestLongKernelAgreesWithFlat(t *testing.T) {
	for i, kernel := range []string{vm.OldestKernel, vm.DefaultKernel, vm.SecondKernel, vm.NewestKernel} {
		for n := range 3 {
			seed := 1000 + uint64(3*i+n)
			t.Run(fmt.Sprint(kernel, seed), func(t *testing.T) { agreesOnTrees(t, seed, kernel, kernel) })
		}
	}
}

func agreesOnTrees(t *testing.T, seed uint64, joinedKernel, flatKernel string) {
	t.Helper()
	blobs := [][]byte{vm.Gzip(t, vm.Archive(t, vm.AgentFiles(t)...))}
	for i, files := range randomScenes(seed, 70, 3) {
		for j := range files {
			if kind := files[j].mode & 0o170000; kind == 0o10000 || kind == 0o20000 || kind == 0o60000 {
				files[j].path += "-special" // a hard link to it would stop the kernel
			}
		}
		blobs = append(blobs, pad4(pack(t, []initrd.Format{initrd.Newc, compress.Zstd, compress.Gzip}[i], newc(files...))))
	}
	joined, layout := join(t, initrd.JoinOptions{}, members(t, blobs...))
	flat, _, err := flatten(t, initrd.FlatOptions{}, members(t, blobs...))
	require.NoError(t, err)
	want := boot(t, joinedKernel, joined)
	assert.NotContains(t, want.messages, "unpacking failed")
	assert.Greater(t, len(want.tree), 150)
	assert.Equal(t, withoutClock(want.tree), withoutClock(boot(t, flatKernel, flat).tree))
	assert.NotEmpty(t, walk(t, joined, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyFast}).Errors(), "random trees lose files")
}

// What the walk calls lost is not in the tree of the kernel.
func TestKernelLosesWhatTheWalkSays(t *testing.T) {
	t.Parallel()
	blobs := [][]byte{pad4(vm.Gzip(t, vm.Archive(t, vm.AgentFiles(t)...)))}
	lost := map[initrd.ID][]file{
		initrd.TreeParent:    {text("t/parent/lost", "1")},
		initrd.TreeName:      {text("t/"+strings.Repeat("n", 256), "1")},
		initrd.TreeFile:      {text("t/plain", "1"), text("t/plain/lost", "1")},
		initrd.TreeLoop:      {link("t/x", "y"), link("t/y", "x"), text("t/x/lost", "1")},
		initrd.TreeDirectory: {dir("t/full"), text("t/full/x", "1"), link("t/full", "lost")},
		initrd.TreeLink:      {{path: "t/lost", data: "1", ino: 99, nlink: 2}, {path: "t/lost", data: "1", ino: 99, nlink: 2}},
	}
	blobs = append(blobs, newc(dir("t")))
	for _, files := range lost {
		blobs = append(blobs, newc(files...))
	}
	blobs = append(blobs, newc(text("t/parent", "control")))
	b, layout := join(t, initrd.JoinOptions{}, members(t, blobs...))
	got := boot(t, vm.DefaultKernel, b)
	tree := strings.Join(got.tree, "\n")
	assert.NotContains(t, tree, "lost")
	assert.NotContains(t, tree, "nnn")
	assert.Contains(t, tree, "t/parent|", "the control")
	found := map[initrd.ID]bool{}
	for _, f := range walk(t, b, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyFast}).Errors() {
		found[f.ID] = true
	}
	for id := range lost {
		assert.True(t, found[id], id)
	}
}

// One flipped bit in each format: where the kernel refuses the image, or makes
// fewer files of it, the walk finds an error. It may find one where the kernel
// does not look; it cannot find a wrong bit of a content or a name.
func TestLongKernelAgreesOnFlippedBits(t *testing.T) {
	agent := pad4(vm.Gzip(t, vm.Archive(t, vm.AgentFiles(t)...)))
	after := newc(content(1)...)
	intact, layout := cat(agent, sampleArchive(), after)
	assert.Empty(t, walk(t, intact, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyAll}).Errors())
	whole := len(boot(t, vm.DefaultKernel, intact).tree)
	for _, f := range compressed {
		sound := pack(t, f, sampleArchive())
		for i := range 8 {
			at := 2 + i*(len(sound)-3)/7
			t.Run(fmt.Sprint(f, " ", at), func(t *testing.T) {
				bad := bytes.Clone(sound)
				bad[at] ^= 1 << i
				blob, layout := cat(agent, append(pad4(bad), 0, 0, 0, 0), after)
				rep := walk(t, blob, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyAll})
				got := boot(t, vm.DefaultKernel, blob)
				if strings.Contains(got.messages, "unpacking failed") || len(got.tree) < whole {
					assert.NotEmpty(t, rep.Errors(), got.messages)
				}
			})
		}
	}
}

// withoutClock puts 0 for the time of boot, which a directory keeps whose path
// leads elsewhere when the kernel comes to set the times. No archive links
// symbolic links, so that their names are not counted.
func withoutClock(tree []string) []string {
	text := regexp.MustCompile(`\|1[1-9]\d{8}\|`).ReplaceAllString(strings.Join(tree, "\n"), "|0|")
	text = regexp.MustCompile(`(?m)(\|a1ff\|[^|]*\|[^|]*\|[^|]*\|)\d+\|`).ReplaceAllString(text, "$1|")
	return strings.Split(text, "\n")
}
