package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
)

func TestConfig(t *testing.T) {
	f, _ := newFake(t, nil)
	write(t, f.dir, map[string]string{
		"etc/kexec-bls.toml":                 "[cmdline]\nappend = ['main']\nremove = ['main']\n[initrd]\nflat = true\n",
		"etc/kexec-bls.toml.d/50-site.toml":  "cmdline.append = ['a=\"b\"', 'c']\nhook = { policy = 'load' }\n",
		"usr/lib/kexec-bls.toml.d/40-v.toml": "[check]\nignore = ['vfio']\n",
		"usr/lib/kexec-bls.toml.d/99-v.toml": "[initrd]\nFlat = false\n",
	})
	got := f.run("config")
	assert.Equal(t, exitDone, got.code, got.stderr)
	assert.Empty(t, got.stderr)
	assert.Equal(t, strings.ReplaceAll(`[cmdline]
append = ["a=\"b\"", "c"] # DIR/etc/kexec-bls.toml.d/50-site.toml
remove = ["main"] # DIR/etc/kexec-bls.toml

[initrd]
flat = false # DIR/usr/lib/kexec-bls.toml.d/99-v.toml
early_first = false # default
limit = "" # default

[check]
ignore = ["vfio"] # DIR/usr/lib/kexec-bls.toml.d/40-v.toml

[hook]
policy = "load" # DIR/etc/kexec-bls.toml.d/50-site.toml

[gpu]
modules = [] # default

[tpm]
measured_os = "off" # default

[try]
healthy = [] # default
`, "DIR", f.dir), got.stdout)

	again, _ := newFake(t, nil)
	write(t, again.dir, map[string]string{"etc/kexec-bls.toml": got.stdout})
	var r config.Report
	require.NoError(t, json.Unmarshal([]byte(again.run("config", "--json=short").stdout), &r))
	assert.Equal(t, []any{`a="b"`, "c"}, r.Settings[0].Value, "the output is such a file again")
	assert.Equal(t, again.paths.File, *r.Settings[0].Origin)
}

func TestConfigJSONOfDefaults(t *testing.T) {
	f, _ := newFake(t, nil)
	v := oneObject(t, f.run("config", "--json=short"))
	assert.EqualValues(t, 2, v["schema"])
	settings := v["settings"].([]any)
	standard := config.Default()
	require.Len(t, settings, len(standard.Keys()))
	assert.Equal(t, map[string]any{
		"key": "cmdline.append", "value": []any{}, "origin": nil, "type": "list of strings", "default": "[]",
		"description": "Kernel parameters that are added at the end of every command line.",
	}, settings[0])
}

// TestConfigOfAFlag replaces all other files.
func TestConfigOfAFlag(t *testing.T) {
	f, _ := newFake(t, nil)
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[initrd]\nflat = 'broken'", "mine.toml": "[hook]\npolicy = \"off\"\n"})
	got := f.run("config", "--config="+f.dir+"/mine.toml")
	assert.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stdout, `policy = "off" # `+f.dir+"/mine.toml\n")
	assert.Contains(t, got.stdout, "flat = false # default")
	assert.Equal(t, exitFailed, f.run("config", "--config="+f.dir+"/none").code)
	assert.Contains(t, f.run("config", "--config="+f.dir).stderr, "not a regular file")
}

// TestConfigComplaints: what is not known is a warning, what is wrong an error.
func TestConfigComplaints(t *testing.T) {
	for text, want := range map[string]struct {
		code int
		said string
	}{
		"[hook]\npolcy = 'off'\n":          {exitDone, "warning: FILE: unknown key hook.polcy ignored\n"},
		"[initrd]\nlimit = '8G'\n":         {exitDone, ""},
		"[initrd]\nflat = 'yes'\n":         {exitFailed, "FILE: initrd.flat: must be a boolean\n"},
		"[hook]\n# no\npolicy = 'on'\n":    {exitFailed, "FILE: hook.policy: must be one of notify, load, off; got \"on\"\n"},
		"[cmdline]\nappend = ['a']\n= =\n": {exitFailed, "FILE:3: "},
	} {
		f, _ := newFake(t, nil)
		write(t, f.dir, map[string]string{"etc/kexec-bls.toml": text})
		got := f.run("config")
		assert.Equal(t, want.code, got.code, "%q: %s", text, got.stderr)
		assert.Contains(t, got.stderr, strings.ReplaceAll(want.said, "FILE", f.paths.File), "%q", text)
		assert.Equal(t, want.said == "", got.stderr == "", "%q: %s", text, got.stderr)
	}
}
