package tpm

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kexec-bls/kexec-bls/loader/tpm/internal/policy"
)

// pcrlockPolicy is what systemd-pcrlock(8) predicted: the values that PCRs may
// have. The NV index holds the digest of it.
type pcrlockPolicy struct {
	bank   string
	pcrs   []int
	values map[int][][]byte
	name   []byte // of the NV index, nil where it cannot be read
}

var errPCRLock = errors.New("malformed pcrlock.json")

func parsePCRLock(b []byte) (pcrlockPolicy, error) {
	var j struct {
		Bank   string `json:"pcrBank"`
		Values []struct {
			PCR    int      `json:"pcr"`
			Values []string `json:"values"`
		} `json:"pcrValues"`
		NVPublic []byte `json:"nvPublic"`
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return pcrlockPolicy{}, fmt.Errorf("%w: %w", errPCRLock, err)
	}
	p := pcrlockPolicy{bank: j.Bank, values: map[int][][]byte{}, name: policy.NVName(j.NVPublic)}
	for _, element := range j.Values {
		if element.PCR < 0 || element.PCR >= NumPCRs || p.values[element.PCR] != nil {
			return pcrlockPolicy{}, fmt.Errorf("%w: PCR %d", errPCRLock, element.PCR)
		}
		p.pcrs = append(p.pcrs, element.PCR)
		p.values[element.PCR] = [][]byte{}
		for _, text := range element.Values {
			value, err := hex.DecodeString(text)
			if err != nil {
				return pcrlockPolicy{}, fmt.Errorf("%w: PCR %d: %w", errPCRLock, element.PCR, err)
			}
			p.values[element.PCR] = append(p.values[element.PCR], value)
		}
	}
	return p, nil
}

// check compares predicted values with those that the policy allows.
func (l pcrlockPolicy) check(p Prediction) verdict {
	var differ, unknown []int
	for _, n := range l.pcrs {
		next := p.Banks[l.bank][n].Next
		met := false
		for _, value := range l.values[n] {
			met = met || bytes.Equal(value, next)
		}
		switch {
		case next == nil:
			unknown = append(unknown, n)
		case !met:
			differ = append(differ, n)
		}
	}
	switch {
	case len(differ) > 0:
		return verdict{state: closed, pcrs: differ, bank: l.bank, why: "the policy of systemd-pcrlock does not allow the value of " + list(differ)}
	case len(unknown) > 0:
		return p.unknowable(l.bank, unknown)
	}
	return verdict{state: opens, pcrs: l.pcrs, bank: l.bank}
}
