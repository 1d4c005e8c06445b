package tpm

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/tpm/internal/policy"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

// sceneOf has a bank of SHA-256 in which PCR 7 stays, 9 changes and 11 is not known.
func sceneOf() scene {
	var b Bank
	for n := range b {
		b[n] = PCR{Now: []byte{byte(n + 1)}, Next: []byte{byte(n + 1)}}
	}
	b[9].Next, b[9].Words = []byte{99}, []string{"word"}
	b[11].Next, b[11].Unknown = nil, "why not"
	return scene{Prediction: Prediction{Banks: map[string]Bank{"sha256": b}}}
}

// hashOf is the policy of a token for some PCRs, with values of now or of next.
func hashOf(s scene, next bool, pcrs ...int) []byte {
	selection := policy.Selection{Algorithm: 0x000b, Values: map[int][]byte{}}
	for _, n := range pcrs {
		selection.Values[n] = s.Banks["sha256"][n].Now
		if next {
			selection.Values[n] = s.Banks["sha256"][n].Next
		}
	}
	d := policy.Digest{}.PCR(selection)
	return d[:]
}

// TestVerdicts has one token a row, and the whole verdict on it.
func TestVerdicts(t *testing.T) {
	s := sceneOf()
	token := func(hash []byte, pcrs ...int) luks2.TPM2 {
		return luks2.TPM2{Bank: "sha256", PCRs: pcrs, PolicyHashes: [][]byte{hash}}
	}
	wrong, two := []byte("wrong"), token(hashOf(s, true, 7), 7)
	two.PolicyHashes = append(two.PolicyHashes, wrong)
	other := token(hashOf(s, true, 7), 7)
	other.Bank = "sha384"
	withPIN := token(hashOf(s, true, 7), 7)
	withPIN.PIN = true
	pinned := policy.Digest(hashOf(s, true, 7)).AuthValue()
	for name, c := range map[string]struct {
		token luks2.TPM2
		want  verdict
	}{
		"no PCRs":            {token(hashOf(s, true)), verdict{state: opens, bank: "sha256"}},
		"stays":              {token(hashOf(s, true, 7), 7), verdict{state: opens, bank: "sha256", pcrs: []int{7}}},
		"as it will be":      {token(hashOf(s, true, 7, 9), 7, 9), verdict{state: opens, bank: "sha256", pcrs: []int{7, 9}}},
		"as it is now":       {token(hashOf(s, false, 7, 9), 7, 9), verdict{state: closed, bank: "sha256", pcrs: []int{9}, why: "it is bound to present values, and PCR 9 will be extended by word"}},
		"other values":       {token(wrong, 7), verdict{state: closed, bank: "sha256", pcrs: []int{7}, why: "it is bound to other values of PCR 7"}},
		"other, and changes": {token(wrong, 9), verdict{state: closed, bank: "sha256", pcrs: []int{9}, why: "it is bound to other values of PCR 9, and PCR 9 will be extended by word"}},
		"not known":          {token(wrong, 7, 11), verdict{state: unknown, bank: "sha256", pcrs: []int{11}, why: "PCR 11 cannot be predicted: why not"}},
		"another bank":       {other, verdict{state: unknown, bank: "sha384", pcrs: []int{7}, why: "the PCR bank sha384 cannot be read"}},
		"another policy":     {token(wrong), verdict{state: unknown, bank: "sha256", why: "its policy is not the one that it describes"}},
		"two policies":       {two, verdict{state: unknown, why: "its key has 2 policies, where 1 are expected"}},
		"PIN":                {luks2.TPM2{Bank: "sha256", PCRs: []int{7}, PIN: true, PolicyHashes: [][]byte{pinned[:]}}, verdict{state: opens, bank: "sha256", pcrs: []int{7}, pin: true}},
		"PIN not in it":      {withPIN, verdict{state: closed, bank: "sha256", pcrs: []int{7}, pin: true, why: "it is bound to other values of PCR 7"}},
	} {
		assert.Equal(t, c.want, s.tpm2(c.token), name)
	}
}

// TestBankOfOldTokens: SHA-256 where one of the PCRs was extended in it, else SHA-1
// where the TPM has it (tpm2_get_best_pcr_bank()).
func TestBankOfOldTokens(t *testing.T) {
	zero, used := PCR{Now: make([]byte, 32)}, PCR{Now: []byte{1}}
	for name, c := range map[string]struct {
		banks map[string]Bank
		pcrs  []int
		want  string
	}{
		"used":            {map[string]Bank{"sha256": {7: used}, "sha1": {7: used}}, []int{7}, "sha256"},
		"one is used":     {map[string]Bank{"sha256": {0: zero, 7: used}, "sha1": {}}, []int{0, 7}, "sha256"},
		"not used":        {map[string]Bank{"sha256": {0: used, 7: zero}, "sha1": {}}, []int{7}, "sha1"},
		"SHA-1 alone":     {map[string]Bank{"sha1": {}}, []int{7}, "sha1"},
		"SHA-256 alone":   {map[string]Bank{"sha256": {7: zero}}, []int{7}, "sha256"},
		"none":            {nil, []int{7}, "sha256"},
		"bound to no PCR": {map[string]Bank{"sha256": {}, "sha1": {}}, nil, "sha256"},
	} {
		assert.Equal(t, c.want, scene{Prediction: Prediction{Banks: c.banks}}.bank(c.pcrs), name)
	}
	s := sceneOf()
	old := luks2.TPM2{PCRs: []int{7}, PolicyHashes: [][]byte{hashOf(s, true, 7)}}
	assert.Equal(t, verdict{state: opens, bank: "sha256", pcrs: []int{7}}, s.tpm2(old), "a token without a bank")
}

// TestReasonsOfPCRLock: without the file, or with one that cannot be read, nothing is
// certain; where the initrd has none, it does not open.
func TestReasonsOfPCRLock(t *testing.T) {
	const index = `"nvPublic":"AA4BgABCAAsgDgAKAAAAIg=="`
	lock := func(file, without string) verdict {
		s := sceneOf()
		s.pcrlock, s.noPCRLock = []byte(file), without
		_, v := s.locked()
		return v
	}
	values := `{"pcrBank":"sha256","pcrValues":[{"pcr":7,"values":["00","08"]}],` + index + `}`
	assert.Equal(t, verdict{state: opens, bank: "sha256", pcrs: []int{7}}, lock(values, ""))
	assert.Equal(t, verdict{state: closed, bank: "sha256", pcrs: []int{7}, why: "not there"}, lock(values, "not there"))
	assert.Equal(t, verdict{state: unknown, why: "the policy of systemd-pcrlock cannot be read"}, lock("", ""))
	assert.Equal(t, verdict{state: unknown, why: "the policy of systemd-pcrlock cannot be read"}, lock("", "not there"))
	assert.Equal(t, verdict{state: unknown, why: "malformed pcrlock.json: unexpected end of JSON input"}, lock("{", ""))
	assert.Equal(t, verdict{state: unknown, why: "the NV index of systemd-pcrlock cannot be read"}, lock(`{"nvPublic":"AA=="}`, ""))
	assert.Equal(t, verdict{state: opens, bank: "sha256"}, lock(`{"pcrBank":"sha256",`+index+`}`, ""), "an empty policy")
}

// TestTokensOfOtherTypes: what cannot be read may be a TPM's by its type.
func TestTokensOfOtherTypes(t *testing.T) {
	s := sceneOf()
	for kind, want := range map[string]bool{"systemd-tpm2": true, "clevis": true, "systemd-fido2": false, "": false} {
		v, tpm := s.token(luks2.Token{Number: 3, Type: kind, Err: assert.AnError})
		assert.Equal(t, want, tpm, kind)
		assert.Equal(t, verdict{state: unknown, why: "token 3: " + assert.AnError.Error()}, v, kind)
	}
	v, tpm := s.token(luks2.Token{Type: "systemd-recovery"})
	assert.False(t, tpm)
	assert.Equal(t, verdict{}, v)
}

// TestPoliciesOfClevis: the object has its policy, which is that of no PCR, of the
// predicted values, or another one.
func TestPoliciesOfClevis(t *testing.T) {
	s := sceneOf()
	object := func(hash []byte) []byte {
		b := []byte{0, byte(10 + len(hash)), 0, 8, 0, 0x0b, 0, 0, 0, 0x12, 0, byte(len(hash))}
		return append(b, hash...)
	}
	pin := func(public []byte, pcrs ...int) luks2.Pin {
		return luks2.Pin{Name: "tpm2", Bank: "sha256", PCRs: pcrs, Public: public}
	}
	for name, c := range map[string]struct {
		pin  luks2.Pin
		want verdict
	}{
		"none":           {pin(object(nil)), verdict{state: opens, bank: "sha256"}},
		"not described":  {pin(object(hashOf(s, true, 7))), verdict{state: unknown, bank: "sha256", why: "its policy is not the one that it describes"}},
		"as it will be":  {pin(object(hashOf(s, true, 7, 9)), 7, 9), verdict{state: opens, bank: "sha256", pcrs: []int{7, 9}}},
		"as it is now":   {pin(object(hashOf(s, false, 9)), 9), verdict{state: closed, bank: "sha256", pcrs: []int{9}, why: "it is bound to present values, and PCR 9 will be extended by word"}},
		"cannot be read": {pin([]byte{0}, 7), verdict{state: unknown, bank: "sha256", pcrs: []int{7}, why: "the policy of clevis cannot be read"}},
		"of a network":   {luks2.Pin{Name: "tang"}, verdict{state: unknown, why: `clevis has a pin "tang"`}},
	} {
		v, tpm := s.clevis(c.pin)
		assert.Equal(t, c.want, v, name)
		assert.Equal(t, name != "of a network", tpm, name)
	}
	shares := []luks2.Pin{pin(object(hashOf(s, true, 9)), 9), pin(object(hashOf(s, true, 7)), 7), {Name: "tpm2", Bank: "sha1", PCRs: []int{0}, Public: object(nil)}}
	v, _ := s.clevis(luks2.Pin{Name: "sss", Threshold: 2, Pins: shares})
	assert.Equal(t, verdict{state: opens, bank: "sha256", pcrs: []int{7, 9}}, v, "the PCRs of one bank")
	v, _ = s.clevis(luks2.Pin{Name: "sss", Threshold: 4, Pins: shares})
	assert.Equal(t, verdict{state: closed, bank: "sha256", pcrs: []int{7, 9}, why: "too few pins of clevis open"}, v)
}

// TestSignedPoliciesThatAreNotKnown: what the PCRs of a token rule out is closed,
// whatever is signed; and no value of a PCR helps where nothing is signed for it.
func TestSignedPoliciesThatAreNotKnown(t *testing.T) {
	key, err := os.ReadFile("testdata/pub.pem")
	require.NoError(t, err)
	token := luks2.TPM2{Bank: "sha256", PCRs: []int{7}, PublicKey: key, PublicKeyPCRs: []int{11}, PolicyHashes: [][]byte{[]byte("wrong")}}
	s := sceneOf()
	s.unread = "it was not decoded"
	assert.Equal(t, verdict{state: closed, bank: "sha256", pcrs: []int{7, 11}, why: "it is bound to other values of PCR 7"}, s.tpm2(token))
	token.PCRs = []int{11}
	assert.Equal(t, verdict{state: unknown, bank: "sha256", pcrs: []int{11}, why: "it was not decoded"}, s.tpm2(token))
	s.signatures = []byte(`{"sha256":[]}`)
	assert.Equal(t, verdict{state: closed, bank: "sha256", pcrs: []int{11}, why: "the next initrd has no policy of PCR 11 that its key signed"}, s.tpm2(token))
	token.PublicKey = nil
	assert.Equal(t, verdict{state: unknown, why: "the key of its signed policy: not an RSA public key: no PEM"}, s.tpm2(token))
}
