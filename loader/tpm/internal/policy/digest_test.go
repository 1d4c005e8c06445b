package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// digestOf is the digest of some parts, each in hexadecimal.
func digestOf(t testing.TB, parts ...string) Digest {
	t.Helper()
	h := sha256.New()
	for _, p := range parts {
		b, err := hex.DecodeString(p)
		require.NoError(t, err, p)
		h.Write(b)
	}
	return Digest(h.Sum(nil))
}

// zeros is the policy digest of a session that has just begun.
var zeros = hex.EncodeToString(make([]byte, sha256.Size))

// TestPCRSelections has the TPML_PCR_SELECTION of each: one bank, its algorithm, three
// bytes of bitmap, the lowest PCR in the lowest bit of the first.
func TestPCRSelections(t *testing.T) {
	for name, c := range map[string]struct {
		algorithm uint16
		pcrs      []int
		selection string
	}{
		"first":            {0x000b, []int{0}, "00000001" + "000b" + "03" + "010000"},
		"last of a byte":   {0x000b, []int{7}, "00000001" + "000b" + "03" + "800000"},
		"first of another": {0x000b, []int{8}, "00000001" + "000b" + "03" + "000100"},
		"last":             {0x000b, []int{23}, "00000001" + "000b" + "03" + "000080"},
		"some":             {0x000b, []int{0, 2, 9, 15, 16}, "00000001" + "000b" + "03" + "058201"},
		"SHA-1":            {0x0004, []int{7}, "00000001" + "0004" + "03" + "800000"},
		"SHA-512":          {0x000d, []int{11}, "00000001" + "000d" + "03" + "000800"},
	} {
		s, values := Selection{Algorithm: c.algorithm, Values: map[int][]byte{}}, []byte(nil)
		for _, n := range c.pcrs { // ascending
			s.Values[n] = bytes.Repeat([]byte{byte(n + 1)}, sha256.Size)
			values = append(values, s.Values[n]...)
		}
		sum := sha256.Sum256(values)
		want := digestOf(t, zeros, "0000017f", c.selection, hex.EncodeToString(sum[:]))
		assert.Equal(t, text(want), text(Digest{}.PCR(s)), name)
	}
}

// TestDigestsContinue: each command hashes the digest before it, but for the two that
// put an approved policy in its place.
func TestDigestsContinue(t *testing.T) {
	first := Selection{Algorithm: 0x000b, Values: map[int][]byte{7: {1}}}
	second := Selection{Algorithm: 0x000b, Values: map[int][]byte{11: {2}}}
	one := Digest{}.PCR(first)
	values := sha256.Sum256([]byte{2})
	want := digestOf(t, text(one), "0000017f", "00000001000b03000800", hex.EncodeToString(values[:]))
	assert.Equal(t, want, one.PCR(second))
	assert.NotEqual(t, one.PCR(second), Digest{}.PCR(second).PCR(first), "the order counts")
	assert.Equal(t, digestOf(t, text(one), "0000016b"), one.AuthValue())
	assert.Equal(t, one, one.PCR(Selection{Algorithm: 0x000b}), "no PCR is no command")
	assert.Equal(t, one, Digest{}.PCR(first), "the digest before is not changed")
}

// TestApprovedPolicies: PolicyUpdate hashes from zero, the name first and then, in a
// second hash, the reference (Part 3, PolicyUpdate).
func TestApprovedPolicies(t *testing.T) {
	name := bytes.Repeat([]byte{0xab}, 34)
	first := digestOf(t, zeros, "0000016a", hex.EncodeToString(name))
	assert.Equal(t, digestOf(t, text(first)), Authorize(name, ""), "without a reference too it is hashed twice")
	assert.Equal(t, digestOf(t, text(first), hex.EncodeToString([]byte("initrd"))), Authorize(name, "initrd"))
	assert.Equal(t, digestOf(t, zeros, "00000192", hex.EncodeToString(name)), AuthorizeNV(name))
}
