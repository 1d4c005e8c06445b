package finding_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// TestString: what there is not leaves no mark in the line.
func TestString(t *testing.T) {
	for want, f := range map[string]finding.Finding{
		"t [x]":        {ID: "x", Text: "t", Severity: finding.Error, Volume: "root"},
		"m: t [x]":     {ID: "x", Text: "t", Member: "m"},
		"t; h [x]":     {ID: "x", Text: "t", Hint: "h"},
		"m: t; h [x]":  {ID: "x", Text: "t", Hint: "h", Member: "m"},
		"100%d; %s []": {Text: "100%d", Hint: "%s"}, // no format
	} {
		assert.Equal(t, want, f.String())
	}
}

// TestJSONOfAll: the keys are those of the published schema, and nothing is lost.
func TestJSONOfAll(t *testing.T) {
	at := int64(7)
	f := finding.Finding{
		ID: "x", Severity: finding.Warning, Text: "t", Hint: "h", Member: "m", Offset: &at, Stream: true,
		Volume: "root", PCRs: []int{7, 11}, Predicted: "7:sha256=00",
	}
	b, err := json.Marshal(f)
	require.NoError(t, err)
	assert.JSONEq(t, `{"id":"x","severity":"warning","text":"t","hint":"h","member":"m","offset":7,"stream":true,"volume":"root","pcrs":[7,11],"predicted":"7:sha256=00"}`, string(b))
	var back finding.Finding
	require.NoError(t, json.Unmarshal(b, &back))
	assert.Equal(t, f, back)
}

func TestIgnored(t *testing.T) {
	f := finding.Finding{ID: "memory"}
	for _, ids := range [][]finding.ID{{"memory"}, {"x", "memory"}, {finding.All}, {"x", "all"}} {
		assert.True(t, f.Ignored(ids...), ids)
	}
	for _, ids := range [][]finding.ID{nil, {""}, {"mem"}, {"memory2"}, {"Memory"}, {"ALL"}} {
		assert.False(t, f.Ignored(ids...), ids)
	}
}

// TestOfOutermostHint: who wraps an error knows better what to do.
func TestOfOutermostHint(t *testing.T) {
	inner := hint.Errorf("look", "no such device")
	for want, err := range map[string]error{"": errors.New("e"), "look": fmt.Errorf("a: %w", inner), "mount it": hint.Wrap(fmt.Errorf("a: %w", inner), "mount it")} {
		assert.Equal(t, finding.Finding{ID: "x", Severity: finding.Info, Text: err.Error(), Hint: want}, finding.Of("x", finding.Info, err))
	}
}
