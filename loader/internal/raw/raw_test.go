package raw_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
)

func TestJSON(t *testing.T) {
	for text, want := range map[string]string{
		"":            `""`,
		"/efi/arch":   `"/efi/arch"`,
		"/efi/ét":     `"/efi/ét"`,
		"/a\xff":      `"\\2f61ff"`,
		`\escaped`:    `"\\5c65736361706564"`,
		"line\nbreak": `"line\nbreak"`,
	} {
		b, err := json.Marshal(raw.String(text))
		require.NoError(t, err)
		assert.Equal(t, want, string(b))
		var back raw.String
		require.NoError(t, json.Unmarshal(b, &back))
		assert.Equal(t, text, string(back))
	}
	var s raw.String
	require.ErrorContains(t, json.Unmarshal([]byte(`"\\zz"`), &s), "invalid byte")
	require.Error(t, json.Unmarshal([]byte(`1`), &s))
}

// TestBadTextChangesNothing: half a number is no text.
func TestBadTextChangesNothing(t *testing.T) {
	s := raw.String("kept")
	require.EqualError(t, json.Unmarshal([]byte(`"\\2f6"`), &s), `text "\\2f6": encoding/hex: odd length hex string`)
	assert.EqualValues(t, "kept", s)
	require.NoError(t, json.Unmarshal([]byte(`"\\2F61ff"`), &s), "digits in any case")
	assert.EqualValues(t, "/a\xff", s)
	require.NoError(t, json.Unmarshal([]byte(`"\\"`), &s))
	assert.Empty(t, s)
}

func FuzzJSON(f *testing.F) {
	f.Add("/a\xff")
	f.Add(`\x`)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := json.Marshal(raw.String(text))
		require.NoError(t, err)
		var back raw.String
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, text, string(back))
	})
}

func TestLists(t *testing.T) {
	assert.Equal(t, []string{"a", "b"}, raw.Strings([]raw.String{"a", "b"}))
	assert.Nil(t, raw.Strings(nil))
}
