package term

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"":                            "",
		"Arch Linux ü 日本語 🐧":          "Arch Linux ü 日本語 🐧",
		"a\nb\tc":                     "a b c",
		"\x1b]0;x\x07\r\x7f":          "\ufffd]0;x\ufffd\ufffd\ufffd",
		"\u009b31m\u0085":             "\ufffd31m\ufffd",
		"\xffx":                       "\ufffdx",
		"\u2028\u2029":                "\ufffd\ufffd",
		"\U000e0041":                  "\ufffd",
		"فا\u200cری \U0001f468\u200d": "فا\u200cری \U0001f468\u200d",
	} {
		assert.Equal(t, want, Printable(s), "%q", s)
	}
	for _, r := range "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c" {
		assert.Equal(t, "a\ufffdb", Printable("a"+string(r)+"b"), "%U", r)
	}
}

// FuzzPrintable: whatever it is, it stays on its line and controls nothing.
func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"a\nb", "\u202e", "\xff\x9b", "\U000e0001", "日本"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		assert.True(t, utf8.ValidString(got))
		assert.Equal(t, utf8.RuneCountInString(s), utf8.RuneCountInString(got), "no character is lost")
		assert.Equal(t, got, Printable(got))
		assert.False(t, strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }))
	})
}

func TestCell(t *testing.T) {
	assert.Equal(t, "-", Cell(""))
	assert.Equal(t, "a b", Cell("a\nb"))
	assert.Equal(t, strings.Repeat("x", widestCell)+"…", Cell(strings.Repeat("x", 1<<20)))
	assert.Equal(t, widestCell+1, utf8.RuneCountInString(Cell(strings.Repeat("日", 1000))))
}
