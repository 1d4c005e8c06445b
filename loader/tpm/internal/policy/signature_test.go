package policy

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signer is a key that can sign, and what ParseKey makes of its public part.
func signer(t *testing.T) (*rsa.PrivateKey, Key) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	key, err := ParseKey(publicPEM(t, &private.PublicKey))
	require.NoError(t, err)
	return private, key
}

// sign approves a policy for PCR 11, as systemd-measure does.
func sign(t *testing.T, private *rsa.PrivateKey, key Key, policy Digest, ref string) Signature {
	t.Helper()
	digest := sha256.Sum256(append(policy[:], ref...))
	sig, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	require.NoError(t, err)
	return Signature{PCRs: []int{11}, Fingerprint: hex.EncodeToString(key.Fingerprint[:]), Policy: policy, Ref: ref, Sig: sig}
}

// TestSignaturesOfAReference: the reference is signed with the policy and asked for.
func TestSignaturesOfAReference(t *testing.T) {
	private, key := signer(t)
	plain, initrd := sign(t, private, key, Digest{1}, ""), sign(t, private, key, Digest{1}, "initrd")
	second := sign(t, private, key, Digest{2}, "")
	all := []Signature{second, initrd, plain}
	assert.Equal(t, []Signature{second, plain}, key.Signatures(all, []int{11}, ""), "in the order of the file")
	assert.Equal(t, []Signature{initrd}, key.Signatures(all, []int{11}, "initrd"))
	assert.Empty(t, key.Signatures(all, []int{11}, "system"))
	initrd.Ref = ""
	assert.Empty(t, key.Signatures([]Signature{initrd}, []int{11}, ""), "a reference cannot be taken off")
}

// TestSignaturesOfOtherKinds are none that TPM2_VerifySignature takes for this key.
func TestSignaturesOfOtherKinds(t *testing.T) {
	private, key := signer(t)
	other, otherKey := signer(t)
	good := sign(t, private, key, Digest{1}, "")
	require.Len(t, key.Signatures([]Signature{good}, []int{11}, ""), 1)
	assert.Empty(t, otherKey.Signatures([]Signature{good}, []int{11}, ""), "another key's")
	assert.Empty(t, key.Signatures([]Signature{sign(t, other, key, Digest{1}, "")}, []int{11}, ""), "another key's under this one's fingerprint")
	assert.Empty(t, otherKey.Signatures([]Signature{sign(t, private, otherKey, Digest{1}, "")}, []int{11}, ""))
	for _, set := range [][]int{nil, {7}, {7, 11}, {11, 12}} {
		assert.Empty(t, key.Signatures([]Signature{good}, set, ""), "for PCRs %v", set)
	}
	digest := sha256.Sum256(good.Policy[:])
	pss := good
	var err error
	pss.Sig, err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], nil)
	require.NoError(t, err)
	assert.Empty(t, key.Signatures([]Signature{pss}, []int{11}, ""), "RSAPSS")
	pss.Sig, err = rsa.SignPKCS1v15(nil, private, 0, digest[:])
	require.NoError(t, err)
	assert.Empty(t, key.Signatures([]Signature{pss}, []int{11}, ""), "without the name of the hash")
}

// entry is one of tpm2-pcr-signature.json.
func entry(pcrs, pkfp, pol, sig string) string {
	return fmt.Sprintf(`{"pcrs":[%s],"pkfp":%q,"pol":%q,"sig":%q}`, pcrs, pkfp, pol, sig)
}

// TestSignaturesAreRead with all that they have; what else is there is left alone.
func TestSignaturesAreRead(t *testing.T) {
	pol := strings.Repeat("0A", 32)
	want := Digest{}
	for n := range want {
		want[n] = 10
	}
	text := `{"sha1":[],"sha256":[` + entry("11,7,7,0,23", "00FF", pol, base64.StdEncoding.EncodeToString([]byte{1, 2})) + `,` +
		`{"pcrs":[],"pkfp":"","pol":"` + pol + `","ref":"initrd","sig":"","more":1}],"x":null}`
	banks, err := ParseSignatures([]byte(text))
	require.NoError(t, err)
	assert.Equal(t, map[string][]Signature{"sha256": {
		{PCRs: []int{0, 7, 11, 23}, Fingerprint: "00ff", Policy: want, Sig: []byte{1, 2}},
		{PCRs: nil, Policy: want, Ref: "initrd", Sig: []byte{}},
	}}, banks)
	for n := range len(text) {
		banks, err := ParseSignatures([]byte(text[:n]))
		require.ErrorIs(t, err, ErrSignatures, n)
		require.Nil(t, banks)
	}
}

// TestErrorsOfSignatures name the bank and the entry.
func TestErrorsOfSignatures(t *testing.T) {
	pol := strings.Repeat("00", 32)
	good := entry("11", "", pol, "")
	for bad, want := range map[string]string{
		entry("11", "", pol[:62], ""):       "no SHA-256 policy",
		entry("11", "", pol+"00", ""):       "no SHA-256 policy",
		entry("11", "", pol[:63]+"g", ""):   "no SHA-256 policy",
		entry("11", "", pol, "AA"):          "illegal base64 data",
		entry("11", "", pol, "_-=="):        "illegal base64 data",
		entry("11", "0", pol, ""):           "encoding/hex: odd length",
		entry("0,24", "", pol, ""):          "PCRs [0 24]",
		entry("23,-1", "", pol, ""):         "PCRs [23 -1]",
		entry("4294967296,11", "", pol, ""): "PCRs [4294967296 11]",
	} {
		_, err := ParseSignatures([]byte(`{"sha384":[` + good + `,` + bad + `]}`))
		require.ErrorIs(t, err, ErrSignatures, bad)
		assert.ErrorContains(t, err, "malformed PCR signatures: sha384: entry 1: "+want)
	}
}

// TestNumberOfSignatures is bounded over all banks of a file.
func TestNumberOfSignatures(t *testing.T) {
	list := func(n int) []json.RawMessage {
		all := make([]json.RawMessage, n)
		for i := range all {
			all[i] = json.RawMessage(entry("11", "", strings.Repeat("00", 32), ""))
		}
		return all
	}
	for second, fits := range map[int]bool{maxSignatures - 24: true, maxSignatures - 23: false} {
		text, err := json.Marshal(map[string][]json.RawMessage{"sha1": list(24), "sha256": list(second)})
		require.NoError(t, err)
		banks, err := ParseSignatures(text)
		if fits {
			require.NoError(t, err)
			assert.Len(t, banks["sha256"], second)
			continue
		}
		assert.EqualError(t, err, "malformed PCR signatures: more than 1024")
	}
}
