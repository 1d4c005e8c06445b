package grub

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMatchesIsTheExpression compares with regular expressions.
func TestMatchesIsTheExpression(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	random := func(alphabet string, longest int) string {
		var b strings.Builder
		for range r.IntN(longest + 1) {
			b.WriteByte(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	hits := 0
	for range 20_000 {
		pattern, name := random("ab**??", 6), random("ab", 6)
		expression := "^" + strings.NewReplacer("*", ".*", "?", ".").Replace(pattern) + "$"
		want := regexp.MustCompile(expression).MatchString(name)
		if want {
			hits++
		}
		if got := matches(pattern, name); got != want {
			t.Fatalf("%q against %q: %v, want %v", pattern, name, got, want)
		}
	}
	assert.Greater(t, hits, 1000)
}

func TestMatchesQuoted(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{`\*`, "*", true}, {`\*`, "a", false}, {`\?`, "?", true}, {`\?`, "a", false}, {`\a`, "a", true}, {`\\`, `\`, true},
		{`*\*`, "a*", true}, {`*\*`, "a", false}, {`a\`, `a\`, false}, {`a\`, "a", false}, {`*\b`, "aab", true}, {"", "", true}, {"", "a", false}, {"**", "", true}, {"?", "", false},
	} {
		assert.Equal(t, c.want, matches(c.pattern, c.name), "%q against %q", c.pattern, c.name)
	}
	long := strings.Repeat("a*", 200)
	assert.False(t, matches(long+"b", strings.Repeat("aaaa", 200)), "a matcher that tries every split would not end")
}

func TestWildcard(t *testing.T) {
	for pattern, want := range map[string]int{"": -1, "a": -1, "*": 0, "a?": 1, `\*`: -1, `\**`: 2, `\\*`: 2, `a\`: -1, `\a*b*`: 2} {
		assert.Equal(t, want, wildcard(pattern), pattern)
	}
}

// TestMatchFiles: the words that stand for files, and those that stay as they are.
func TestMatchFiles(t *testing.T) {
	d := disk{"k-1": "", "dir/one": "", "dir/two.cfg": "", "dir/.hidden": "", "sub*/f": "", "x y/only": ""}
	for pattern, want := range map[string]string{
		"/k-*":           "/k-1",
		"/k-?":           "/k-1",
		"/k-??":          "/k-??",
		`/k-\*`:          "/k-*",
		"/dir/o*":        "/dir/one",
		"/dir/*.cfg":     "/dir/two.cfg",
		"/dir/.h*":       "/dir/.h*", // dot files are no match
		"/dir/x*":        "/dir/x*",
		"/none/*":        "/none/*",
		"/d?r/one":       "/d?r/one", // the last part only
		"/*/one":         "/*/one",
		"k-*":            "k-*",
		"a*":             "a*",
		"(none)/k*":      "(none)/k*",
		"(none*":         "(none*",
		`/sub\*/*`:       "/sub*/f",
		`/x\ y/*`:        "/x y/only",
		"/k-1":           "/k-1",
		"/none":          "/none",
		"(hd0,gpt2)/k-?": "(hd0,gpt2)/k-1",
	} {
		m := d.machine("")
		m.Start.Name = "hd0,gpt2"
		r := newRunner(m)
		r.vars["root"] = "hd0,gpt2"
		got, err := r.match(pattern)
		require.NoError(t, err, pattern)
		assert.Equal(t, []string{want}, got, pattern)
	}
	for pattern, want := range map[string]string{
		"*":      `"*" matches GRUB's names of disks`,
		"?x":     `"?x" matches GRUB's names of disks`,
		"/dir/*": `more than one file matches "/dir/*"; their order is the file system's`,
	} {
		_, err := d.bare().match(pattern)
		assert.EqualError(t, err, "cannot determine what GRUB boots: "+want)
	}
}

func TestFSName(t *testing.T) {
	for p, want := range map[string]string{"": ".", "/": ".", "a": "a", "/a": "a", "/a/": "a", "//a//b": "a/b", "/a/../b": "b", "/../a": "a", "/..": ".", "/a/./b": "a/b"} {
		assert.Equal(t, want, fsName(p), p)
	}
}

// TestLocate: which file system a path is on, by the names that are known of it.
func TestLocate(t *testing.T) {
	first := &Device{Name: "hd0,gpt1", FS: disk{}.fs()}
	second := &Device{Aliases: []string{"lvm/vg-boot", "hd0,2"}, FS: disk{}.fs()}
	m := &Machine{Devices: []*Device{first, second}, Start: first}
	r := newRunner(m)
	r.vars["root"] = "hd0,gpt1"
	for name, want := range map[string]File{
		"/a": {first, "/a"}, "a": {first, "a"}, "": {first, ""}, "(hd0,gpt1)/a/../b": {first, "/a/../b"}, "(hd0,gpt1)": {first, ""}, "(hd0,gpt1)1+1": {first, "1+1"},
		"(lvm/vg-boot)/a": {second, "/a"}, "(hd0,2)/a)b": {second, "/a)b"}, "(" + r.deviceName(second) + ")/a": {second, "/a"},
	} {
		got, err := r.locate(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	for name, want := range map[string]string{
		"(hd0,gpt1":              `"(hd0,gpt1": no such device`,
		"()/a":                   `"": no such device`,
		"(net)/a":                `"net": no such device`,
		"(memdisk)/a":            `"memdisk": no such device`,
		"(hd9)/a":                `cannot determine what GRUB boots: which file system GRUB calls ("hd9") is not known here`,
		"(" + unknown + "x)/a b": `cannot determine what GRUB boots: "/a b" is on a file system that cannot be read here`,
	} {
		_, err := r.locate(name)
		assert.EqualError(t, err, want, name)
	}
	second.Name = "hd0,gpt2"
	_, err := r.locate("(hd9)/a")
	assert.EqualError(t, err, `"hd9": no such device`, "all names are known")
	second.Name, m.Absent = "", func(name string) bool { return name == "hd9" }
	_, err = r.locate("(hd9)/a")
	assert.ErrorIs(t, err, errNoDevice, "it is known that there is none")
	_, err = r.locate("(hd8)/a")
	assert.NotErrorIs(t, err, errNoDevice)
}

func TestIsDevice(t *testing.T) {
	for name, want := range map[string]bool{
		"hd0": true, "cd": true, "fd0": true, "lvm/x": true, "lvmid/x": true, "md/x": true, "md0": true, "crypto0": true, "cryptouuid/x": true, "ldm/x": true, "dm_nv/x": true,
		"": false, "lvm": false, "net": false, "memdisk": false, "x": false, "loop0": false, "proc": false, "ldm": false, "hostfs": false,
	} {
		assert.Equal(t, want, isDevice(name), name)
	}
}

func TestDeviceNames(t *testing.T) {
	a, b := &Device{}, &Device{}
	r := newRunner(&Machine{Devices: []*Device{a, b}})
	assert.NotEqual(t, r.deviceName(a), r.deviceName(b), "marks are told apart")
	for _, d := range []*Device{a, b, {}} {
		assert.True(t, isUnknown(r.deviceName(d)))
	}
	a.Name = "hd0"
	assert.Equal(t, "hd0", r.deviceName(a))
}

// TestRegular: what is found, under the name that it really has, and why not.
func TestRegular(t *testing.T) {
	d := disk{"Dir/File": "x", "dir2/a": "", "dir2/A": ""}
	for name, want := range map[string]string{
		"/Dir/File": "/Dir/File", "/Dir/File/": "/Dir/File", "//Dir/./File": "/Dir/File", "/Dir/../Dir/File": "/Dir/File", "/": "/", "/dir/file": "/Dir/File", "/DIR": "/Dir", "/dir2/a": "/dir2/a", "/DIR2/A": "/dir2/a",
	} {
		m := d.machine("")
		r := newRunner(m)
		r.vars["root"], m.Start.FAT = r.deviceName(m.Start), true
		f, info, err := r.regular(name)
		require.NoError(t, err, name)
		assert.True(t, strings.EqualFold(want, f.Path), "%s: %s", name, f.Path)
		assert.Equal(t, !strings.Contains(strings.ToLower(name), "file") && !strings.Contains(strings.ToLower(name), "/a"), info.IsDir(), name)
		m.Start.FAT = false
		_, _, err = r.regular(name)
		assert.Equal(t, want == "/" || strings.Contains(name, "Dir") || name == "/dir2/a", err == nil, "%s: case counts elsewhere", name)
	}
	r := d.bare()
	for name, want := range map[string]string{
		"/none": "/none: file does not exist", "/Dir/File/x": "/Dir/File/x: file does not exist", "Dir/File": `"Dir/File": path does not begin with a slash`, "": `"": path does not begin with a slash`,
		"/\xff\x01": "/\xff\x01: file does not exist",
	} {
		_, _, err := r.regular(name)
		assert.EqualError(t, err, want, "%q", name)
	}
	r.m.Start.FAT = true
	_, _, err := r.regular("/Dir/none")
	assert.EqualError(t, err, "/Dir/none: file does not exist")
}

func TestCause(t *testing.T) {
	assert.Equal(t, errDisk, cause(&fs.PathError{Op: "open", Path: "x", Err: errDisk}))
	assert.Equal(t, errDisk, cause(fmt.Errorf("more: %w", &fs.PathError{Op: "open", Path: "x", Err: errDisk})))
	assert.Equal(t, errDisk, cause(errDisk))
}

// TestReadFileLimits: a file of the largest size, one byte more, and all files together.
func TestReadFileLimits(t *testing.T) {
	r := disk{"f": "12345"}.bare()
	f := File{r.m.Start, "/f"}
	data, err := r.readFile(f, 5)
	require.NoError(t, err)
	assert.Equal(t, "12345", string(data))
	_, err = r.readFile(f, 4)
	assert.EqualError(t, err, "cannot determine what GRUB boots: /f is larger than 4 bytes")
	assert.Equal(t, 5, r.loaded, "what was refused does not count")
	r.loaded = maxRead - 5
	_, err = r.readFile(f, 5)
	require.NoError(t, err)
	_, err = r.readFile(f, 5)
	assert.EqualError(t, err, "cannot determine what GRUB boots: more than 67108864 bytes are to be read")
	_, err = r.readFile(File{r.m.Start, "/none"}, 5)
	assert.EqualError(t, err, "cannot determine what GRUB boots: /none: file does not exist")
}
