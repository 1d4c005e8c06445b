package tpm

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

func TestParsePCRLock(t *testing.T) {
	const good = `{"pcrBank":"sha256","pcrValues":[{"pcr":0,"values":[]},{"pcr":23,"values":["00ff","aa"]}],"nvPublic":""}`
	p, err := parsePCRLock([]byte(good))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 23}, p.pcrs)
	assert.Equal(t, map[int][][]byte{0: {}, 23: {{0, 0xff}, {0xaa}}}, p.values)
	for n := range len(good) {
		_, err := parsePCRLock([]byte(good[:n]))
		require.ErrorIs(t, err, errPCRLock, n)
	}
	for name, text := range map[string]string{
		"PCR 24":   strings.Replace(good, `"pcr":23`, `"pcr":24`, 1),
		"PCR -1":   strings.Replace(good, `"pcr":23`, `"pcr":-1`, 1),
		"repeated": strings.Replace(good, `"pcr":23`, `"pcr":0`, 1),
		"odd hex":  strings.Replace(good, "00ff", "0", 1),
	} {
		p, err := parsePCRLock([]byte(text))
		require.ErrorIs(t, err, errPCRLock, name)
		assert.Empty(t, p.pcrs, name)
	}
}

// TestPCRLockOfUnknownValues: one value that is not allowed decides, whatever is not
// known besides.
func TestPCRLockOfUnknownValues(t *testing.T) {
	var bank Bank
	bank[7].Next, bank[11].Unknown = []byte{7}, "its event log cannot be read"
	p := Prediction{Banks: map[string]Bank{"sha256": bank}}
	for name, tt := range map[string]struct {
		values map[int][][]byte
		pcrs   []int
		want   state
		named  []int
	}{
		"met":                  {map[int][][]byte{7: {{1}, {7}}}, []int{7}, opens, []int{7}},
		"not met":              {map[int][][]byte{7: {{1}}}, []int{7}, closed, []int{7}},
		"not known":            {map[int][][]byte{11: {{1}}}, []int{11}, unknown, []int{11}},
		"met and not known":    {map[int][][]byte{7: {{7}}, 11: {{1}}}, []int{7, 11}, unknown, []int{11}},
		"not met nor known":    {map[int][][]byte{7: {{1}}, 11: {{1}}}, []int{7, 11}, closed, []int{7}},
		"nothing is asked for": {nil, nil, opens, nil},
	} {
		v := pcrlockPolicy{bank: "sha256", pcrs: tt.pcrs, values: tt.values}.check(p)
		assert.Equal(t, tt.want, v.state, name)
		assert.Equal(t, tt.named, v.pcrs, name)
	}
	v := pcrlockPolicy{bank: "sha1", pcrs: []int{7}, values: map[int][][]byte{7: {{7}}}}.check(p)
	assert.Equal(t, unknown, v.state)
	assert.Equal(t, "the PCR bank sha1 cannot be read", v.why)
}

// TestClevisPins: what cannot be read or is of no TPM is never certain, and of a
// threshold the certain ones count.
func TestClevisPins(t *testing.T) {
	open := luks2.Pin{Name: "tpm2", Bank: "sha256", Public: mustPublic(t)}
	unreadable := luks2.Pin{Name: "tpm2", Bank: "sha256", PCRs: []int{7}, Public: []byte{0}}
	tang := luks2.Pin{Name: "tang"}
	sss := func(threshold int, pins ...luks2.Pin) luks2.Pin {
		return luks2.Pin{Name: "sss", Threshold: threshold, Pins: pins}
	}
	for name, tt := range map[string]struct {
		pin  luks2.Pin
		want state
		tpm  bool
	}{
		"no PCRs":                 {open, opens, true},
		"unreadable":              {unreadable, unknown, true},
		"network":                 {tang, unknown, false},
		"one of two, one opens":   {sss(1, open, tang), opens, true},
		"two of two, one opens":   {sss(2, open, tang), unknown, true},
		"three of two":            {sss(3, open, tang), closed, true},
		"nothing of nothing":      {sss(0), unknown, false},
		"network alone":           {sss(1, tang), unknown, false},
		"one in another":          {sss(1, sss(1, open)), opens, true},
		"none in another":         {sss(1, sss(2, open)), closed, true},
		"unreadable beside a net": {sss(1, unreadable, tang), unknown, true},
	} {
		v, tpm := scene{}.clevis(tt.pin)
		assert.Equal(t, tt.want, v.state, name)
		assert.Equal(t, tt.tpm, tpm, name)
		assert.Equal(t, tt.want == opens, v.why == "", name)
	}
}

// mustPublic is the public part of an object without a policy (TPM2B_PUBLIC of a
// sealed object: keyed hash, SHA-256, user with auth).
func mustPublic(t *testing.T) []byte {
	b, err := hex.DecodeString("000e" + "0008" + "000b" + "00000052" + "0000" + "0010" + "0000")
	require.NoError(t, err)
	return b
}
