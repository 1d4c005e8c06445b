package preflight

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A token is a way to open a LUKS2 device without typing its passphrase.
type token struct {
	Type string // "systemd-tpm2", "systemd-fido2", "clevis", ...
	// PCRs are those that the TPM holds the key against, where TPM is. Lock reports
	// that a policy of systemd-pcrlock does it, which covers boot loader and
	// kernel.
	TPM  bool
	PCRs []int
	Lock bool
}

var errLUKS = errors.New("malformed LUKS2 header")

// The header (LUKS2 On-Disk Format Specification, 2): a binary part of 4096
// bytes, then JSON up to the header's size, NULs after it.
const (
	luksMagic  = "LUKS\xba\xbe"
	luksBinary = 4096
	luksMax    = 4 << 20 // the largest that the specification allows
)

// luksSize is the size of the whole header, by its first bytes; 0 for LUKS1
// and for what is no LUKS.
func luksSize(head []byte) int64 {
	if len(head) < 16 || string(head[:6]) != luksMagic || binary.BigEndian.Uint16(head[6:]) != 2 {
		return 0
	}
	size := binary.BigEndian.Uint64(head[8:])
	if size <= luksBinary || size > luksMax {
		return 0
	}
	return int64(size)
}

// parseTokens reads the tokens out of the JSON of a header. On error there are
// none.
func parseTokens(area []byte) ([]token, error) {
	if end := bytes.IndexByte(area, 0); end >= 0 {
		area = area[:end]
	}
	var header struct {
		Tokens map[string]luksToken `json:"tokens"`
	}
	if err := json.Unmarshal(area, &header); err != nil {
		return nil, fmt.Errorf("%w: %w", errLUKS, err)
	}
	keys := make([]string, 0, len(header.Tokens))
	for key := range header.Tokens {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var tokens []token
	for _, key := range keys {
		tokens = append(tokens, header.Tokens[key].token())
	}
	return tokens, nil
}

// luksToken is the JSON of a token, as systemd-cryptenroll and clevis write it.
type luksToken struct {
	Type string `json:"type"`
	PCRs []int  `json:"tpm2-pcrs"`
	// PublicKeyPCRs are those that a signed policy names.
	PublicKeyPCRs []int `json:"tpm2_pubkey_pcrs"`
	PCRLock       bool  `json:"tpm2_pcrlock"`
	JWE           struct {
		Protected string `json:"protected"`
	} `json:"jwe"`
}

func (t luksToken) token() token {
	switch t.Type {
	case "systemd-tpm2":
		return token{t.Type, true, sorted(append(slices.Clone(t.PCRs), t.PublicKeyPCRs...)), t.PCRLock}
	case "clevis":
		return t.clevis()
	}
	return token{Type: t.Type}
}

// clevis reads the pin of a clevis token: {"clevis":{"pin":"tpm2","tpm2":
// {"pcr_ids":"7,8"}}} in base64url.
func (t luksToken) clevis() token {
	var head struct {
		Clevis struct {
			Pin  string `json:"pin"`
			TPM2 struct {
				PCRs string `json:"pcr_ids"`
			} `json:"tpm2"`
		} `json:"clevis"`
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(t.JWE.Protected, "="))
	if err != nil || json.Unmarshal(b, &head) != nil || head.Clevis.Pin != "tpm2" {
		return token{Type: t.Type}
	}
	return token{Type: t.Type, TPM: true, PCRs: sorted(pcrList(head.Clevis.TPM2.PCRs))}
}

// pcrList reads numbers between anything but digits: "7,8", "7+11:sha256=…".
func pcrList(s string) []int {
	var pcrs []int
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '+' || r == ' ' }) {
		number, _, _ := strings.Cut(part, ":")
		number, _, _ = strings.Cut(number, "=")
		if n, err := strconv.Atoi(number); err == nil {
			pcrs = append(pcrs, n)
		} else if n, ok := pcrNames()[number]; ok {
			pcrs = append(pcrs, n)
		}
	}
	return pcrs
}

// pcrNames are systemd's (systemd-analyze pcrs).
func pcrNames() map[string]int {
	return map[string]int{
		"platform-code": 0, "platform-config": 1, "external-code": 2, "external-config": 3, "boot-loader-code": 4,
		"boot-loader-config": 5, "host-platform": 6, "secure-boot-policy": 7, "kernel-initrd": 9, "ima": 10,
		"kernel-boot": 11, "kernel-config": 12, "sysexts": 13, "shim-policy": 14, "system-identity": 15,
	}
}

func sorted(pcrs []int) []int {
	slices.Sort(pcrs)
	return slices.Compact(pcrs)
}
