package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// object is a JSON object as another program wrote it.
type object = map[string]any

func objects(t *testing.T, text string) []object {
	t.Helper()
	var list []object
	require.NoError(t, json.Unmarshal([]byte(text), &list))
	return list
}

// caseArgs are the flags for a case with its partitions below dir.
func caseArgs(dir string) []string {
	args := []string{"list", "--json=short", "--esp-path=" + filepath.Join(dir, "esp")}
	if _, err := os.Stat(filepath.Join(dir, "xbootldr")); err == nil {
		args = append(args, "--boot-path="+filepath.Join(dir, "xbootldr"))
	}
	return args
}

// TestOracleBootctl holds list --json against bootctl 262: every entry that it
// lists, with the same fields, in the same order. Left out is what follows the
// boot loader instead, and the addons that bootctl shows for plain kernels.
func TestOracleBootctl(t *testing.T) {
	corpus := fixtures.Corpus(t, "bootctl-262.tar.zst")
	cases, err := os.ReadDir(corpus)
	require.NoError(t, err)
	compared := 0
	for _, c := range cases {
		dir := filepath.Join(corpus, c.Name())
		want, err := os.ReadFile(filepath.Join(dir, "expect.json"))
		said, _ := os.ReadFile(filepath.Join(dir, "expect.err"))
		if err != nil || len(want) == 0 || strings.Contains(string(said), "rc=") {
			continue // bootctl itself failed
		}
		f, _ := newFake(t, nil)
		f.efivars = filepath.Join(dir, "efivars")
		got := f.run(caseArgs(dir)...)
		require.Equal(t, exitDone, got.code, "%s: %s", c.Name(), got.stderr)
		compare(t, c.Name(), objects(t, strings.ReplaceAll(string(want), "/kbls/", dir+"/")), objects(t, got.stdout))
		compared++
	}
	require.Greater(t, compared, 300)
}

func compare(t *testing.T, name string, want, got []object) {
	key := func(e object) string {
		profile, _ := e["profile"].(float64)
		return e["path"].(string) + "@" + string(rune('0'+int(profile)))
	}
	have := map[string]object{}
	for _, e := range got {
		have[key(e)] = e
	}
	var wanted, listed []string
	upper := false
	for _, w := range want {
		if w["type"] != "type1" && w["type"] != "type2" {
			continue
		}
		g := have[key(w)]
		require.NotNil(t, g, "%s: %s is missing", name, key(w))
		compareFields(t, name, w, g, len(want) == len(got))
		wanted = append(wanted, key(w))
		upper = upper || w["id"] != bls.FoldID(w["id"].(string))
	}
	for _, g := range got {
		if slices.Contains(wanted, key(g)) {
			listed = append(listed, key(g))
		}
	}
	if !upper { // there the two programs differ
		assert.Equal(t, wanted, listed, "%s: order", name)
	}
}

func compareFields(t *testing.T, name string, want, got object, sameCount bool) {
	for k, v := range want {
		profile, _ := want["profile"].(float64)
		switch {
		case k == "isDefault", k == "isSelected", k == "isReported":
		case (k == "addons" || k == "cmdline") && want["type"] == "type1":
		case k == "id" && profile == 0 && strings.Contains(v.(string), "@"):
		case k == "showTitle" && !sameCount:
		default:
			assert.Equal(t, v, got[k], "%s: %s: %s", name, want["id"], k)
		}
	}
}

// A bootCase is a disk, and what systemd-boot brought up from it.
type bootCase struct {
	Files  map[string]map[string]string `json:"files"`
	Vars   map[string]string            `json:"vars"`
	Booted *struct {
		Options string `json:"options"`
	} `json:"booted"`
}

// TestOracleSystemdBoot holds the default against what systemd-boot 262 really
// booted, told by the word entry= on the command line.
func TestOracleSystemdBoot(t *testing.T) {
	data, err := fs.ReadFile(fixtures.Oracle(t), "sdboot-262.json")
	require.NoError(t, err)
	var cases []bootCase
	require.NoError(t, json.Unmarshal(data, &cases))
	require.Greater(t, len(cases), 100)
	for i, c := range cases {
		f, esp := newFake(t, nil)
		dir := filepath.Dir(esp)
		c.lay(t, f, dir)
		got := f.run(caseArgs(dir)...)
		require.Equal(t, exitDone, got.code, got.stderr)
		var chosen []string
		for _, e := range objects(t, got.stdout) {
			if e["isDefault"] == true && (e["type"] == "type1" || e["type"] == "type2") {
				options, _ := e["options"].(string)
				chosen = append(chosen, entryWord(options))
			}
		}
		var want []string
		if c.Booted != nil {
			want = []string{entryWord(c.Booted.Options)}
		}
		assert.Equal(t, want, chosen, "case %d: vars %v loader.conf %q", i, c.Vars, c.Files["esp"]["loader/loader.conf"])
	}
}

func entryWord(options string) string { return regexp.MustCompile(`entry=\S+`).FindString(options) }

func (c bootCase) lay(t *testing.T, f *fake, dir string) {
	counter := regexp.MustCompile(`\+\d+(-\d+)?\.conf$`)
	var ids []string
	for part, files := range c.Files {
		laid := map[string]string{"app.efi": "MZ"}
		for name, text := range files {
			if pooled, ok := strings.CutPrefix(text, "@pool/"); ok {
				b, err := fs.ReadFile(fixtures.Oracle(t), "sdboot-262.json.pool/"+pooled)
				require.NoError(t, err)
				text = string(b)
			}
			laid[name] = text
			if strings.Contains(name, "/entries/") {
				ids = append(ids, bls.FoldID(counter.ReplaceAllString(path.Base(name), ".conf")))
			}
		}
		write(t, filepath.Join(dir, part), laid)
	}
	slices.Sort(ids)
	for name, text := range c.Vars {
		f.setVar(t, name, text)
	}
	f.setVar(t, "LoaderInfo", "systemd-boot 262")
	f.setVar(t, "LoaderEntries", strings.Join(append(slices.Compact(ids), "auto-reboot-to-firmware-setup"), "\x00"))
}
