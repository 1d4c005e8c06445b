package grub

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shown writes a token in a line: its operator, or the segments of its word.
func (t token) shown() string {
	if t.op != "" {
		return fmt.Sprintf("%q", t.op)
	}
	var parts []string
	for _, s := range t.word {
		text := s.text
		if s.isVar {
			text = "$" + text
		}
		if s.quoted {
			text = "'" + text + "'"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "+")
}

// lexed returns the tokens of a script before its end.
func lexed(t *testing.T, src string) []token {
	t.Helper()
	l := lexer{src: src, line: 1}
	var out []token
	for {
		tok, err := l.next()
		require.NoError(t, err, "%q", src)
		if tok.op == "eof" {
			return out
		}
		out = append(out, tok)
	}
}

func TestTokens(t *testing.T) {
	for src, want := range map[string]string{
		"":                   "",
		" \t ":               "",
		"# only a comment":   "",
		"a b\tc":             "a b c",
		"a#b #c d\ne":        `a#b "\n" e`,
		"a;b":                `a ";" b`,
		"a;;b":               `a ";;" b`,
		"a&b&&c":             `a "&" b "&&" c`,
		"a|b||c":             `a "|" b "||" c`,
		"a<b>c":              `a "<" b ">" c`,
		"a{b}c":              `a "{" b "}" c`,
		"{x}":                `"{" x "}"`,
		"[ a ]":              "[ a ]",
		"[[ a ]]":            `"[[" a "]]"`,
		"[[a]] '[['":         "[[a]] '[['",
		"a\n\nb":             `a "\n" "\n" b`,
		"a'b c'd":            "a+'b c'+d",
		"''":                 "''",
		`""`:                 "''",
		`"a $b c"`:           "'a '+'$b'+' c'",
		`"${b}"`:             "''+'$b'+''",
		`$"a b"c`:            "'a b'+c",
		"$a$b":               "$a+$b",
		"$a-x":               "$a+-x",
		"${a}b":              "$a+b",
		"$ab_9c.d":           "$ab_9c+.d",
		"$12a":               "$12+a",
		"${12}a":             "$12+a",
		"$?x $#x $@x $*x":    "$?+x $#+x $@+x $*+x",
		"${?}":               "$?",
		`a\ b c`:             `a\ b c`,
		`a\;b\{c\'d\"e\$f`:   `a\;b\{c\'d\"e\$f`,
		`a\\ b`:              `a\\ b`,
		`a\`:                 `a\`,
		"a\\\nb":             "ab",
		"a\\\n b":            "a b",
		"a \\\n\\\n b":       "a b",
		"\\\n":               "",
		`'a\'b`:              `'a\'+b`,
		`"a\$b\"c\\d\e"`:     `'a$b"c\d\e'`,
		"\"a\\\nb\"":         "'ab'",
		"'a\\\nb'":           "'a\\\nb'",
		"a=b c='d'":          "a=b c=+'d'",
		"\xff\xfe \u00e9":    "\xff\xfe \u00e9",
		"a\rb\vc\fd":         "a\rb\vc\fd",
		"!x ! -a":            "!x ! -a",
		"(hd0,gpt2)/k ($r)x": "(hd0,gpt2)/k (+$r+)x",
	} {
		var got []string
		for _, tok := range lexed(t, src) {
			got = append(got, tok.shown())
		}
		assert.Equal(t, want, strings.Join(got, " "), "%q", src)
	}
}

// TestTokenPlaces: where a token begins and its line, which messages name and by
// which the text of a block is cut out.
func TestTokenPlaces(t *testing.T) {
	src := "ab # c\n'x\ny' z\\\nz \\\n\"q\nr\\\ns\" {\n}"
	var got []string
	for _, tok := range lexed(t, src) {
		got = append(got, fmt.Sprintf("%d:%d:%s", tok.line, tok.start, tok.shown()))
	}
	assert.Equal(t, []string{
		"1:0:ab", `1:6:"\n"`, "2:7:'x\ny'", "3:13:zz", "5:20:'q\nrs'", `7:29:"{"`, `7:30:"\n"`, `8:31:"}"`,
	}, got)
}

// TestPlainWords: a reserved word is one only as it is written, without quotes,
// backslashes or variables.
func TestPlainWords(t *testing.T) {
	for src, want := range map[string]string{
		"if": "if", "'if'": "'if'", `"if"`: `"if"`, `i\f`: `i\f`, "$if": "$if", "i''f": "i''f", "if#": "if#",
	} {
		tokens := lexed(t, src+" x")
		require.Len(t, tokens, 2, src)
		assert.Equal(t, want, tokens[0].plain)
	}
}

func TestLexerErrors(t *testing.T) {
	for src, want := range map[string]string{
		"a 'b":         "syntax error in line 1: a quote is not closed",
		"\n'b\nc":      "syntax error in line 2: a quote is not closed",
		"\n\n\"b\n\nc": "syntax error in line 3: a quote is not closed",
		`"a\"`:         "syntax error in line 1: a quote is not closed",
		`$"a`:          "syntax error in line 1: a quote is not closed",
		"$":            "syntax error in line 1: a $ is not followed by a name",
		"a$ b":         "syntax error in line 1: a $ is not followed by a name",
		"\n$-":         "syntax error in line 2: a $ is not followed by a name",
		"${}":          "syntax error in line 1: a $ is not followed by a name",
		"${a b}":       "syntax error in line 1: a $ is not followed by a name",
		"${1a}":        "syntax error in line 1: a $ is not followed by a name",
		"\"\n$\"":      "syntax error in line 2: a $ is not followed by a name",
		"$'a'":         "syntax error in line 1: a $ is not followed by a name",
	} {
		l := lexer{src: src, line: 1}
		var err error
		for err == nil {
			var tok token
			tok, err = l.next()
			require.NotEqual(t, "eof", tok.op, "%q", src)
		}
		assert.EqualError(t, err, want, "%q", src)
	}
}

func TestNameLen(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "a": 1, "_a9Z-": 4, "9a": 1, "12_": 2, "?": 1, "??": 1, "#a": 1, "*": 1, "@x": 1, "-": 0, "a?": 1, "_": 1, "\u00e9": 0, "!": 0, "$": 0, "{": 0, "[a": 0, "`a": 0,
	} {
		assert.Equal(t, want, nameLen(s), "%q", s)
	}
}

func TestClasses(t *testing.T) {
	for c := range 256 {
		b := byte(c)
		s := string(rune(c))
		assert.Equal(t, b < 128 && strings.Contains("0123456789", s), isDigit(b), c)
		assert.Equal(t, b < 128 && strings.Contains("0123456789abcdefABCDEF", s), isHex(b), c)
		assert.Equal(t, b < 128 && strings.Contains("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", s), isAlpha(b), c)
	}
}
