package luks2

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKeysOfTPM2Tokens has one key of the JSON a row (systemd-cryptenroll).
func TestKeysOfTPM2Tokens(t *testing.T) {
	const hash = `"tpm2-policy-hash":"00ff"`
	hashes := [][]byte{{0, 0xff}}
	for json, want := range map[string]TPM2{
		``:                              {PolicyHashes: hashes},
		`"tpm2-pcrs":[]`:                {PolicyHashes: hashes, PCRs: []int{}},
		`"tpm2-pcrs":null`:              {PolicyHashes: hashes},
		`"tpm2-pcrs":[23,0]`:            {PolicyHashes: hashes, PCRs: []int{0, 23}},
		`"tpm2-pcr-bank":"sha384"`:      {PolicyHashes: hashes, Bank: "sha384"},
		`"tpm2-pin":true`:               {PolicyHashes: hashes, PIN: true},
		`"tpm2-pin":false`:              {PolicyHashes: hashes},
		`"tpm2_pubkey_pcrs":[11,11,0]`:  {PolicyHashes: hashes, PublicKeyPCRs: []int{0, 11}},
		`"tpm2_pubkey":"UEVNCg=="`:      {PolicyHashes: hashes, PublicKey: []byte("PEM\n")},
		`"tpm2_pubkey_ref":"initrd"`:    {PolicyHashes: hashes, Ref: "initrd"},
		`"tpm2_pcrlock":true`:           {PolicyHashes: hashes, PCRLock: true},
		`"tpm2-blob":"AA==","other":[]`: {PolicyHashes: hashes},
	} {
		if json != "" {
			json += ","
		}
		got := parseToken([]byte(`{"type":"systemd-tpm2",` + json + hash + `}`))
		require.NoError(t, got.Err, json)
		assert.Equal(t, want, *got.TPM2, json)
		assert.Nil(t, got.Clevis, json)
	}
}

// TestErrorsOfTPM2Tokens name the key that is wrong.
func TestErrorsOfTPM2Tokens(t *testing.T) {
	for json, want := range map[string]string{
		`"tpm2-pcrs":[7,24]`:                                  "tpm2-pcrs [7 24]",
		`"tpm2-pcrs":[7,-1]`:                                  "tpm2-pcrs [7 -1]",
		`"tpm2_pubkey_pcrs":[24]`:                             "tpm2_pubkey_pcrs [24]",
		`"tpm2_pubkey_pcrs":[-1,3]`:                           "tpm2_pubkey_pcrs [-1 3]",
		`"tpm2-policy-hash":[]`:                               "no tpm2-policy-hash",
		`"tpm2-policy-hash":["aa","0g"]`:                      `tpm2-policy-hash "0g"`,
		`"tpm2-policy-hash":["aa",""]`:                        `tpm2-policy-hash ""`,
		`"tpm2-policy-hash":{}`:                               "json: cannot unmarshal object",
		`"tpm2-policy-hash":[1]`:                              "json: cannot unmarshal number",
		`"tpm2-policy-hash":"aa","tpm2_pubkey":"!"`:           "illegal base64 data",
		`"tpm2-policy-hash":"aa","tpm2-pin":"yes"`:            "json: cannot unmarshal string",
		`"tpm2-policy-hash":"aa","tpm2-pcrs":[7.5]`:           "json: cannot unmarshal number 7.5",
		`"tpm2-policy-hash":"aa","tpm2-pcrs":[1e99]`:          "json: cannot unmarshal number 1e99",
		`"tpm2-policy-hash":"aa","tpm2_pcrlock":"/etc/x"`:     "json: cannot unmarshal string",
		`"tpm2-policy-hash":"aa","tpm2-pcr-bank":["sha256"]`:  "json: cannot unmarshal array",
		`"tpm2-policy-hash":"aa","tpm2_pubkey_ref":{"a":"b"}`: "json: cannot unmarshal object",
	} {
		got := parseToken([]byte(`{"type":"systemd-tpm2","keyslots":["3"],` + json + `}`))
		require.ErrorIs(t, got.Err, errToken, json)
		assert.ErrorContains(t, got.Err, "malformed token: "+want, json)
		got.Err = nil
		assert.Equal(t, Token{Type: "systemd-tpm2", Slots: []int{3}}, got, "what is known of it stays")
	}
}

// TestTokensAreListed by number, those of other kinds with them, and one that cannot be
// read does not hide the others.
func TestTokensAreListed(t *testing.T) {
	tokens, err := parseTokens([]byte(`{"keyslots":{"0":{}},"tokens":{
		"31":{"type":"systemd-recovery","keyslots":["0","31"]},
		"9":{"type":"systemd-fido2","keyslots":[],"tpm2-pcrs":[99]},
		"10":{"keyslots":["1"]},
		"0":{"type":"systemd-tpm2","keyslots":["2"]},
		"2":{"type":"clevis","keyslots":["4"],"jwe":{"protected":"!"}},
		"1":[]}}`))
	require.NoError(t, err)
	for n, want := range []string{"malformed token: no tpm2-policy-hash", "json: cannot unmarshal array", "malformed token: illegal base64 data"} {
		require.ErrorContains(t, tokens[n].Err, want)
		tokens[n].Err = nil
	}
	assert.Equal(t, []Token{
		{Number: 0, Type: "systemd-tpm2", Slots: []int{2}},
		{Number: 1},
		{Number: 2, Type: "clevis", Slots: []int{4}},
		{Number: 9, Type: "systemd-fido2"},
		{Number: 10, Slots: []int{1}},
		{Number: 31, Type: "systemd-recovery", Slots: []int{0, 31}},
	}, tokens)
	for _, area := range []string{`{}`, `{"tokens":{}}`, `{"tokens":null}`} {
		tokens, err := parseTokens([]byte(area))
		require.NoError(t, err, area)
		assert.Empty(t, tokens, area)
	}
}

// TestNumbersOfTokens are written as cryptsetup writes them; a header with another is
// not one of its own.
func TestNumbersOfTokens(t *testing.T) {
	for key, valid := range map[string]bool{
		"0": true, "31": true, "32": false, "-1": false, "-0": false, "+1": false, "01": false, "00": false, "": false, " 1": false, "1.0": false, "0x1": false,
		"99999999999999999999": false,
	} {
		tokens, err := parseTokens(fmt.Appendf(nil, `{"tokens":{%q:{"type":"x"}}}`, key))
		if valid {
			require.NoError(t, err, key)
			assert.Len(t, tokens, 1, key)
			continue
		}
		assert.EqualError(t, err, fmt.Sprintf("token number %q", key))
		assert.Nil(t, tokens, key)
	}
}

// TestNumbersOfSlots: a token with a slot that no header has is not used at all.
func TestNumbersOfSlots(t *testing.T) {
	for slot, valid := range map[string]bool{"0": true, "31": true, "32": false, "-1": false, "": false, "x": false, "1,2": false} {
		got := parseToken(fmt.Appendf(nil, `{"type":"systemd-tpm2","keyslots":[%q],"tpm2-policy-hash":"aa"}`, slot))
		assert.Equal(t, valid, got.TPM2 != nil, slot)
		if valid {
			assert.NoError(t, got.Err, slot)
			continue
		}
		require.ErrorIs(t, got.Err, errToken)
		assert.EqualError(t, got.Err, fmt.Sprintf("malformed token: key slot %q", slot))
	}
	assert.Error(t, parseToken([]byte(`{"type":"x","keyslots":[1]}`)).Err, "slots are texts")
}

// TestTokensTruncated: JSON that ends early is malformed wherever it ends.
func TestTokensTruncated(t *testing.T) {
	whole := `{"tokens":{"3":{"type":"systemd-tpm2","keyslots":["1"],"tpm2-pcrs":[7],"tpm2-policy-hash":["aa"]}}}`
	for n := range len(whole) {
		tokens, err := parseTokens([]byte(whole[:n]))
		require.Error(t, err, n)
		require.Nil(t, tokens, n)
	}
}

// TestNumbersOfPCRsOfClevis: in "pcr_ids" they are what the user wrote: a list, a
// text with commas, one number.
func TestNumbersOfPCRsOfClevis(t *testing.T) {
	for ids, want := range map[string][]int{
		`"0,23"`: {0, 23}, `"7, 1,7"`: {1, 7}, `"7"`: {7}, `7`: {7}, `[]`: nil, `null`: nil, `" "`: nil, `[7]`: {7}, `["7","0"]`: {0, 7}, `[ 0 , "1" ]`: {0, 1}, "[\n\t7,\n\t8\n]": {7, 8},
	} {
		got := parseToken(token(clevis(`{"pin":"tpm2","tpm2":{"pcr_ids":` + ids + `}}`)))
		require.NoError(t, got.Err, ids)
		assert.Equal(t, want, got.Clevis.PCRs, ids)
	}
	for _, ids := range []string{`"24"`, `-1`, `"7,"`, `",7"`, `"7;8"`, `7.5`, `{"7":8}`, `true`, `[[7,8],"x"]`} {
		got := parseToken(token(clevis(`{"pin":"tpm2","tpm2":{"pcr_ids":` + ids + `}}`)))
		require.ErrorIs(t, got.Err, errToken, ids)
		assert.EqualError(t, got.Err, "malformed token: pcr_ids "+ids)
	}
}

// TestNestedPins: four of "sss" in one another are read, a fifth is not; each reads
// its own pins only.
func TestNestedPins(t *testing.T) {
	nest := func(n int) string {
		inner := clevis(`{"pin":"tang"}`)
		for range n {
			inner = clevis(`{"pin":"sss","sss":{"t":1,"jwe":["` + inner + `.k.iv.text.tag"]}}`)
		}
		return inner
	}
	for n := range maxNesting + 1 {
		got := parseToken(token(nest(n)))
		require.NoError(t, got.Err, n)
		depth, pin := 0, *got.Clevis
		for ; pin.Name == "sss"; depth++ {
			require.Len(t, pin.Pins, 1)
			pin = pin.Pins[0]
		}
		assert.Equal(t, n, depth)
		assert.Equal(t, Pin{Name: "tang"}, pin)
	}
	got := parseToken(token(nest(maxNesting + 1)))
	assert.EqualError(t, got.Err, "malformed token: more than 4 pins sss in one another")
	got = parseToken(token(clevis(`{"pin":"sss","sss":{"t":2,"jwe":[]}}`)))
	require.NoError(t, got.Err)
	assert.Equal(t, Pin{Name: "sss", Threshold: 2}, *got.Clevis)
}

// TestPadding: base64url of clevis has none, that of others may.
func TestPadding(t *testing.T) {
	for n := range 5 {
		want := strings.Repeat("\xfb", n) // "-" and "_" in base64url
		for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding} {
			got, err := base64URL(encoding.EncodeToString([]byte(want)))
			require.NoError(t, err, n)
			assert.Equal(t, want, string(got))
		}
	}
	for _, text := range []string{"+w", "/w", "a=b", "a"} {
		_, err := base64URL(text)
		assert.Error(t, err, text)
	}
}
