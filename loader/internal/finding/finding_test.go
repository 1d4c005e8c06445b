package finding_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

func TestErrorsLeavesOutWhatIsIgnored(t *testing.T) {
	found := []finding.Finding{
		{ID: "a", Severity: finding.Info}, {ID: "b", Severity: finding.Error}, {ID: "c", Severity: finding.Warning}, {ID: "d", Severity: finding.Error},
	}
	assert.Equal(t, []finding.Finding{found[1], found[3]}, finding.Errors(found))
	assert.Equal(t, []finding.Finding{found[3]}, finding.Errors(found, "b"))
	assert.Empty(t, finding.Errors(found, finding.All))
}

func TestSortKeepsOrderWithinASeverity(t *testing.T) {
	found := []finding.Finding{{ID: "i", Severity: finding.Info}, {ID: "w1", Severity: finding.Warning}, {ID: "e", Severity: finding.Error}, {ID: "w2", Severity: finding.Warning}}
	finding.Sort(found)
	var ids []finding.ID
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	assert.Equal(t, []finding.ID{"e", "w1", "w2", "i"}, ids)
}

func TestStringNamesMemberHintAndID(t *testing.T) {
	f := finding.Finding{ID: "parent", Severity: finding.Error, Text: "a/b has no directory a", Hint: "list directories first", Member: "/boot/x.img"}
	assert.Equal(t, "/boot/x.img: a/b has no directory a; list directories first [parent]", f.String())
}

func TestJSONHasOffsetZeroAndOmitsNoOffset(t *testing.T) {
	zero := int64(0)
	b, err := json.Marshal([]finding.Finding{{ID: "x", Severity: finding.Error, Text: "t", Offset: &zero}, {ID: "y", Severity: finding.Info, Text: "u"}})
	require.NoError(t, err)
	assert.JSONEq(t, `[{"id":"x","severity":"error","text":"t","offset":0},{"id":"y","severity":"info","text":"u"}]`, string(b))
}

// TestOfAnError: the cause and what to do about it are apart.
func TestOfAnError(t *testing.T) {
	f := finding.Of("x", finding.Warning, fmt.Errorf("file: %w", hint.Errorf("mount it", "no such device")))
	assert.Equal(t, finding.Finding{ID: "x", Severity: finding.Warning, Text: "file: no such device", Hint: "mount it"}, f)
}

func TestSortTopics(t *testing.T) {
	topics := []finding.Topic{{ID: "b", About: "1"}, {ID: "a"}, {ID: "b", About: "2"}, {ID: "B"}}
	finding.SortTopics(topics)
	assert.Equal(t, []finding.Topic{{ID: "B"}, {ID: "a"}, {ID: "b", About: "1"}, {ID: "b", About: "2"}}, topics)
}
