package luks2

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A Token is a way to open a volume without its passphrase.
type Token struct {
	Number int
	Type   string // "systemd-tpm2", "systemd-fido2", "clevis", ...
	// Slots are the key slots that it opens.
	Slots []int
	// TPM2 is set for a token of type systemd-tpm2, Clevis for one of type clevis;
	// both are nil where Err is set.
	TPM2   *TPM2
	Clevis *Pin
	// Err is why the token cannot be read, nil where it can.
	Err error
}

// A TPM2 is a key that a TPM releases under a policy (systemd-cryptenroll(1)).
type TPM2 struct {
	PCRs []int  // bound by value, sorted
	Bank string // "sha256", ...; "" in tokens of systemd 248: detected at each start
	// PolicyHashes are the digests of the policies, one for each shard of the key.
	// All must be met.
	PolicyHashes [][]byte
	PIN          bool
	// PublicKey is the key that signs policies of PublicKeyPCRs, in PEM; Ref is the
	// reference that they carry.
	PublicKey     []byte
	PublicKeyPCRs []int
	Ref           string
	PCRLock       bool // a policy in an NV index, of systemd-pcrlock(8)
}

// Both are of a header, in cryptsetup.
const maxTokens, maxSlots = 32, 32

var errToken = errors.New("malformed token")

// parseTokens reads the tokens of a JSON area. A token that cannot be read is
// listed with its error: another may still open the volume.
func parseTokens(area []byte) ([]Token, error) {
	var metadata struct {
		Tokens map[string]json.RawMessage `json:"tokens"`
	}
	if err := json.Unmarshal(area, &metadata); err != nil {
		return nil, err
	}
	var tokens []Token
	for key, raw := range metadata.Tokens {
		n, err := strconv.Atoi(key)
		if err != nil || n < 0 || n >= maxTokens || strconv.Itoa(n) != key {
			return nil, fmt.Errorf("token number %q", key)
		}
		t := parseToken(raw)
		t.Number = n
		tokens = append(tokens, t)
	}
	slices.SortStableFunc(tokens, func(a, b Token) int { return a.Number - b.Number })
	return tokens, nil
}

func parseToken(raw []byte) Token {
	var head struct {
		Type  string   `json:"type"`
		Slots []string `json:"keyslots"`
	}
	t := Token{}
	if t.Err = json.Unmarshal(raw, &head); t.Err != nil {
		return t
	}
	t.Type = head.Type
	for _, s := range head.Slots {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n >= maxSlots {
			t.Err = fmt.Errorf("%w: key slot %q", errToken, s)
			return t
		}
		t.Slots = append(t.Slots, n)
	}
	switch head.Type {
	case "systemd-tpm2":
		t.TPM2, t.Err = parseTPM2(raw)
	case "clevis":
		t.Clevis, t.Err = parseClevis(raw)
	}
	return t
}

// tpm2JSON has the keys of a systemd-tpm2 token that a policy depends on.
type tpm2JSON struct {
	PCRs       []int     `json:"tpm2-pcrs"`
	Bank       string    `json:"tpm2-pcr-bank"`
	Hash       oneOrMore `json:"tpm2-policy-hash"`
	PIN        bool      `json:"tpm2-pin"`
	PubkeyPCRs []int     `json:"tpm2_pubkey_pcrs"`
	Pubkey     []byte    `json:"tpm2_pubkey"`
	PubkeyRef  string    `json:"tpm2_pubkey_ref"`
	PCRLock    bool      `json:"tpm2_pcrlock"`
}

func parseTPM2(raw []byte) (*TPM2, error) {
	var j tpm2JSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return nil, fmt.Errorf("%w: %w", errToken, err)
	}
	t := &TPM2{Bank: j.Bank, PIN: j.PIN, PublicKey: j.Pubkey, Ref: j.PubkeyRef, PCRLock: j.PCRLock}
	var ok, okKey bool
	if t.PCRs, ok = pcrSet(j.PCRs); !ok {
		return nil, fmt.Errorf("%w: tpm2-pcrs %v", errToken, j.PCRs)
	}
	if t.PublicKeyPCRs, okKey = pcrSet(j.PubkeyPCRs); !okKey {
		return nil, fmt.Errorf("%w: tpm2_pubkey_pcrs %v", errToken, j.PubkeyPCRs)
	}
	for _, s := range j.Hash {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) == 0 {
			return nil, fmt.Errorf("%w: tpm2-policy-hash %q", errToken, s)
		}
		t.PolicyHashes = append(t.PolicyHashes, b)
	}
	if len(t.PolicyHashes) == 0 {
		return nil, fmt.Errorf("%w: no tpm2-policy-hash", errToken)
	}
	return t, nil
}

// oneOrMore is a string or an array of them, as keys are that may be sharded.
type oneOrMore []string

func (s *oneOrMore) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(s))
	}
	*s = make(oneOrMore, 1)
	return json.Unmarshal(b, &(*s)[0])
}

// pcrSet sorts PCRs and takes repeated ones out; it is false where one is not of
// 0 to 23.
func pcrSet(pcrs []int) ([]int, bool) {
	set := slices.Clone(pcrs)
	slices.Sort(set)
	set = slices.Compact(set)
	return set, len(set) == 0 || set[0] >= 0 && set[len(set)-1] < 24
}

// base64URL decodes base64url with or without padding.
func base64URL(s string) ([]byte, error) {
	for len(s) > 0 && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	return base64.RawURLEncoding.DecodeString(s)
}

// Slots are the key slots of the tokens of systemd-cryptenroll that have one policy.
func (h Header) Slots(policy []byte) []int {
	var slots []int
	for _, t := range h.Tokens {
		if t.TPM2 != nil && len(t.TPM2.PolicyHashes) == 1 && bytes.Equal(t.TPM2.PolicyHashes[0], policy) {
			slots = append(slots, t.Slots...)
		}
	}
	return slots
}
