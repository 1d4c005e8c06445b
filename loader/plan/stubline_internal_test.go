package plan

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestCutProfile(t *testing.T) {
	for in, want := range map[string]struct {
		n    uint64
		rest string
	}{
		"":                        {0, ""},
		"@":                       {0, "@"},
		"@0":                      {0, ""},
		"@2 a b":                  {2, "a b"},
		"@2  a":                   {2, " a"},
		"@02 a":                   {2, "a"},
		"@2a b":                   {0, "@2a b"},
		"@-1 b":                   {0, "@-1 b"},
		" @1 b":                   {0, " @1 b"},
		"1 b":                     {0, "1 b"},
		"@4294967295 x":           {1<<32 - 1, "x"},
		"@4294967296 x":           {0, "@4294967296 x"},
		"@99999999999999999999 x": {0, "@99999999999999999999 x"},
	} {
		n, rest := cutProfile(in)
		assert.Equal(t, want.n, n, in)
		assert.Equal(t, want.rest, rest, in)
	}
}

func TestCleanLine(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " \t\n": "", "\x7fa\x1fb\r\n": "a b", "a  b": "a  b", "\u00a0a": "\u00a0a", "\x01\"x\ty\"": `"x y"`,
	} {
		assert.Equal(t, want, cleanLine(in), "%q", in)
	}
}

func TestEFIText(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                      "plain",
		"a\x00b":                     "a",
		"ä€":                         "ä€",
		"a\U0001f600b":               "ab", // needs two of 16 bits
		"a\xed\xa0\x80b":             "ab", // a surrogate
		"a\xffb":                     "ab",
		"a\uffffb":                   "a\uffffb", // the last of 16 bits
		"a\x80b":                     "ab",
		"a\xc3":                      "a",
		"a\xc3bc":                    "ac",  // the sequence goes as a whole
		"a\xe2bcd":                   "ad",  // by the length it claims
		"a\xc1\x81b":                 "aAb", // overlong, taken as it decodes
		"a\xc0\x80b":                 "a",   // an overlong NUL ends the text
		"a\xfc\x84\x80\x80\x80\x80b": "ab",  // six bytes
		"\xfe\xffx":                  "x",
	} {
		assert.Equal(t, want, efiText([]byte(in)), "%q", in)
	}
}

// FuzzEFIText: always good UTF-8 of the basic plane, and good text unchanged.
func FuzzEFIText(f *testing.F) {
	f.Add([]byte("quiet\n"))
	f.Add([]byte("\xc3\x28\xf0\x9f\x98\x80\xfc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := efiText(b)
		assert.True(t, utf8.ValidString(got))
		assert.NotContains(t, got, "\x00")
		for _, r := range got {
			assert.LessOrEqual(t, r, rune(0xffff))
		}
		assert.Equal(t, got, efiText([]byte(got)))
		if utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool { return r == 0 || r > 0xffff }) {
			assert.Equal(t, string(b), got)
		}
		line := cleanLine(got)
		assert.Equal(t, line, cleanLine(line))
	})
}

func TestExtraDir(t *testing.T) {
	for in, want := range map[string]string{
		"/EFI/Linux/a.efi":      "/EFI/Linux/a.efi",
		"/EFI/Linux/a+3.efi":    "/EFI/Linux/a.efi",
		"/EFI/Linux/a+3-12.efi": "/EFI/Linux/a.efi",
		"/EFI/Linux/a+0-.efi":   "/EFI/Linux/a+0-.efi",
		"/EFI/Linux/a+.efi":     "/EFI/Linux/a+.efi",
		"/EFI/Linux/a+-1.efi":   "/EFI/Linux/a+-1.efi",
		"/EFI/Linux/a+3x.efi":   "/EFI/Linux/a+3x.efi",
		"/EFI/Linux/a+3.x.efi":  "/EFI/Linux/a.x.efi",
		"/EFI/Linux/a+b+3.efi":  "/EFI/Linux/a+b+3.efi",
		"/EFI/Linux/a+1+3.efi":  "/EFI/Linux/a+1+3.efi",
		"/k+1.d/a+3.efi":        "/k.d/a+3.efi",
		"/a+3":                  "/a",
	} {
		assert.Equal(t, want+".extra.d", extraDir(in))
	}
}
