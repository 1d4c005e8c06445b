package entries_test

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
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// read lists a partition laid out from files, with the kernel /v.
func read(t *testing.T, files map[string]string) *entries.List {
	t.Helper()
	files["v"] = "kernel"
	return entries.Read([]*esp.Volume{volume(t, esp.ESP, files)}, "x64", bls.Compare)
}

func problems(l *entries.List) string {
	var said strings.Builder
	for _, p := range l.Problems {
		said.WriteString(p.Error() + "\n")
	}
	return said.String()
}

// TestLargeEntries holds that a file of 1 MiB is listed, costs little, and is
// whole again once it is wanted.
func TestLargeEntries(t *testing.T) {
	const size = 1 << 20
	for name, v := range map[string]struct {
		text  string
		whole func(*entries.Entry) bool // false while held in part
	}{
		"title":    {"title " + strings.Repeat("x", size), func(e *entries.Entry) bool { return len(e.Title) == size }},
		"options":  {"options " + strings.Repeat("x", size), func(e *entries.Entry) bool { return len(e.Cmdline()) == size }},
		"initrds":  {strings.Repeat("initrd /v\n", size/10), func(e *entries.Entry) bool { return len(e.Initrds) == size/10 && e.LineOf("initrd", 1) == 3 }},
		"sort-key": {"sort-key " + strings.Repeat("é", size/2), func(e *entries.Entry) bool { return len(e.SortKey) == size }},
		"comments": {strings.Repeat("# "+strings.Repeat("x", 100)+"\n", size/100) + "title t\n", nil},
		"unknown":  {strings.Repeat("k v\n", size/4), nil},
		"empty":    {strings.Repeat("\n", size), nil},
		"one key":  {strings.Repeat("k", size) + " v\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"loader/entries/large.conf": plain + v.text, "loader/entries/other.conf": plain}
			l := read(t, files)
			require.Equal(t, []string{"other.conf", "large.conf"}, sorted(ids(l)))
			assert.NotContains(t, problems(l), "in part", "one alone is held whole")

			for i := range 4 {
				files[fmt.Sprintf("loader/entries/a%d.conf", i)] = strings.Repeat("#\n", size/2)
			}
			l = read(t, files)
			require.Len(t, l.Entries, 6)
			assert.Less(t, len(problems(l)), 8<<10, "complaints end")
			e, err := l.Find("large")
			require.NoError(t, err)
			assert.Empty(t, e.Hidden)
			assert.Less(t, len(e.Title)+len(e.SortKey)+len(e.Cmdline())+16*len(e.Initrds), 16<<10)
			if v.whole == nil {
				assert.NotContains(t, problems(l), "in part")
				return
			}
			assert.Contains(t, problems(l), "large.conf: "+fmt.Sprint(len(plain+v.text))+" bytes, its longest values are listed in part")
			assert.False(t, v.whole(e))
			require.NoError(t, e.Complete())
			assert.True(t, v.whole(e))
			assert.Empty(t, e.Hidden)
		})
	}
}

// sorted puts other.conf first, wherever its sort-key puts large.conf.
func sorted(ids []string) []string {
	if len(ids) == 2 && ids[0] == "large.conf" {
		return []string{ids[1], ids[0]}
	}
	return ids
}

func TestCompleteAfterTheFileIsGone(t *testing.T) {
	large := plain + "title " + strings.Repeat("x", 3<<20)
	v := volume(t, esp.ESP, map[string]string{"v": "k", "loader/entries/large.conf": large, "loader/entries/a.conf": large})
	e, err := entries.Read([]*esp.Volume{v}, "x64", bls.Compare).Find("large")
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(v.Dir, "loader/entries/large.conf")))
	assert.ErrorContains(t, e.Complete(), "large.conf: no such file or directory")
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
			e, err := l.Find(name)
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
	require.Len(t, l.Entries, 257)
	assert.Equal(t, "many.efi", l.Entries[0].ID)
	assert.Contains(t, ids(l), "many.efi@p255")
	assert.Contains(t, ids(l), "good.efi")
	assert.Equal(t, "many.efi", l.Choose(entries.Vars{}, bls.LoaderConf{}).Entry.ID)
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
	l := entries.Read(volumes, "x64", bls.Compare)
	var shown []string
	for _, e := range l.Entries {
		if e.Hidden == "" {
			shown = append(shown, e.ID)
		}
	}
	assert.ElementsMatch(t, []string{"good.conf", "good.efi", "fifo-kernel.conf"}, shown, "an open tells that a kernel is a FIFO")
	_, errs := entries.ReadConf(volumes)
	require.Len(t, errs, 1)
	assert.ErrorContains(t, errs[0], "loader.conf: not a regular file")
	_, err := entries.FindGrub(volumes)
	assert.ErrorContains(t, err, "grubenv: not a regular file")
}

// TestStrangeTexts has what editors and other systems leave in files.
func TestStrangeTexts(t *testing.T) {
	l := read(t, map[string]string{
		"loader/entries/crlf.conf": "title CRLF\r\nlinux /v\r\noptions a b\r\n", "loader/entries/cr.conf": "title CR\rlinux /v\roptions a\r",
		"loader/entries/bom.conf": "\ufefftitle BOM\nlinux /v\n", "loader/entries/utf16.conf": "\xff\xfel\x00i\x00n\x00u\x00x\x00 \x00/\x00v\x00",
		"loader/entries/gr\xfc\xdfe.conf": "title Gr\xfc\xdfe\nlinux /v\n", "loader/entries/nul.conf": "linux /v\n\x00title late\n",
	})
	got := map[string]string{}
	for _, e := range l.Entries {
		got[e.ID] = e.Title + "|" + e.Hidden
	}
	assert.Equal(t, map[string]string{
		"crlf.conf": "CRLF|", "cr.conf": "CR|", "bom.conf": "|", "nul.conf": "|", "gr\xfc\xdfe.conf": "Gr\xfc\xdfe|",
		"utf16.conf": "|it has no linux, efi, uki or uki-url line",
	}, got)
}
