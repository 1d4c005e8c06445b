package grub

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLeadingNumber has what strtoul of C reads with base 0.
func TestLeadingNumber(t *testing.T) {
	type result struct {
		n    int
		rest string
		ok   bool
	}
	for s, want := range map[string]result{
		"":                     {},
		" ":                    {},
		"x":                    {rest: "x"},
		"0x":                   {},
		"-1":                   {rest: "-1"},
		"+1":                   {rest: "+1"},
		"0":                    {0, "", true},
		"7":                    {7, "", true},
		"12 x":                 {12, " x", true},
		" \t\n\r3":             {3, "", true},
		"1>0":                  {1, ">0", true},
		"010":                  {8, "", true},
		"08":                   {0, "8", true},
		"0789":                 {7, "89", true},
		"0x1F":                 {31, "", true},
		"0Xfg":                 {15, "g", true},
		"00x1":                 {0, "x1", true},
		"1x":                   {1, "x", true},
		"9a":                   {9, "a", true},
		"1073741823":           {maxPlace - 1, "", true},
		"1073741824":           {maxPlace, "", true},
		"99999999999999999999": {maxPlace, "", true},
		"0xffffffffffffffffff": {maxPlace, "", true},
	} {
		n, rest, ok := leadingNumber(s)
		assert.Equal(t, want, result{n, rest, ok}, "%q", s)
	}
}

// TestLeadingNumberIsParseUint compares with Go's reader of the same notation.
func TestLeadingNumberIsParseUint(t *testing.T) {
	for n := range uint64(600) {
		for _, base := range []int{8, 10, 16} {
			text := map[int]string{8: "0", 10: "", 16: "0x"}[base] + strconv.FormatUint(n, base)
			want, err := strconv.ParseUint(text, 0, 64)
			require.NoError(t, err)
			got, rest, ok := leadingNumber(text + ">")
			require.True(t, ok)
			require.Equal(t, int(want), got, text)
			require.Equal(t, ">", rest)
		}
	}
}

func TestDigit(t *testing.T) {
	for c, want := range map[byte]int{'0': 0, '9': 9, 'a': 10, 'F': 15, 'z': 35, 'Z': 35, ' ': 99, '/': 99, ':': 99, '@': 99, '[': 99, '`': 99, '{': 99, 0xff: 99} {
		assert.Equal(t, want, digit(c), "%q", c)
	}
}

func TestNumber(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "x": 0, "7": 7, " 7": 7, "-7": -7, "  -7x": -7, "7x": 7, "- 7": -7, "--7": 0, "+7": 0, "0x10": 16, "-010": -8, "-": 0, "6.18": 6,
	} {
		assert.Equal(t, want, number(s), "%q", s)
	}
}

func TestAtoi(t *testing.T) {
	for s, want := range map[string]int{"0": 0, "12": 12, "-3": -3, "007": 7} {
		n, ok := atoi(s)
		assert.True(t, ok, s)
		assert.Equal(t, want, n, s)
		assert.Equal(t, strconv.Itoa(want), itoa(n))
	}
	for _, s := range []string{"", "+1", " 1", "1 ", "0x1", "1a", "9223372036854775808"} {
		_, ok := atoi(s)
		assert.False(t, ok, "%q", s)
	}
}

// TestAfterPrefix: -pgt and -plt compare what follows the text that both begin with.
func TestAfterPrefix(t *testing.T) {
	for _, c := range [][4]string{
		{"", "", "", ""},
		{"a", "", "a", ""},
		{"a", "b", "a", "b"},
		{"linux-6", "linux-18", "6", "18"},
		{"a1", "a12", "1", "12"}, // a digit at the end of the prefix belongs to the number
		{"a12", "a13", "12", "13"},
		{"a12", "a12", "12", "12"},
		{"10", "19", "0", "9"}, // but the first byte of all does not come back
		{"a1b", "a1c", "1b", "1c"},
		{"6.9", "6.10", "9", "10"},
	} {
		a, b := afterPrefix(c[0], c[1])
		assert.Equal(t, [2]string{c[2], c[3]}, [2]string{a, b}, "%q %q", c[0], c[1])
	}
}

// TestCounting: increment and decrement, as the counting of failed boots uses them.
func TestCounting(t *testing.T) {
	for _, c := range []struct {
		value, up, down string
	}{
		{"0", "1", "-1"}, {"9", "10", "8"}, {"-1", "0", "-2"}, {"41", "42", "40"},
	} {
		r := disk{}.ran(t, "u='"+c.value+"'\nd='"+c.value+"'\nincrement u\ns=$?\ndecrement d")
		assert.Equal(t, []string{c.up, c.down, "0", "0"}, []string{r.value("u"), r.value("d"), r.value("s"), r.value("?")}, "%q", c.value)
	}
}
