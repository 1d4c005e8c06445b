package tpm

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader/tpm/internal/policy"
)

// selection is the predicted values of PCRs of a bank, and those PCRs whose
// values are not known.
func (p Prediction) selection(bank string, pcrs []int) (s policy.Selection, missing []int) {
	a, known := algorithmOf(bank)
	s = policy.Selection{Algorithm: a.id, Values: map[int][]byte{}}
	for _, n := range pcrs {
		next := p.Banks[bank][n].Next
		if next == nil || !known {
			missing = append(missing, n)
		}
		s.Values[n] = next
	}
	return s, missing
}

// now is a selection with present values; it is false where one is not known.
func (b Bank) now(s policy.Selection) (policy.Selection, bool) {
	now := policy.Selection{Algorithm: s.Algorithm, Values: map[int][]byte{}}
	for n := range s.Values {
		if b[n].Now == nil {
			return now, false
		}
		now.Values[n] = b[n].Now
	}
	return now, true
}

// changed are the PCRs whose value will not be that of now.
func (b Bank) changed(pcrs []int) []int {
	return slices.DeleteFunc(slices.Clone(pcrs), func(n int) bool { return bytes.Equal(b[n].Now, b[n].Next) })
}

// describe is what happens to some PCRs, as a clause.
func (b Bank) describe(pcrs []int) string {
	var words []string
	for _, n := range pcrs {
		for _, w := range b[n].Words {
			if !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	if len(words) == 0 {
		return list(pcrs) + " will be unchanged"
	}
	return fmt.Sprintf("%s will be extended by %s", list(pcrs), strings.Join(words, ", "))
}

// unknowable is the verdict where values are not known.
func (p Prediction) unknowable(bank string, pcrs []int) verdict {
	v := verdict{state: unknown, bank: bank, pcrs: pcrs, why: "the PCR bank " + bank + " cannot be read"}
	if _, ok := p.Banks[bank]; ok {
		v.why = list(pcrs[:1]) + " cannot be predicted: " + p.Banks[bank][pcrs[0]].Unknown
	}
	return v
}

// predicted is the values of PCRs, as systemd-cryptenroll takes them after
// --tpm2-pcrs=; those that are not known are left out.
func (p Prediction) predicted(bank string, pcrs []int) string {
	var parts []string
	for _, n := range pcrs {
		if next := p.Banks[bank][n].Next; next != nil {
			parts = append(parts, fmt.Sprintf("%d:%s=%s", n, bank, hex.EncodeToString(next)))
		}
	}
	return strings.Join(parts, "+")
}

// list is "PCR 7", "PCRs 7 and 11".
func list(pcrs []int) string {
	var numbers []string
	for _, n := range pcrs {
		numbers = append(numbers, fmt.Sprint(n))
	}
	switch last := len(numbers) - 1; last {
	case -1:
		return "no PCR"
	case 0:
		return "PCR " + numbers[0]
	default:
		return "PCRs " + strings.Join(numbers[:last], ", ") + " and " + numbers[last]
	}
}

// union is both sets, sorted.
func union(a, b []int) []int {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
