package report

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// PCRs is show --pcrs.
type PCRs struct {
	// Measured is set where the next system measures what it does.
	Measured bool  `json:"measured"`
	Values   []PCR `json:"values"` // of each bank in turn
}

// A PCR is one register, in hexadecimal.
type PCR struct {
	Bank string   `json:"bank"` // a hash algorithm
	PCR  int      `json:"pcr"`
	Now  string   `json:"now,omitempty"` // none where it cannot be read
	Next *string  `json:"next"`          // null where it cannot be predicted
	Why  string   `json:"why,omitempty"` // then the reason
	By   []string `json:"by,omitempty"`  // what is measured into it until then
}

// PCRsOf reports a prediction.
func PCRsOf(p tpm.Prediction) *PCRs {
	r := &PCRs{Measured: p.Measured, Values: []PCR{}}
	for _, name := range slices.Sorted(maps.Keys(p.Banks)) {
		for n, pcr := range p.Banks[name] {
			v := PCR{Bank: name, PCR: n, Now: hex.EncodeToString(pcr.Now), Why: pcr.Unknown, By: pcr.Words}
			if pcr.Next != nil {
				next := hex.EncodeToString(pcr.Next)
				v.Next = &next
			}
			r.Values = append(r.Values, v)
		}
	}
	return r
}

// print writes one line for each PCR.
func (r *PCRs) print(ui *term.UI) {
	if r == nil {
		return
	}
	measured := "the next system does not measure"
	if r.Measured {
		measured = "the next system measures"
	}
	if len(r.Values) == 0 {
		measured = "no TPM"
	}
	ui.Print("%-10s %s", "pcrs", measured)
	for _, p := range r.Values {
		ui.Print("%-10s %s", fmt.Sprintf("%s %d", p.Bank, p.PCR), p)
	}
}

// String is now -> next, with what makes the difference.
func (p PCR) String() string {
	var b bytes.Buffer
	b.WriteString(p.Now)
	if p.Now == "" {
		b.WriteString("?")
	}
	switch {
	case p.Next == nil:
		fmt.Fprintf(&b, " -> ? (%s)", p.Why)
	case *p.Next == p.Now:
		b.WriteString(" unchanged")
	default:
		fmt.Fprintf(&b, " -> %s (%s)", *p.Next, strings.Join(p.By, ", "))
	}
	return b.String()
}
