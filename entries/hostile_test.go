package entries

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// read lists a partition laid out from files, with the kernel /v.
func read(t *testing.T, files map[string]string) *menu {
	t.Helper()
	files["v"] = "kernel"
	return readMenu([]*esp.Volume{volume(t, esp.ESP, files)}, "x64")
}

func problems(l *menu) string {
	var said strings.Builder
	for _, p := range l.problems {
		said.WriteString(p.Error() + "\n")
	}
	return said.String()
}

// TestLargeEntries: a file over the limit is listed and hidden with the reason.
func TestLargeEntries(t *testing.T) {
	fill := func(size int) string { return plain + "title " + strings.Repeat("x", size-len(plain)-len("title ")) }
	l := read(t, map[string]string{"loader/entries/most.conf": fill(maxEntrySize), "loader/entries/more.conf": fill(maxEntrySize + 1), "loader/entries/other.conf": plain})
	assert.ElementsMatch(t, []string{"most.conf", "more.conf", "other.conf"}, ids(l))
	most, more := l.byID("most.conf"), l.byID("more.conf")
	assert.Empty(t, most.Hidden)
	assert.Len(t, most.Title, maxEntrySize-len(plain)-len("title "))
	assert.Equal(t, "its file has more than 1048576 bytes", more.Hidden)
	assert.Empty(t, more.Title)
	assert.Contains(t, problems(l), "more.conf: file too large: more than 1048576 bytes")
}

// TestManyLargeEntries: together they do not fill the memory, and none is lost.
func TestManyLargeEntries(t *testing.T) {
	files := map[string]string{}
	for i := range maxHeld/maxEntrySize + 2 {
		files[fmt.Sprintf("loader/entries/a%03d.conf", i)] = plain + strings.Repeat("#", maxEntrySize-len(plain))
	}
	n := len(files)
	l := read(t, files)
	require.Len(t, l.entries, n)
	hidden := 0
	for _, e := range l.entries {
		if e.Hidden != "" {
			assert.Equal(t, "the entry files before it have 67108864 bytes together", e.Hidden)
			hidden++
		}
	}
	assert.Equal(t, 2, hidden)
}

func osRelease(name string) fixtures.Section {
	return fixtures.Text(".osrel", "ID=test\nPRETTY_NAME="+name+"\nVERSION_ID=1\n")
}

func image(name string) fixtures.PE {
	return fixtures.PE{Sections: []fixtures.Section{
		osRelease(name), fixtures.Text(".cmdline", "quiet"), fixtures.Text(".uname", "6.1"),
		fixtures.Text(".initrd", strings.Repeat("i", 3000)), fixtures.Text(".linux", strings.Repeat("k", 3000)),
	}}
}

// TestCutImages holds that an image cut anywhere never takes the others along.
func TestCutImages(t *testing.T) {
	whole := string(image("Cut").Bytes())
	files := map[string]string{"EFI/Linux/good.efi": string(image("Good").Bytes()), "loader/entries/good.conf": plain}
	cuts := 0
	for at := 0; at < len(whole); at += 512 {
		files[fmt.Sprintf("EFI/Linux/cut-%06d.efi", at)] = whole[:at]
		cuts++
	}
	require.Greater(t, cuts, 15)
	l := read(t, files)
	assert.Contains(t, ids(l), "good.efi")
	assert.Contains(t, ids(l), "good.conf")
	for i := range cuts {
		name := fmt.Sprintf("cut-%06d.efi", i*512)
		if !strings.Contains(problems(l), name) {
			e, err := l.find(name)
			require.NoError(t, err, "neither listed nor complained about: %s", name)
			assert.Equal(t, "Cut", e.Title)
		}
	}
}

// TestImpossibleSectionTables has tables that overlap or point outside.
func TestImpossibleSectionTables(t *testing.T) {
	far, huge, inside := uint32(0xfffffe00), uint32(0xffffffff), uint32(0x200)
	outside, overlapping, endless := image("A"), image("B"), image("C")
	outside.Sections[0].Offset = &far
	for i := range overlapping.Sections {
		overlapping.Sections[i].Offset = &inside
	}
	endless.Sections[0].VirtualSize, endless.Sections[0].RawSize = &huge, &huge
	files := map[string]string{"EFI/Linux/good.efi": string(image("Good").Bytes())}
	for name, p := range map[string]fixtures.PE{"outside": outside, "overlapping": overlapping, "endless": endless} {
		files["EFI/Linux/"+name+".efi"] = string(p.Bytes())
	}
	l := read(t, files)
	assert.Equal(t, []string{"good.efi"}, ids(l))
	for _, name := range []string{"outside", "overlapping", "endless"} {
		assert.Contains(t, problems(l), "EFI/Linux/"+name+".efi: ")
	}
}

// TestThousandProfiles holds that what follows the 256th is left out, as in
// systemd.
func TestThousandProfiles(t *testing.T) {
	p := image("Many")
	for i := range 1000 {
		p.Sections = append(p.Sections, fixtures.Text(".profile", fmt.Sprintf("ID=p%d\nTITLE=Profile %d\n", i, i)))
	}
	l := read(t, map[string]string{"EFI/Linux/many.efi": string(p.Bytes()), "EFI/Linux/good.efi": string(image("Good").Bytes())})
	require.Len(t, l.entries, 257)
	assert.Equal(t, "many.efi", l.entries[0].ID)
	assert.Contains(t, ids(l), "many.efi@p255")
	assert.Contains(t, ids(l), "good.efi")
	assert.Equal(t, "many.efi", l.choose(Vars{}, bls.LoaderConf{}).Entry.ID)
}

// TestNothingWaits has FIFOs and links in circles wherever a file is looked
// for; a wait would run into the test's time limit.
func TestNothingWaits(t *testing.T) {
	v := volume(t, esp.ESP, map[string]string{
		"v": "k", "loader/entries/good.conf": plain, "EFI/Linux/good.efi": string(image("Good").Bytes()),
		"loader/entries/fifo-kernel.conf": "linux /fifo\n", "loader/entries/loop-kernel.conf": "linux /loop\n",
		"loader/entries/deep-kernel.conf": "linux " + strings.Repeat("/circle", 100) + "/v\n",
	})
	at := func(name string) string { return filepath.Join(v.Dir, name) }
	for _, dir := range []string{"loader/addons", "EFI/Linux/good.efi.extra.d", "grub2"} {
		require.NoError(t, os.MkdirAll(at(dir), 0o755))
	}
	for _, name := range []string{"fifo", "loader/loader.conf", "loader/entries/x.conf", "EFI/Linux/x.efi", "loader/addons/x.addon.efi",
		"EFI/Linux/good.efi.extra.d/x.addon.efi", "grub2/grubenv"} {
		require.NoError(t, syscall.Mkfifo(at(name), 0o644))
	}
	require.NoError(t, os.Symlink("loop", at("loop")))
	require.NoError(t, os.Symlink(".", at("circle")))
	require.NoError(t, os.Symlink("loop.efi", at("EFI/Linux/loop.efi")))

	volumes := []*esp.Volume{v}
	l := readMenu(volumes, "x64")
	var shown []string
	for _, e := range l.entries {
		if e.Hidden == "" {
			shown = append(shown, e.ID)
		}
	}
	assert.ElementsMatch(t, []string{"good.conf", "good.efi", "fifo-kernel.conf"}, shown, "that a kernel is a FIFO is known after an open")
	_, errs := readConf(volumes)
	require.Len(t, errs, 1)
	assert.ErrorContains(t, errs[0], "loader.conf: not a regular file")
}

// TestStrangeTexts has what editors and other systems leave in files.
func TestStrangeTexts(t *testing.T) {
	l := read(t, map[string]string{
		"loader/entries/crlf.conf": "title CRLF\r\nlinux /v\r\noptions a b\r\n", "loader/entries/cr.conf": "title CR\rlinux /v\roptions a\r",
		"loader/entries/bom.conf": "\ufefftitle BOM\nlinux /v\n", "loader/entries/utf16.conf": "\xff\xfel\x00i\x00n\x00u\x00x\x00 \x00/\x00v\x00",
		"loader/entries/gr\xfc\xdfe.conf": "title Gr\xfc\xdfe\nlinux /v\n", "loader/entries/nul.conf": "linux /v\n\x00title late\n",
	})
	got := map[string]string{}
	for _, e := range l.entries {
		got[e.ID] = e.Title + "|" + e.Hidden
	}
	assert.Equal(t, map[string]string{
		"crlf.conf": "CRLF|", "cr.conf": "CR|", "bom.conf": "|", "nul.conf": "|", "gr\xfc\xdfe.conf": "Gr\xfc\xdfe|",
		"utf16.conf": "|it has no linux, efi, uki or uki-url line",
	}, got)
}
