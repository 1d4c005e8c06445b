package secureboot

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// TestSBATLines: what ends a line, and what is none.
func TestSBATLines(t *testing.T) {
	for text, want := range map[string][][]string{
		"":                           nil,
		"\x00\x00":                   nil,
		"\r\n\n":                     nil,
		"a,1":                        {{"a", "1"}},
		"\ufeffa,1\r\n\r\nb,2\n\x00": {{"a", "1"}, {"b", "2"}},
		"a,,\n":                      {{"a", "", ""}},
		" a, 1\n":                    {{" a", " 1"}},
		`"a,b",1`:                    {{`"a`, `b"`, "1"}}, // it knows no quotes
	} {
		assert.Equal(t, want, sbatLines(text), "%q", text)
	}
}

// TestSBATLevelNumbers: 16 bits, and the highest of a component counts wherever it is.
func TestSBATLevelNumbers(t *testing.T) {
	level, err := parseSBATLevel([]byte("sbat,1,2024\nuki,3\nuki,2\nlast,65535\nfirst,0"))
	require.NoError(t, err)
	assert.Equal(t, map[string]uint64{"sbat": 1, "uki": 3, "last": 65535, "first": 0}, level)
	_, err = parseSBATLevel([]byte("sbat,1,2024\nuki,65536\n"))
	require.EqualError(t, err, `EFI variable SbatLevelRT: line 2: generation: strconv.ParseUint: parsing "65536": value out of range`)
	level, err = parseSBATLevel(nil)
	require.NoError(t, err)
	assert.Empty(t, level)
}

// TestSBATRefusals: the generation that is asked for is enough, and a refusal says which
// line or component it is about.
func TestSBATRefusals(t *testing.T) {
	d, err := New(Variables{Shim: true, SBATLevel: []byte("sbat,1,2024\nuki,3\n")})
	require.NoError(t, err)
	for text, want := range map[string]string{
		"uki,3,a,b,1,u\n":                  "",
		"uki,4,a,b,1,u,more\n":             "",
		"uki,2,a,b,1,u\n":                  `SBAT generation 2 of "uki", but SbatLevelRT asks for 3`,
		"uki,3,a,b,1,u\nuki,x,a,b,1,u\n":   `SBAT generation 0 of "uki", but SbatLevelRT asks for 3`,
		"UKI,1,a,b,1,u\n":                  "", // another component
		"sbat,1,a,b,1,u\n\nuki,9,a,b,1\n":  "section .sbat: line 2 has 5 fields, want 6",
		"sbat,1,a,b,1,u\nother,1,a,b,c,\n": "",
	} {
		image := fixtures.Program(fixtures.Text(".sbat", text))
		err := d.checkSBAT(bytes.NewReader(image), int64(len(image)))
		if want == "" {
			assert.NoError(t, err, "%q", text)
			continue
		}
		assert.EqualError(t, err, want, "%q", text)
	}
	twice := fixtures.Program(fixtures.Text(".sbat", "a"), fixtures.Text(".sbat", "a"))
	r, size := bytes.NewReader(twice), int64(len(twice))
	assert.EqualError(t, d.checkSBAT(r, size), "two sections .sbat")
	none, err := New(Variables{Shim: true})
	require.NoError(t, err)
	assert.NoError(t, none.checkSBAT(r, size), "nothing is asked for")
}
