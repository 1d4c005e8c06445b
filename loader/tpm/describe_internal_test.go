package tpm

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/tpm/internal/policy"
)

// described is a prediction with one bank: PCR 0 stays, 7 gets a word, 9 two, 11 is not
// known, 15 has no value now.
func described() Prediction {
	var b Bank
	b[0] = PCR{Now: []byte{1}, Next: []byte{1}}
	b[7] = PCR{Now: []byte{2}, Next: []byte{3}, Words: []string{"os-separator"}}
	b[9] = PCR{Now: []byte{4}, Next: []byte{5}, Words: []string{"os-separator", "nvpcr-separator"}}
	b[11] = PCR{Now: []byte{6}, Unknown: "why not"}
	b[15] = PCR{Next: []byte{8}}
	return Prediction{Banks: map[string]Bank{"sha256": b}}
}

func TestListsOfPCRs(t *testing.T) {
	assert.Equal(t, "no PCR", list(nil))
	assert.Equal(t, "PCR 0", list([]int{0}))
	assert.Equal(t, "PCRs 7 and 11", list([]int{7, 11}))
	assert.Equal(t, "PCRs 0, 7 and 23", list([]int{0, 7, 23}))
}

func TestUnion(t *testing.T) {
	a := []int{7, 11}
	assert.Equal(t, []int{0, 7, 11, 15}, union(a, []int{15, 0, 7}))
	assert.Equal(t, []int{7, 11}, a, "what is given stays")
	assert.Equal(t, a, union(a, nil))
	assert.Equal(t, a, union(nil, a))
	assert.Empty(t, union(nil, nil))
}

// TestClausesOfPCRs: each word once, in the order in which it comes.
func TestClausesOfPCRs(t *testing.T) {
	b := described().Banks["sha256"]
	for want, pcrs := range map[string][]int{
		"PCR 0 will be unchanged":                                               {0},
		"PCRs 0 and 11 will be unchanged":                                       {0, 11},
		"PCR 7 will be extended by os-separator":                                {7},
		"PCRs 0 and 7 will be extended by os-separator":                         {0, 7},
		"PCRs 7 and 9 will be extended by os-separator, nvpcr-separator":        {7, 9},
		"PCRs 0, 7, 9 and 11 will be extended by os-separator, nvpcr-separator": {0, 7, 9, 11},
	} {
		assert.Equal(t, want, b.describe(pcrs))
	}
	pcrs := []int{0, 7, 9, 11, 15}
	assert.Equal(t, []int{7, 9, 11, 15}, b.changed(pcrs))
	assert.Equal(t, []int{0, 7, 9, 11, 15}, pcrs, "what is given stays")
}

// TestSelections: of present values one that is missing makes none, of predicted ones
// those are named.
func TestSelections(t *testing.T) {
	p := described()
	s, missing := p.selection("sha256", []int{0, 7, 15})
	assert.Empty(t, missing)
	assert.Equal(t, policy.Selection{Algorithm: 0x000b, Values: map[int][]byte{0: {1}, 7: {3}, 15: {8}}}, s)
	now, ok := p.Banks["sha256"].now(s)
	assert.False(t, ok, "15 has no value now")
	assert.Equal(t, uint16(0x000b), now.Algorithm)
	s, missing = p.selection("sha256", []int{0, 7})
	assert.Empty(t, missing)
	now, ok = p.Banks["sha256"].now(s)
	assert.True(t, ok)
	assert.Equal(t, policy.Selection{Algorithm: 0x000b, Values: map[int][]byte{0: {1}, 7: {2}}}, now)

	_, missing = p.selection("sha256", []int{7, 11, 12})
	assert.Equal(t, []int{11, 12}, missing)
	_, missing = p.selection("sha1", []int{7})
	assert.Equal(t, []int{7}, missing, "no such bank")
	p.Banks["sm3_256"] = p.Banks["sha256"]
	_, missing = p.selection("sm3_256", []int{7})
	assert.Equal(t, []int{7}, missing, "no such algorithm")
	s, missing = p.selection("sha1", nil)
	assert.Empty(t, missing)
	assert.Empty(t, s.Values)
}

// TestUnknowable names the first PCR and why it is not known.
func TestUnknowable(t *testing.T) {
	p := described()
	assert.Equal(t, verdict{state: unknown, bank: "sha256", pcrs: []int{11, 12}, why: "PCR 11 cannot be predicted: why not"}, p.unknowable("sha256", []int{11, 12}))
	assert.Equal(t, verdict{state: unknown, bank: "sha384", pcrs: []int{7}, why: "the PCR bank sha384 cannot be read"}, p.unknowable("sha384", []int{7}))
}

// TestPredictedValues are in the form of systemd-cryptenroll --tpm2-pcrs=.
func TestPredictedValues(t *testing.T) {
	p := described()
	assert.Equal(t, "0:sha256=01+7:sha256=03+15:sha256=08", p.predicted("sha256", []int{0, 7, 11, 15}))
	assert.Empty(t, p.predicted("sha256", []int{11, 12}))
	assert.Empty(t, p.predicted("sha1", []int{0}))
	assert.Empty(t, p.predicted("sha256", nil))
}
