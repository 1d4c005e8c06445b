package initrd

import (
	"os"
	"path/filepath"
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

	found := quoted(t, `\.(?:fault|find|stop|once|fail)\("([a-z0-9-]+)"`)
	found = append(found, quoted(t, `\bid: +"([a-z0-9-]+)"`)...)
	for _, id := range found {
		assert.Contains(t, known, id)
	}
	rules, err := os.ReadFile("report.go")
	require.NoError(t, err)
	var ruled []string
	for _, line := range regexp.MustCompile(`(?m)^\tcase ".*:$`).FindAllString(string(rules), -1) {
		for _, m := range regexp.MustCompile(`"([a-z0-9-]+)"`).FindAllStringSubmatch(line, -1) {
			ruled = append(ruled, m[1])
		}
	}
	slices.Sort(ruled)
	assert.Equal(t, known, ruled, "each has its rule, and no other")
}

func quoted(t *testing.T, pattern string) (found []string) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			found = append(found, m[1])
		}
	}
	require.NotEmpty(t, found)
	return found
}
