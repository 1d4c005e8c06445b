package tpm

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/tpm/internal/policy"
)

// TestInitializedNvPCRs: systemd-tpm2-setup measures them into PCR 9 where a policy with
// the reference "initrd" fits, or may; in each other case PCR 9 stays.
func TestInitializedNvPCRs(t *testing.T) {
	value := bytes.Repeat([]byte{1}, 32)
	d := policy.Digest{}.PCR(policy.Selection{Algorithm: 0x000b, Values: map[int][]byte{11: value}})
	fits := hex.EncodeToString(d[:])
	signed := func(bank string, pcr int, pol, ref string) string {
		return fmt.Sprintf(`{%q:[{"pcrs":[%d],"pkfp":"","pol":%q,"ref":%q,"sig":""}]}`, bank, pcr, pol, ref)
	}
	const definition, signatures = "usr/lib/nvpcr/hardware.nvpcr", ".extra/tpm2-pcr-signature.json"
	for name, c := range map[string]struct {
		files   []string
		unknown bool
	}{
		"fits":              {[]string{definition, "{}", signatures, signed("sha256", 11, fits, "initrd")}, true},
		"no reference":      {[]string{definition, "{}", signatures, signed("sha256", 11, fits, "")}, false},
		"another reference": {[]string{definition, "{}", signatures, signed("sha256", 11, fits, "system")}, false},
		"another policy":    {[]string{definition, "{}", signatures, signed("sha256", 11, "00"+fits[2:], "initrd")}, false},
		"another PCR":       {[]string{definition, "{}", signatures, signed("sha256", 9, fits, "initrd")}, false},
		"another bank":      {[]string{definition, "{}", signatures, signed("sha384", 11, fits, "initrd")}, false},
		"PCR not known":     {[]string{definition, "{}", signatures, signed("sha256", 12, fits, "initrd")}, true},
		"malformed":         {[]string{definition, "{}", signatures, "{"}, true},
		"no signatures":     {[]string{definition, "{}"}, false},
		"no NvPCRs":         {[]string{signatures, signed("sha256", 11, fits, "initrd")}, false},
	} {
		m := Machine{Banks: map[string]Values{"sha256": {9: value, 11: value}}}
		p := Predict(m, Boot{})
		p.start(unit{name: setupUnit, setup: true}, m, Boot{Initrd: visited(c.files...)})
		want := PCR{Now: value, Next: value}
		if c.unknown {
			want.Next, want.Unknown = nil, "systemd-tpm2-setup-early.service initializes NvPCRs"
		}
		assert.Equal(t, want, p.Banks["sha256"][9], name)
		assert.Equal(t, value, p.Banks["sha256"][11].Next, name)
	}
}
