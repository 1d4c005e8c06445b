package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// configAnswer runs kexec-bls config where the files below the directory of
// the configuration are these.
func configAnswer(t *testing.T, files map[string]string, args ...string) (answer, string) {
	f, _ := newFake(t, nil)
	dir := filepath.Dir(f.configFile)
	write(t, dir, files)
	return f.run(append([]string{"config"}, args...)...), dir
}

func TestConfigIsMerged(t *testing.T) {
	got, dir := configAnswer(t, map[string]string{
		"kexec-bls.toml":                     "[cmdline]\nappend = ['main']\nremove = ['main']\n[initrd]\nflat = true\n",
		"kexec-bls.toml.d/50-site.toml":      "cmdline.append = [\n  'a=\"b\"', # two\n  'c',\n]\nhook = { policy = 'load' }\n",
		"kexec-bls.toml.d/60-read.txt":       "not = 'read'",
		"kexec-bls.toml.d/.60-nor-this.toml": "not = 'read'",
		"usr/lib/kexec-bls.toml":             "[initrd]\nearly_first = true\n",
		"usr/lib/kexec-bls.toml.d/40-v.toml": "[check]\nignore = ['gpu']\n[cmdline]\nappend = ['vendor']\n",
		"usr/lib/kexec-bls.toml.d/99-v.toml": "[initrd]\nFlat = false\n",
		// The same name hides the vendor's.
		"kexec-bls.toml.d/70-v.toml":         "",
		"usr/lib/kexec-bls.toml.d/70-v.toml": "[cmdline]\nappend = ['hidden']\n",
	})
	assert.Equal(t, exitDone, got.code, got.stderr)
	assert.Empty(t, got.stderr)
	assert.Equal(t, strings.ReplaceAll(`[cmdline]
append = ["a=\"b\"", "c"] # DIR/kexec-bls.toml.d/50-site.toml:1
remove = ["main"] # DIR/kexec-bls.toml:3

[initrd]
flat = false # DIR/usr/lib/kexec-bls.toml.d/99-v.toml:2
early_first = false # default
limit = "" # default

[check]
ignore = ["gpu"] # DIR/usr/lib/kexec-bls.toml.d/40-v.toml:2

[hook]
policy = "load" # DIR/kexec-bls.toml.d/50-site.toml:5

[gpu]
modules = [] # default
`, "DIR", dir), got.stdout)

	again, _ := configAnswer(t, map[string]string{"kexec-bls.toml": got.stdout}, "--json=short")
	var settings []configSetting
	require.NoError(t, json.Unmarshal([]byte(again.stdout), &settings))
	assert.Equal(t, []any{`a="b"`, "c"}, settings[0].Value, "the output is such a file again")
	assert.Equal(t, 2, settings[0].Origin.Line)
}

func TestConfigMainFileOfAVendor(t *testing.T) {
	vendor := map[string]string{"usr/lib/kexec-bls.toml": "[initrd]\nflat = true\n", "usr/lib/kexec-bls.toml.d/5.toml": "[check]\nignore = ['x']\n"}
	got, _ := configAnswer(t, vendor)
	assert.Contains(t, got.stdout, "flat = true")

	f, _ := newFake(t, nil)
	dir := filepath.Dir(f.configFile)
	write(t, dir, vendor)
	write(t, dir, map[string]string{"kexec-bls.toml.d/x": ""})
	require.NoError(t, os.Symlink("/dev/null", f.configFile))
	require.NoError(t, os.Symlink("/dev/null", filepath.Join(dir, "kexec-bls.toml.d/5.toml")))
	got = f.run("config")
	assert.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stdout, "flat = false # default", "a link to /dev/null removes it")
	assert.Contains(t, got.stdout, "ignore = [] # default")
}

func TestConfigOfAFlagStandsForAll(t *testing.T) {
	f, _ := newFake(t, nil)
	dir := filepath.Dir(f.configFile)
	write(t, dir, map[string]string{"kexec-bls.toml": "[initrd]\nflat = 'broken'", "mine.toml": "[hook]\npolicy = \"off\"\n"})
	got := f.run("config", "--config="+dir+"/mine.toml")
	assert.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stdout, `policy = "off" # `+dir+"/mine.toml:2")
	assert.Contains(t, got.stdout, "flat = false # default")
	assert.Equal(t, exitFailed, f.run("config", "--config="+dir+"/none").code)
	assert.Contains(t, f.run("config", "--config="+dir).stderr, "not a regular file")
}

func TestConfigJSONOfDefaults(t *testing.T) {
	got, _ := configAnswer(t, nil, "--json=short")
	var settings []map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &settings))
	require.Len(t, settings, len(configKeys()))
	assert.Equal(t, map[string]any{
		"key": "cmdline.append", "value": []any{}, "origin": nil, "type": "list of strings", "default": "[]",
		"description": "Words that are put at the end of every command line.",
	}, settings[0])
}

// TestConfigComplaints: what is not known is a warning, what is wrong an error,
// both with file and line.
func TestConfigComplaints(t *testing.T) {
	for text, want := range map[string]struct {
		code int
		said []string
	}{
		"[cmdline]\nappend = []\napend = [\"x\"]\n\n[other]\nkey = 1\n": {exitDone, []string{
			":3: unknown key cmdline.apend, ignored; cmdline.append is one\n", ":6: unknown key other.key, ignored\n"}},
		"# x\nflat = true\n":                     {exitDone, []string{":2: unknown key flat, ignored; initrd.flat is one\n"}},
		"[intird]\nflat = true\n":                {exitDone, []string{":2: unknown key intird.flat, ignored; initrd.flat is one\n"}},
		"[hook]\n'pol icy' = 1\n":                {exitDone, []string{":2: unknown key hook.\"pol icy\", ignored; hook.policy is one\n"}},
		"[nothing]\n":                            {exitDone, []string{":1: unknown key nothing, ignored\n"}},
		"[check]\nmultiple = '''\nflat = 1\n'''": {exitDone, []string{":2: unknown key check.multiple, ignored\n"}},
		"[[x]]\n[[x]]\ny=1\n":                    {exitDone, []string{":3: unknown key x.y"}},
		"[cmdline]\nappend = 1\n":                {exitFailed, []string{":2: cmdline.append: must be a list of strings\n"}},
		"\n[cmdline]\nappend = ['a', 1]\n":       {exitFailed, []string{":3: "}},
		"[initrd]\n\nflat = 'yes'\n":             {exitFailed, []string{":3: initrd.flat: must be a boolean\n"}},
		"[initrd]\nlimit = '8G'\n":               {exitDone, nil},
		"[initrd]\nlimit = '8 G'\n":              {exitFailed, []string{`:2: initrd.limit: must be a number of bytes such as 512M or 8G, not "8 G"`}},
		"initrd = 7\n":                           {exitFailed, []string{":1: "}},
		"= =":                                    {exitFailed, []string{":1: "}},
		"[hook]\npolicy = 1\n":                   {exitFailed, []string{":2: "}},
		"[hook]\n# no\npolicy = 'on'\n":          {exitFailed, []string{`:3: hook.policy: must be notify, load, off, not "on"`}},
		"[hook]\npolicy = ''\n":                  {exitFailed, []string{`:2: hook.policy: must be`}},
		"\xff = 1":                               {exitFailed, []string{":1: "}},
	} {
		got, dir := configAnswer(t, map[string]string{"kexec-bls.toml": text})
		assert.Equal(t, want.code, got.code, "%q: %s", text, got.stderr)
		assert.Equal(t, len(want.said), strings.Count(got.stderr, "\n"), "%q: %s", text, got.stderr)
		for _, said := range want.said {
			assert.Contains(t, got.stderr, dir+"/kexec-bls.toml"+said, "%q", text)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"1": 1, "3K": 3 << 10, "512M": 512 << 20, "8G": 8 << 30, "1T": 1 << 40} {
		got, err := parseSize(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{"", "0", "-1", "G", "1KK", "1k", "1.5G", "9223372036854775807K", "1 G"} {
		_, err := parseSize(s)
		assert.Error(t, err, s)
	}
}

func TestConfigLargeFile(t *testing.T) {
	got, _ := configAnswer(t, map[string]string{"kexec-bls.toml": strings.Repeat("#", maxConfig+1)})
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "at most")
}

// TestConfigKeysAreDescribed holds what the manual is made from.
func TestConfigKeysAreDescribed(t *testing.T) {
	for _, k := range configKeys() {
		assert.Regexp(t, `^[a-z]+\.[a-z_]+$`, k.Name)
		assert.Regexp(t, `^[A-Z].*\.$`, k.Text, k.Name)
		assert.Contains(t, []reflect.Kind{reflect.Bool, reflect.Slice, reflect.String}, k.value.Kind(), k.Name)
		var c config
		table, name, _ := strings.Cut(k.Name, ".")
		_, err := toml.Decode("["+table+"]\n"+name+" = "+k.Default, &c)
		require.NoError(t, err, "the default of %s is TOML of its type", k.Name)
	}
	c := config{}
	c.complete()
	for _, k := range c.keys() {
		assert.Equal(t, k.Default, k.toml(), k.Name)
	}
}

func TestNearestKey(t *testing.T) {
	for key, want := range map[string]string{
		"cmdline.add": "", "cmdline.appends": "cmdline.append", "hook.polcy": "hook.policy", "check.ingore": "check.ignore",
		"initrd.early-first": "initrd.early_first", "earlyfirst": "initrd.early_first", "policy": "hook.policy", "x": "", "": "", "a.b.c": "",
	} {
		assert.Equal(t, want, nearestKey(key), key)
	}
}

// FuzzTomlLines: each key of a text that the parser takes is found, at a line
// where it can be; and no text makes the scan fail or hang.
func FuzzTomlLines(f *testing.F) {
	for _, seed := range []string{
		"a = 1\n[b]\nc = 'x'\n", "[ a . 'b' ]\n\"c\\u0041\" = [\n1, # ]\n]\n", "a.b = { c = \"}\", d = [[1]] }\n", "[[x]]\n[[x.y]]\nz = 1\n",
		"s = '''\na = 1\n''''\nb = \"\"\"x\\\"\"\"\"\"\nc=1", "a = \"\\\\\"\nb = ''\n", "k = 1979-05-27 07:32:00 # x\nl = +inf", "\"\" = 1\n'=' = 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		index := tomlLines(text)
		var all map[string]any
		meta, err := toml.Decode(text, &all)
		if err != nil {
			return
		}
		lines := strings.Split(text, "\n")
		for _, key := range meta.Keys() {
			line := index.of(key)
			require.True(t, line >= 1 && line <= len(lines), "%s at %d", key, line)
			if name := key[len(key)-1]; strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") == "" && index[key.String()] != 0 {
				assert.Contains(t, lines[line-1], name, "%s", key)
			}
		}
	})
}
