package luks2

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A Pin is how clevis gets a key (clevis(1)).
type Pin struct {
	Name string // "tpm2", "tang", "sss", ...
	// PCRs are those that a pin "tpm2" is bound to, sorted; Bank is theirs.
	PCRs []int
	Bank string
	// Public is the TPM2B_PUBLIC of the sealed object, which has its policy.
	Public []byte
	// Threshold is how many of Pins a pin "sss" needs.
	Threshold int
	Pins      []Pin
}

// maxNesting bounds pins "sss" in pins "sss".
const maxNesting = 4

// parseClevis reads the protected header of the JWE of a clevis token.
func parseClevis(raw []byte) (*Pin, error) {
	var token struct {
		JWE struct {
			Protected string `json:"protected"`
		} `json:"jwe"`
	}
	if err := json.Unmarshal(raw, &token); err != nil {
		return nil, fmt.Errorf("%w: %w", errToken, err)
	}
	pin, err := parsePin(token.JWE.Protected, maxNesting)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errToken, err)
	}
	return &pin, nil
}

// pinJSON is the protected header of clevis. Numbers of PCRs are a list, a string
// with commas or one number, as the user wrote them.
type pinJSON struct {
	Clevis struct {
		Pin  string `json:"pin"`
		TPM2 struct {
			Bank   string          `json:"pcr_bank"`
			IDs    json.RawMessage `json:"pcr_ids"`
			Public string          `json:"jwk_pub"`
		} `json:"tpm2"`
		SSS struct {
			Threshold int      `json:"t"`
			JWE       []string `json:"jwe"`
		} `json:"sss"`
	} `json:"clevis"`
}

func parsePin(protected string, nesting int) (Pin, error) {
	b, err := base64URL(protected)
	if err != nil {
		return Pin{}, err
	}
	var j pinJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return Pin{}, err
	}
	pin := Pin{Name: j.Clevis.Pin}
	switch pin.Name {
	case "":
		return Pin{}, fmt.Errorf("no pin")
	case "tpm2":
		if pin.PCRs, err = pcrIDs(j.Clevis.TPM2.IDs); err != nil {
			return Pin{}, err
		}
		if pin.Bank = j.Clevis.TPM2.Bank; pin.Bank == "" {
			pin.Bank = "sha1" // clevis-encrypt-tpm2(1)
		}
		if pin.Public, err = base64URL(j.Clevis.TPM2.Public); err != nil {
			return Pin{}, err
		}
	case "sss":
		pin.Threshold = j.Clevis.SSS.Threshold
		pin.Pins, err = parsePins(j.Clevis.SSS.JWE, nesting)
	}
	return pin, err
}

// parsePins reads the pins of a pin "sss": JWEs in compact form.
func parsePins(jwes []string, nesting int) ([]Pin, error) {
	if nesting == 0 {
		return nil, fmt.Errorf("more than %d pins sss in one another", maxNesting)
	}
	var pins []Pin
	for _, jwe := range jwes {
		protected, _, _ := strings.Cut(jwe, ".")
		pin, err := parsePin(protected, nesting-1)
		if err != nil {
			return nil, err
		}
		pins = append(pins, pin)
	}
	return pins, nil
}

func pcrIDs(raw json.RawMessage) ([]int, error) {
	text := strings.Trim(string(raw), `"[] `)
	if text == "" || text == "null" {
		return nil, nil
	}
	var pcrs []int
	for id := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.Trim(id, "\" \t\n\r"))
		if err != nil {
			return nil, fmt.Errorf("pcr_ids %s", raw)
		}
		pcrs = append(pcrs, n)
	}
	set, ok := pcrSet(pcrs)
	if !ok {
		return nil, fmt.Errorf("pcr_ids %s", raw)
	}
	return set, nil
}
