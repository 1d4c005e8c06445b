package bls_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
)

// TestEveryKey: each key of an entry file, alone, sets its own field and no other.
func TestEveryKey(t *testing.T) {
	for line, want := range map[string]bls.Entry{
		"title a b":                 {Title: "a b"},
		`title "a b"`:               {Title: `"a b"`}, // its quotes are shown
		"version 1":                 {Version: "1"},
		"machine-id 0a":             {MachineID: "0a"},
		"sort-key s":                {SortKey: "s"},
		"linux k":                   {Linux: "/k"},
		"efi e":                     {EFI: "/e"},
		"uki u":                     {UKI: "/u"},
		"uki-url http://h/u":        {UKIURL: "http://h/u"},
		"initrd i":                  {Initrds: []string{"/i"}},
		`initrd "i"`:                {Initrds: []string{"/i"}},
		"options o":                 {Options: []string{"o"}},
		`options "o p"`:             {Options: []string{"o p"}},
		"extra x":                   {Extras: []string{"/x"}},
		"architecture x64":          {Architectures: []string{"x64"}},
		"devicetree d":              {DeviceTree: "/d"},
		"devicetree-overlay a \t b": {DeviceTreeOverlays: []string{"/a", "/b"}},
		"grub_users g":              {},
		"grub_arg g":                {},
		"grub_class g":              {},
		"grub_hotkey g":             {},
		"id g":                      {},
		"unknown g":                 {},
		"Linux k":                   {},
		"linux":                     {},
		"options":                   {},
	} {
		want.Type, want.ID, want.Path, want.Profile = bls.Type1, "x.conf", "loader/entries/x.conf", -1
		got, problems := bls.ParseEntry(want.Path, []byte(line+"\n"))
		want.Hidden = got.Hidden
		assert.Equal(t, &want, got, line)
		unknown := strings.HasPrefix(line, "unknown") || strings.HasPrefix(line, "Linux")
		assert.Equal(t, unknown, len(problems) > 0, "%s: %v", line, problems)
	}
}

// TestLists: lists grow in the order of the lines; of all else the last line counts.
func TestLists(t *testing.T) {
	list := func(key string) string { return fmt.Sprintf("%s b\n%s a\n%s b\n", key, key, key) }
	paths, texts := []string{"/b", "/a", "/b"}, []string{"b", "a", "b"}
	e := parse(t, list("initrd")+list("options")+list("extra")+list("architecture")+list("devicetree-overlay"))
	assert.Equal(t, [][]string{paths, texts, paths, texts, paths}, [][]string{e.Initrds, e.Options, e.Extras, e.Architectures, e.DeviceTreeOverlays})
	assert.Equal(t, "b a b", e.Cmdline())
	e = parse(t, list("title")+list("version")+list("machine-id")+list("sort-key")+list("uki-url")+list("linux")+list("efi")+list("uki")+list("devicetree"))
	assert.Equal(t, []string{"b", "b", "b", "b", "b", "/b", "/b", "/b", "/b"},
		[]string{e.Title, e.Version, e.MachineID, e.SortKey, e.UKIURL, e.Linux, e.EFI, e.UKI, e.DeviceTree})
	assert.Empty(t, parse(t, "linux /k\n").Cmdline())
}

func TestProfileNumbers(t *testing.T) {
	for value, want := range map[string]int{
		"0": 0, "7": 7, "007": 7, "2147483647": 2147483647, "2147483648": -1, "-1": -1, "+1": -1, "1x": -1, "0x1": -1, "1 2": -1, `"3"`: 3, "99999999999999999999": -1,
	} {
		e, problems := bls.ParseEntry("x.conf", []byte("profile "+value+"\n"))
		assert.Equal(t, want, e.Profile, value)
		assert.Equal(t, want < 0, len(problems) == 1, value)
	}
	_, problems := bls.ParseEntry("x.conf", []byte("profile "+strings.Repeat("9", 65)+"\n"))
	require.Len(t, problems, 1)
	assert.EqualError(t, problems[0], `x.conf:1: profile: "`+strings.Repeat("9", 64)+`..." is not a profile number, ignored`)
}

// TestHiddenReasons: the whole text, and that the first reason stays.
func TestHiddenReasons(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "it has no linux, efi, uki or uki-url line",
		"linux /a\nefi /b\n":         "it has both linux and efi lines, one is allowed",
		"efi /a\nuki /b\n":           "it has both efi and uki lines, one is allowed",
		"uki /a\nuki-url http://b\n": "it has both uki and uki-url lines, one is allowed",
		"linux /a\nuki-url :b\n":     "it has both linux and uki-url lines, one is allowed",
		"uki-url :b\n":               "its uki-url is relative to a network boot",
		"uki-url http://h:80/b\n":    "",
		"uki /a\n":                   "",
		"efi /a\n":                   "",
	} {
		assert.Equal(t, want, parse(t, text).Hidden, "%q", text)
	}
	e := &bls.Entry{}
	e.Hide("first")
	e.Hide("second")
	assert.Equal(t, "first", e.Hidden)
	for name, hidden := range map[string]bool{"auto-x.conf": true, "AUTO-.conf": true, "auto.conf": false, "xauto-x.conf": false, "auto_x.conf": false, "auto-x+3.conf": true} {
		e, _ := bls.ParseEntry("loader/entries/"+name, []byte("linux /a\n"))
		assert.Equal(t, hidden, e.Hidden == "its name begins with auto-, which systemd-boot keeps for itself", name)
	}
}

// TestLineEnds: the same pairs whatever ends the lines, and the numbers of an editor.
func TestLineEnds(t *testing.T) {
	want := parse(t, "title a\n\nlinux /k\noptions x\n")
	for _, end := range []string{"\n", "\r", "\r\n"} {
		text := strings.ReplaceAll("title a\n\nlinux /k\noptions x\nbad 1\n", "\n", end)
		got, problems := bls.ParseEntry("loader/entries/x.conf", []byte(text))
		assert.Equal(t, want, got, "%q", end)
		require.Len(t, problems, 1)
		assert.Equal(t, 5, problems[0].Line, "%q", end)
		for _, cut := range []string{strings.TrimSuffix(text, end), text + "\x00linux /lost" + end} {
			got, _ = bls.ParseEntry("loader/entries/x.conf", []byte(cut))
			assert.Equal(t, want, got, "%q", cut)
		}
	}
	_, problems := bls.ParseEntry("x.conf", []byte("\n\r\r\nbad 1\n"))
	require.Len(t, problems, 1)
	assert.Equal(t, 4, problems[0].Line)
}

// TestBlanksAroundLines mean nothing, but for those within a value.
func TestBlanksAroundLines(t *testing.T) {
	want := parse(t, "title a  b\nlinux /k\noptions x\ty\n")
	for _, blank := range []string{" ", "\t", " \t ", "\t\t"} {
		text := blank + "title" + blank + "a  b" + blank + "\n" + blank + "\nlinux" + blank + "/k\n" + blank + "# c" + blank + "\noptions" + blank + "x\ty" + blank
		assert.Equal(t, want, parse(t, text), "%q", blank)
	}
	for _, other := range []string{"\v", "\f", "\u00a0"} {
		assert.Equal(t, other+"/k", strings.TrimPrefix(parse(t, "linux "+other+"/k\n").Linux, "/"), "%q is no blank", other)
	}
}

// TestEntryCutAnywhere: of a file that ends too early, what is whole is as it was.
func TestEntryCutAnywhere(t *testing.T) {
	whole := "title a\nlinux /k\ninitrd /i\noptions x\n"
	for n := range len(whole) {
		e, _ := bls.ParseEntry("loader/entries/x.conf", []byte(whole[:n]))
		lines := strings.Count(whole[:n], "\n")
		assert.True(t, lines < 1 || e.Title == "a", n)
		assert.True(t, lines < 2 || e.Linux == "/k", n)
		assert.True(t, lines < 3 || len(e.Initrds) == 1 && e.Initrds[0] == "/i", n)
		assert.Equal(t, e.Linux == "", e.Hidden != "", n)
	}
}

func TestBad(t *testing.T) {
	for name, want := range map[string]bool{"a.conf": false, "a+0.conf": true, "a+0-3.conf": true, "a+1.conf": false, "a+3-0.conf": false} {
		e, _ := bls.ParseEntry("loader/entries/"+name, nil)
		assert.Equal(t, want, e.Bad(), name)
		assert.Equal(t, "a.conf", e.FileID())
	}
}
