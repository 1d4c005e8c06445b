package preflight

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTopicsAreAllIDs reads the sources, because an ID in a branch that no
// test enters needs its line in the table too.
func TestTopicsAreAllIDs(t *testing.T) {
	var known []string
	for _, topic := range Topics() {
		known = append(known, topic.ID)
		assert.NotEmpty(t, topic.About)
		assert.False(t, strings.HasSuffix(topic.About, "."), topic.About)
	}
	assert.True(t, slices.IsSorted(known))
	used := sourceIDs(t)
	for _, d := range drivers() { // d.id
		used = append(used, d.id)
	}
	slices.Sort(used)
	assert.Equal(t, slices.Compact(used), known)
}

func sourceIDs(t *testing.T) []string {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	finding := regexp.MustCompile(`(?:\bFinding\{\{?|\badd\()\s*([^,\s{}]+),`)
	constant := regexp.MustCompile(`\b(?:id|signatureID)\b[ ,a-z]*= ("[^"]+")`)
	var found []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range append(finding.FindAllStringSubmatch(string(text), -1), constant.FindAllStringSubmatch(string(text), -1)...) {
			if id, quoted := strings.CutPrefix(m[1], `"`); quoted {
				found = append(found, strings.TrimSuffix(id, `"`))
				continue
			}
			if strings.HasPrefix(m[0], "add(") && name == "hibernate.go" {
				continue // swap spaces
			}
			require.Contains(t, []string{"id", "d.id", "signatureID"}, m[1], "%s: an ID that this test cannot follow", name)
		}
	}
	return found
}

// TestManualHasEveryMachineKey holds kexec-bls.toml(5) to the table of machines.
func TestManualHasEveryMachineKey(t *testing.T) {
	text, err := os.ReadFile("../../cmd/kexec-bls/dist/man/kexec-bls.toml.5")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(text), ".Sh MACHINES")
	section, _, _ = strings.Cut(section, ".Sh ")
	var documented, keys []string
	for _, m := range regexp.MustCompile(`(?m)^\.It Va (.*)$`).FindAllStringSubmatch(section, -1) {
		documented = append(documented, strings.Split(m[1], " , ")...)
	}
	row := reflect.TypeFor[known]()
	for i := range row.NumField() {
		keys = append(keys, row.Field(i).Tag.Get("toml"))
	}
	assert.ElementsMatch(t, keys, documented)
}
