package policy

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ErrSignatures is the error of a malformed tpm2-pcr-signature.json.
var ErrSignatures = errors.New("malformed PCR signatures")

// maxSignatures bounds a file: each takes time to verify. A UKI has some for each
// phase and bank.
const maxSignatures = 1024

// A Signature approves a policy (systemd-measure(1)).
type Signature struct {
	PCRs        []int  // sorted
	Fingerprint string // of the key, in lower-case hexadecimal
	Policy      Digest
	Ref         string
	Sig         []byte
}

// ParseSignatures reads a tpm2-pcr-signature.json, which is also the section
// .pcrsig: signatures by bank. An entry that no key could have made is an error.
func ParseSignatures(b []byte) (map[string][]Signature, error) {
	var file map[string][]struct {
		PCRs   []int  `json:"pcrs"`
		PKFP   string `json:"pkfp"`
		Policy string `json:"pol"`
		Ref    string `json:"ref"`
		Sig    string `json:"sig"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignatures, err)
	}
	banks, all := map[string][]Signature{}, 0
	for bank, entries := range file {
		if all += len(entries); all > maxSignatures {
			return nil, fmt.Errorf("%w: more than %d", ErrSignatures, maxSignatures)
		}
		for i, e := range entries {
			pol, err := hex.DecodeString(e.Policy)
			if err != nil || len(pol) != sha256.Size {
				return nil, fmt.Errorf("%w: %s: entry %d: no SHA-256 policy", ErrSignatures, bank, i)
			}
			sig, err := base64.StdEncoding.DecodeString(e.Sig)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: entry %d: %w", ErrSignatures, bank, i, err)
			}
			pkfp, err := hex.DecodeString(e.PKFP)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: entry %d: %w", ErrSignatures, bank, i, err)
			}
			set := slices.Compact(slices.Sorted(slices.Values(e.PCRs)))
			if len(set) > 0 && (set[0] < 0 || set[len(set)-1] >= pcrs) {
				return nil, fmt.Errorf("%w: %s: entry %d: PCRs %v", ErrSignatures, bank, i, e.PCRs)
			}
			banks[bank] = append(banks[bank], Signature{set, hex.EncodeToString(pkfp), Digest(pol), e.Ref, sig})
		}
	}
	return banks, nil
}

// Signatures are those of the given ones that the key made for a sorted set of PCRs
// and a reference.
func (k Key) Signatures(all []Signature, set []int, ref string) []Signature {
	var found []Signature
	for _, s := range all {
		if slices.Equal(s.PCRs, set) && s.Ref == ref && k.verify(s) {
			found = append(found, s)
		}
	}
	return found
}

// verify reports whether the key made the signature, as TPM2_VerifySignature
// does: RSASSA over the SHA-256 of policy and reference.
func (k Key) verify(s Signature) bool {
	if s.Fingerprint != hex.EncodeToString(k.Fingerprint[:]) {
		return false
	}
	digest := sha256.Sum256(append(s.Policy[:], s.Ref...))
	return rsa.VerifyPKCS1v15(k.key, crypto.SHA256, digest[:], s.Sig) == nil
}
