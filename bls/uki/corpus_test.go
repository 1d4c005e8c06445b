package uki_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A listed entry is what bootctl prints of a UKI's profile.
type listed struct {
	Type, Path, Title, Version, SortKey, Uname, Options string
	Profile                                             int
}

// TestBootctlCorpus holds the fields of every Type #2 entry in the corpus, and
// which images are no entries, against bootctl 262.
func TestBootctlCorpus(t *testing.T) {
	dir := fixtures.Corpus(t, "bootctl-262.tar.zst")
	images, entries := 0, 0
	for _, c := range glob(t, dir, "*") {
		want, ok := bootctlSays(t, c)
		if !ok {
			continue
		}
		for _, path := range glob(t, c, "*", "EFI", "Linux", "*") {
			name := strings.ToLower(filepath.Base(path))
			if !strings.HasSuffix(name, ".efi") || badName(t, c, path) {
				continue
			}
			key := "/kbls" + strings.TrimPrefix(path, c)
			assert.Equal(t, want[key], list(t, path, key), path)
			images++
			entries += len(want[key])
		}
	}
	assert.Greater(t, images, 200)
	assert.Greater(t, entries, 200)
}

// bootctlSays returns the Type #2 entries of a case by path; false where
// bootctl printed nothing because of something else in the case.
func bootctlSays(t *testing.T, c string) (map[string][]listed, bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c, "expect.json"))
	require.NoError(t, err)
	var all []listed
	if json.Unmarshal(text, &all) != nil {
		return nil, false
	}
	by := make(map[string][]listed)
	for _, e := range all {
		if e.Type == "type2" {
			by[e.Path] = append(by[e.Path], e)
		}
	}
	for _, es := range by {
		sortProfiles(es)
	}
	return by, true
}

// badName says whether bootctl refused the file for its name.
func badName(t *testing.T, c, path string) bool {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(c, "expect.err"))
	require.NoError(t, err)
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "tries counters") && strings.Contains(line, filepath.Base(path)) {
			return true
		}
	}
	return false
}

// list reads the file as bootctl does. No entries: it is not to be listed.
func list(t *testing.T, path, key string) []listed {
	t.Helper()
	m := open(t, path)
	if m == nil || m.Check() != nil || !m.IsUKI(uki.MachineX64) {
		return nil
	}
	var found []listed
	for n := range m.Profiles() {
		p, err := m.Profile(n)
		require.NoError(t, err)
		osrel, err := p.Text(".osrel")
		require.NoError(t, err)
		names, err := uki.ParseOSRelease(osrel)
		if err != nil {
			require.ErrorIs(t, err, uki.ErrNoName)
			continue
		}
		e := listed{Type: "type2", Path: key, Profile: n, Version: names.Version, SortKey: names.SortKey}
		e.Title = names.Name + suffix(p)
		e.Uname = trimmed(t, p, ".uname")
		e.Options = trimmed(t, p, ".cmdline")
		found = append(found, e)
	}
	return found
}

// suffix is what bootctl puts behind the title of a profile.
func suffix(p uki.Profile) string {
	switch {
	case p.Title != "":
		return " (" + p.Title + ")"
	case p.ID != "":
		return " (" + p.ID + ")"
	case p.Number > 0:
		return fmt.Sprintf(" (@%d)", p.Number)
	}
	return ""
}

func trimmed(t *testing.T, p uki.Profile, name string) string {
	t.Helper()
	text, err := p.Text(name)
	require.NoError(t, err)
	return strings.Trim(text, " \t\r\n")
}

// open returns nil for a file that is no PE image.
func open(t *testing.T, path string) *uki.Image {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	m, err := uki.Open(bytes.NewReader(b), int64(len(b)))
	require.Equal(t, m == nil, err != nil)
	return m
}

func glob(t *testing.T, elem ...string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(elem...))
	require.NoError(t, err)
	return found
}

func sortProfiles(es []listed) {
	slices.SortFunc(es, func(a, b listed) int { return a.Profile - b.Profile })
}
