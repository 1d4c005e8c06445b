package bls_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
)

func parse(t *testing.T, text string) *bls.Entry {
	t.Helper()
	e, _ := bls.ParseEntry("loader/entries/x.conf", []byte(text))
	return e
}

func TestParseEntry(t *testing.T) {
	e := parse(t, "title Arch Linux\n"+
		"  version\t 6.9.1-arch1\r\n"+
		"# title Comment\n"+
		"   # indented comment\n"+
		"machine-id 00112233445566778899aabbccddeeff\r"+
		"sort-key arch\n"+
		"linux vmlinuz-linux\n"+
		"initrd /intel-ucode.img  \n"+
		"initrd //boot/./initramfs.img\n"+
		"initrd /a /b\n"+
		"options root=LABEL=r  ro\n"+
		"options quiet # not a comment\n"+
		"devicetree ./d.dtb\n"+
		"devicetree-overlay a.dtbo\t/b.dtbo\n"+
		"architecture x64\n"+
		"profile 2\n"+
		"extra /x.cred")
	assert.Equal(t, "Arch Linux", e.Title)
	assert.Equal(t, "6.9.1-arch1", e.Version)
	assert.Equal(t, "00112233445566778899aabbccddeeff", e.MachineID)
	assert.Equal(t, "arch", e.SortKey)
	assert.Equal(t, "/vmlinuz-linux", e.Linux)
	assert.Equal(t, []string{"/intel-ucode.img", "/boot/initramfs.img", "/a /b"}, e.Initrds)
	assert.Equal(t, "root=LABEL=r  ro quiet # not a comment", e.Cmdline())
	assert.Equal(t, "/d.dtb", e.DeviceTree)
	assert.Equal(t, []string{"/a.dtbo", "/b.dtbo"}, e.DeviceTreeOverlays)
	assert.Equal(t, []string{"x64"}, e.Architectures)
	assert.Equal(t, 2, e.Profile)
	assert.Equal(t, []string{"/x.cred"}, e.Extras)
	assert.Empty(t, e.Hidden)
}

func TestParseEntryGrammar(t *testing.T) {
	for name, v := range map[string]struct {
		text string
		get  func(*bls.Entry) any
		want any
	}{
		"last scalar wins":             {"title a\ntitle b\n", func(e *bls.Entry) any { return e.Title }, "b"},
		"a bare key resets nothing":    {"title a\ntitle\ntitle  \n", func(e *bls.Entry) any { return e.Title }, "a"},
		"quotes are taken off":         {`linux "/v"`, func(e *bls.Entry) any { return e.Linux }, "/v"},
		"inner quotes stay":            {`options dyndbg="file a.c +p"`, func(e *bls.Entry) any { return e.Cmdline() }, `dyndbg="file a.c +p"`},
		"one quote stays":              {`title "`, func(e *bls.Entry) any { return e.Title }, `"`},
		"keys have letter case":        {"Title a\n", func(e *bls.Entry) any { return e.Title }, ""},
		"a BOM spoils the first key":   {"\ufefftitle a\nversion 1\n", func(e *bls.Entry) any { return e.Title + e.Version }, "1"},
		"NUL ends the file":            {"title a\x00\ntitle b\n", func(e *bls.Entry) any { return e.Title }, "a"},
		"form feed is no blank":        {"title a\f\n", func(e *bls.Entry) any { return e.Title }, "a\f"},
		"no final newline":             {"title a", func(e *bls.Entry) any { return e.Title }, "a"},
		"bytes above ASCII stay":       {"title \xe9\n", func(e *bls.Entry) any { return e.Title }, "\xe9"},
		"backslash is data":            {`options a=b\`, func(e *bls.Entry) any { return e.Cmdline() }, `a=b\`},
		"a bad profile keeps all":      {"profile x\nlinux /l\n", func(e *bls.Entry) any { return e.Hidden }, ""},
		"dots leave a path":            {"linux /v//x/./y", func(e *bls.Entry) any { return e.Linux }, "/v/x/y"},
		"two dots stay for the opener": {"linux /a/../v", func(e *bls.Entry) any { return e.Linux }, "/a/../v"},
		"a line of 2 MiB":              {"options " + strings.Repeat("x", 2<<20), func(e *bls.Entry) any { return len(e.Cmdline()) }, 2 << 20},
	} {
		assert.Equal(t, v.want, v.get(parse(t, v.text)), name)
	}
}

func TestHidden(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "no linux, efi, uki or uki-url",
		"title only\n":               "no linux, efi, uki or uki-url",
		"linux /a\nefi /b\n":         "both linux and efi",
		"linux /a\nlinux /b\n":       "",
		"uki-url :x.efi\n":           "network boot",
		"uki-url http://h/x.efi\n":   "",
		"linux /a\nuki /b\nefi /c\n": "both linux and efi and uki",
	} {
		got := parse(t, text).Hidden
		assert.Contains(t, got, want, "%q", text)
		assert.Equal(t, want == "", got == "", "%q: %s", text, got)
	}
	e, _ := bls.ParseEntry("loader/entries/Auto-x.conf", []byte("linux /a\n"))
	assert.Contains(t, e.Hidden, "auto-")
}

func TestParseEntryProblems(t *testing.T) {
	_, problems := bls.ParseEntry("loader/entries/x.conf", []byte("linux /a\n\nlinucks /b\nprofile -1\ngrub_class fedora\n"))
	require.Len(t, problems, 2)
	assert.EqualError(t, problems[0], "loader/entries/x.conf:3: linucks: unknown key, ignored")
	assert.EqualError(t, problems[1], `loader/entries/x.conf:4: profile: "-1" is not a profile number, ignored`)
}

func TestSplitTries(t *testing.T) {
	counted := func(left, done int) bls.Tries { return bls.Tries{Counted: true, Left: left, Done: done, HasDone: true} }
	for name, v := range map[string]struct {
		id    string
		tries bls.Tries
	}{
		"a.conf":                           {"a.conf", bls.Tries{}},
		"a+3.conf":                         {"a.conf", bls.Tries{Counted: true, Left: 3}},
		"a+3-1.conf":                       {"a.conf", counted(3, 1)},
		"a+03-04.CONF":                     {"a.CONF", counted(3, 4)},
		"a+000-1.conf":                     {"a.conf", counted(0, 1)},
		"two+1+2.conf":                     {"two+1.conf", bls.Tries{Counted: true, Left: 2}},
		"mid+3.x.conf":                     {"mid+3.x.conf", bls.Tries{}},
		"neg+-1.conf":                      {"neg+-1.conf", bls.Tries{}},
		"trail+3-.conf":                    {"trail+3-.conf", bls.Tries{}},
		"dash+3-1-2.conf":                  {"dash+3-1-2.conf", bls.Tries{}},
		"max+2147483647.efi":               {"max.efi", bls.Tries{Counted: true, Left: 2147483647}},
		"big+2147483648.efi":               {"big+2147483648.efi", bls.Tries{}},
		"vast+99999999999999999999999.efi": {"vast+99999999999999999999999.efi", bls.Tries{}},
		"+3.conf":                          {".conf", bls.Tries{Counted: true, Left: 3}},
		"nodot+3":                          {"nodot+3", bls.Tries{}},
	} {
		id, tries := bls.SplitTries(name)
		assert.Equal(t, v.id, id, name)
		assert.Equal(t, v.tries, tries, name)
	}
}

func TestIsEntryName(t *testing.T) {
	for name, want := range map[string]bool{
		"a.conf": true, "A.CONF": true, ".a.conf": false, "a.conf~": false, ".conf": false, "conf": false, "a b@~.conf": true, "": false,
	} {
		assert.Equal(t, want, bls.IsEntryName(name, ".conf"), name)
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, s := range []string{"title a\nlinux /v\ninitrd /a\noptions x\n", "\r\r\n#\x00", "linux \"/v\"\nprofile 99\n"} {
		f.Add("loader/entries/a+3-1.conf", []byte(s))
	}
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		e, problems := bls.ParseEntry(path, data)
		again, _ := bls.ParseEntry(path, data)
		if bls.Compare(e, again) != 0 {
			t.Error("an entry does not equal itself")
		}
		for _, p := range append(e.Initrds, e.Linux, e.UKI, e.EFI) {
			if p != "" && (p[0] != '/' || bls.CleanPath(p) != p) {
				t.Errorf("path %q is not clean", p)
			}
		}
		for _, p := range problems {
			if p.Error() == "" || p.Line < 1 {
				t.Errorf("problem without a place: %+v", p)
			}
		}
	})
}

// TestComplaintsEnd holds that a file which is no entry is told of, not
// recited, and that nothing of its text is held.
func TestComplaintsEnd(t *testing.T) {
	long := strings.Repeat("k", 1000)
	_, problems := bls.ParseEntry("x.conf", []byte(strings.Repeat(long+" v\n", 1000)+"linux /l\n"))
	require.Len(t, problems, 21)
	assert.EqualError(t, problems[0], "x.conf:1: "+long[:64]+"...: unknown key, ignored")
	assert.EqualError(t, problems[20], "x.conf:21: this line and more are of no use either")
	_, problems = bls.ParseLoaderConf("loader.conf", []byte(strings.Repeat("k v\n", 1000)))
	assert.Len(t, problems, 21)
}

func TestCleanPath(t *testing.T) {
	for p, want := range map[string]string{
		"": "/", "/": "/", "a": "/a", "/a": "/a", "/a/b": "/a/b", "//a": "/a", "/a//b": "/a/b", "/a/": "/a", "/a/.": "/a", "/./a": "/a",
		"/a/./b": "/a/b", ".": "/", "/.": "/", "/.a": "/.a", "/a/..": "/a/..", "/a/...": "/a/...", "/a.": "/a.", "/..": "/..",
	} {
		assert.Equal(t, want, bls.CleanPath(p), p)
	}
}

// TestSplitTriesIsThePlainWay compares with UAPI.1's rule as an expression.
func TestSplitTriesIsThePlainWay(t *testing.T) {
	rule := regexp.MustCompile(`(?s)^(.*)\+([0-9]+)(-[0-9]+)?(\.[^.]*)$`)
	r := rand.New(rand.NewPCG(17, 18))
	const alphabet = "a+-.0123"
	counted := 0
	for range 50_000 {
		var b []byte
		for range r.IntN(12) {
			b = append(b, alphabet[r.IntN(len(alphabet))])
		}
		name := string(b)
		id, tries := bls.SplitTries(name)
		parts := rule.FindStringSubmatch(name)
		if parts == nil {
			require.Equal(t, name, id)
			require.Zero(t, tries)
			continue
		}
		counted++
		require.Equal(t, parts[1]+parts[4], id, name)
		require.True(t, tries.Counted, name)
		require.Equal(t, parts[3] != "", tries.HasDone, name)
	}
	assert.Greater(t, counted, 100)
}
