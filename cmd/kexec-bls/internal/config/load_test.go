package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// paths writes files below a directory and returns paths in it.
func paths(t *testing.T, files map[string]string) (Paths, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return Paths{File: filepath.Join(dir, "kexec-bls.toml"), Vendor: []string{filepath.Join(dir, "usr/lib")}}, dir
}

// text is what the verb config prints.
func text(c Config, origins Origins, dir string) string {
	var b strings.Builder
	for _, k := range c.Keys() {
		b.WriteString(k.Name + " = " + k.TOML())
		if o := origins[k.Name]; o != "" {
			b.WriteString(" # " + strings.TrimPrefix(o, dir+"/"))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestLoadMerges(t *testing.T) {
	p, dir := paths(t, map[string]string{
		"kexec-bls.toml":                     "[cmdline]\nappend = ['main']\nremove = ['main']\n[initrd]\nflat = true\n",
		"kexec-bls.toml.d/50-site.toml":      "cmdline.append = [\n  'a=\"b\"', # two\n  'c',\n]\nhook = { policy = 'load' }\n",
		"kexec-bls.toml.d/60-read.txt":       "not = 'read'",
		"kexec-bls.toml.d/.60-nor-this.toml": "not = 'read'",
		"usr/lib/kexec-bls.toml":             "[initrd]\nearly_first = true\n",
		"usr/lib/kexec-bls.toml.d/40-v.toml": "[check]\nignore = ['vfio']\n[cmdline]\nappend = ['vendor', 'of', 'more']\n",
		"usr/lib/kexec-bls.toml.d/99-v.toml": "[initrd]\nFlat = false\n",
		// The same name hides the vendor's.
		"kexec-bls.toml.d/70-v.toml":         "",
		"usr/lib/kexec-bls.toml.d/70-v.toml": "[cmdline]\nappend = ['hidden']\n",
	})
	c, origins, warnings, err := Load(p)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	want := `cmdline.append = ["a=\"b\"", "c"] # kexec-bls.toml.d/50-site.toml
cmdline.remove = ["main"] # kexec-bls.toml
initrd.flat = false # usr/lib/kexec-bls.toml.d/99-v.toml
initrd.early_first = false
initrd.limit = ""
check.ignore = ["vfio"] # usr/lib/kexec-bls.toml.d/40-v.toml
hook.policy = "load" # kexec-bls.toml.d/50-site.toml
gpu.modules = []
tpm.measured_os = "off"
try.healthy = []
`
	assert.Equal(t, want, text(c, origins, dir))

	p, _ = paths(t, map[string]string{"kexec-bls.toml": want})
	again, _, _, err := Load(p)
	require.NoError(t, err)
	assert.Equal(t, strings.Split(want, " #")[0], strings.Split(text(again, nil, ""), "\n")[0], "it is such a file again")
	assert.Equal(t, []string{`a="b"`, "c"}, again.Cmdline.Append)
}

func TestLoadMainFileOfAVendor(t *testing.T) {
	p, dir := paths(t, map[string]string{
		"usr/lib/kexec-bls.toml": "[initrd]\nflat = true\n", "usr/lib/kexec-bls.toml.d/5.toml": "[check]\nignore = ['memory']\n", "kexec-bls.toml.d/x": "",
	})
	c, _, _, err := Load(p)
	require.NoError(t, err)
	assert.True(t, c.Initrd.Flat)
	assert.Equal(t, []string{"memory"}, c.Check.Ignore)

	require.NoError(t, os.Symlink("/dev/null", p.File))
	require.NoError(t, os.Symlink("/dev/null", filepath.Join(dir, "kexec-bls.toml.d/5.toml")))
	c, origins, _, err := Load(p)
	require.NoError(t, err)
	assert.Equal(t, Default(), c, "a link to /dev/null removes it")
	assert.Empty(t, origins)
}

func TestLoadOnlyOneFile(t *testing.T) {
	p, dir := paths(t, map[string]string{"kexec-bls.toml": "[initrd]\nflat = 'broken'", "mine.toml": "[hook]\npolicy = \"off\"\n"})
	p.Only = dir + "/mine.toml"
	c, origins, _, err := Load(p)
	require.NoError(t, err)
	assert.Equal(t, PolicyOff, c.Hook.Policy)
	assert.Equal(t, Origins{"hook.policy": p.Only}, origins)
	assert.False(t, c.Initrd.Flat)
	p.Only = dir + "/none"
	_, _, _, err = Load(p)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// TestLoadOpensRegularFiles: nothing blocks, and nothing without end is read.
func TestLoadOpensRegularFiles(t *testing.T) {
	p, dir := paths(t, map[string]string{"large.toml": strings.Repeat("#", maxFile+1), "full.toml": strings.Repeat("#", maxFile)})
	require.NoError(t, syscall.Mkfifo(dir+"/fifo.toml", 0o600))
	for name, want := range map[string]string{
		"": "not a regular file", "fifo.toml": "fifo.toml: not a regular file", "large.toml": "large.toml: larger than 1048576 bytes",
	} {
		p.Only = filepath.Join(dir, name)
		_, _, _, err := Load(p)
		assert.ErrorContains(t, err, want)
	}
	for _, path := range []string{dir + "/full.toml", "/dev/zero"} {
		p.Only = path
		_, _, _, err := Load(p)
		assert.NoError(t, err, path)
	}
	p, dir = paths(t, nil)
	require.NoError(t, syscall.Mkfifo(dir+"/kexec-bls.toml.d", 0o600))
	_, _, _, err := Load(p)
	assert.ErrorContains(t, err, "kexec-bls.toml.d: not a directory")
}

// TestLoadUnknownKeys: what is not known is a warning with file and key.
func TestLoadUnknownKeys(t *testing.T) {
	for text, want := range map[string][]string{
		"[cmdline]\nappend = []\napend = [\"x\"]\n\n[other]\nkey = 1\n": {"cmdline.apend", "other.key"},
		"# x\nflat = true\n":                     {"flat"},
		"[intird]\nflat = true\n":                {"intird.flat"},
		"[hook]\n'pol icy' = 1\n":                {`hook."pol icy"`},
		"[nothing]\n":                            {"nothing"},
		"[check]\nmultiple = '''\nflat = 1\n'''": {"check.multiple"},
		"[[x]]\ny=1\n[[x]]\ny=1\n":               {"x.y"},
		"a.b.c = 1":                              {"a.b.c"},
		"hook.policy = 'off'\nHOOK.Polcy = 1":    {"HOOK.Polcy"},
	} {
		p, dir := paths(t, map[string]string{"kexec-bls.toml": text})
		_, origins, warnings, err := Load(p)
		require.NoError(t, err, "%q", text)
		for i, key := range want {
			want[i] = dir + "/kexec-bls.toml: unknown key " + key + " ignored"
		}
		assert.Equal(t, want, warnings, "%q", text)
		for name := range origins {
			assert.Contains(t, "cmdline.append hook.policy", name)
		}
	}
}

func TestLoadNamesFewUnknownKeys(t *testing.T) {
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "k%d = 1\n", i)
	}
	p, _ := paths(t, map[string]string{"kexec-bls.toml": many.String()})
	_, _, warnings, err := Load(p)
	require.NoError(t, err)
	require.Len(t, warnings, maxUnknown+1)
	assert.Contains(t, warnings[maxUnknown], "more unknown keys ignored")
}

// TestLoadErrors: what is wrong is an error with file and key, or the line
// where the text is no TOML; and nothing of the file counts.
func TestLoadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"[cmdline]\nappend = 1\n":          ": cmdline.append: must be a list of strings",
		"\n[cmdline]\nappend = ['a', 1]\n": ": cmdline.append: must be a list of strings",
		"[initrd]\n\nflat = 'yes'\n":       ": initrd.flat: must be a boolean",
		"[initrd]\nlimit = '8 G'\n":        `: initrd.limit: must be a number of bytes such as 512M or 8G; got "8 G"`,
		"initrd = 7\n":                     ": initrd: must be a table",
		"[[hook]]\npolicy = 'load'\n":      ": hook: must be a table",
		"= =":                              ":1: ",
		"\n\n= 1\n":                        ":3: ",
		"[hook]\npolicy = 1\n":             ": hook.policy: must be a string",
		"[check]\nignore = ['vfoi']\n":     `: check.ignore: no finding has the id "vfoi"`,
		"[hook]\n# no\npolicy = 'laod'\n":  `: hook.policy: must be one of notify, load, off; got "laod"`,
		"[hook]\npolicy = ''\n":            `: hook.policy: must be one of notify, load, off; got ""`,
		"\xff = 1":                         ":1: ",
		"a = 1\na = 2":                     ":2: ",
	} {
		p, dir := paths(t, map[string]string{"kexec-bls.toml": "initrd.flat = true", "kexec-bls.toml.d/x.toml": text})
		c, origins, _, err := Load(p)
		assert.ErrorContains(t, err, dir+"/kexec-bls.toml.d/x.toml"+want, "%q", text)
		assert.NotContains(t, err.Error(), "\n")
		assert.Equal(t, Default(), c, "%q", text)
		assert.Empty(t, origins)
	}
}

// FuzzLoad: no text makes it fail otherwise than by an error, and what it
// takes is read again from what it prints.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"[cmdline]\nappend = ['a']\n", "initrd = { flat = true, limit = '1G' }", "[[hook]]\npolicy = 1", "a.b = { c = \"}\", d = [[1]] }",
		"hook.policy = '''off'''", "\"\" = 1\n'=' = 2", "Hook.policy='off'\nhook.Policy='load'", "gpu.modules = [\"\\u202e\"]", "check.'ignore'=['memory']",
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		p := Paths{Only: filepath.Join(dir, "a.toml")}
		require.NoError(t, os.WriteFile(p.Only, []byte(text), 0o600))
		c, origins, _, err := Load(p)
		if err != nil {
			assert.Equal(t, Default(), c)
			assert.Nil(t, origins)
			return
		}
		var printed strings.Builder
		for _, k := range c.Keys() {
			printed.WriteString(k.Name + " = " + k.TOML() + "\n")
		}
		require.NoError(t, os.WriteFile(p.Only, []byte(printed.String()), 0o600))
		again, _, warnings, err := Load(p)
		require.NoError(t, err, printed.String())
		assert.Empty(t, warnings)
		for i, k := range c.Keys() {
			assert.Equal(t, k.Value(), again.Keys()[i].Value(), k.Name)
		}
	})
}
