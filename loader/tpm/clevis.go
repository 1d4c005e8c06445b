package tpm

import (
	"fmt"

	"github.com/kexec-bls/kexec-bls/loader/tpm/internal/policy"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

// clevis is the verdict on a pin of clevis; tpm is false where no TPM has part in
// it.
func (s scene) clevis(p luks2.Pin) (v verdict, tpm bool) {
	switch p.Name {
	case "tpm2":
		d, ok := policy.ObjectPolicy(p.Public)
		if !ok {
			return verdict{state: unknown, bank: p.Bank, pcrs: p.PCRs, why: "the policy of clevis cannot be read"}, true
		}
		return s.compare(shard{TPM2: luks2.TPM2{PCRs: p.PCRs, Bank: p.Bank}, hash: d[:]}, []policy.Digest{{}}), true
	case "sss":
		return s.threshold(p)
	}
	return verdict{state: unknown, why: "clevis has a pin " + fmt.Sprintf("%q", p.Name)}, false
}

// threshold is the verdict on a pin that needs some of others.
func (s scene) threshold(p luks2.Pin) (v verdict, tpm bool) {
	v = verdict{state: closed, why: "too few pins of clevis open"}
	possible, open := 0, 0
	for _, pin := range p.Pins {
		part, of := s.clevis(pin)
		tpm = tpm || of
		possible += count(part.state != closed)
		open += count(part.state == opens)
		if v.bank == "" || v.bank == part.bank {
			v.bank, v.pcrs = part.bank, union(v.pcrs, part.pcrs)
		}
	}
	switch {
	case p.Threshold > 0 && open >= p.Threshold:
		v.state, v.why = opens, ""
	case possible >= p.Threshold:
		v.state, v.why = unknown, "too few pins of clevis open for certain"
	}
	return v, tpm
}
