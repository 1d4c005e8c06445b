package grub

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shownAll writes statements as a nested list.
func shownAll(commands []*command) string {
	var out []string
	for _, c := range commands {
		out = append(out, c.shown())
	}
	return strings.Join(out, "; ")
}

func (c *command) shown() string {
	var words []string
	for _, w := range c.words {
		words = append(words, token{word: w}.shown())
	}
	text := strings.Join(words, " ")
	switch c.kind {
	case "simple":
		if c.block != nil {
			text += fmt.Sprintf(" %q", *c.block)
		}
		return text
	case "if":
		text = "if(" + shownAll(c.cond) + ")(" + shownAll(c.body) + ")"
		if c.other != nil {
			text += "(" + shownAll(c.other) + ")"
		}
		return text
	case "for":
		return "for " + c.name + "(" + text + ")(" + shownAll(c.body) + ")"
	case "function":
		return "function " + c.name + "(" + shownAll(c.body) + ")"
	}
	return c.kind + "(" + shownAll(c.cond) + ")(" + shownAll(c.body) + ")"
}

// parsed returns the units of a script, one a line, and the error that ends it.
func parsed(src string) (string, error) {
	p, err := newParser(src)
	var units []string
	for err == nil {
		var unit []*command
		if unit, err = p.unit(); err != nil || len(unit) == 0 {
			break
		}
		units = append(units, shownAll(unit))
	}
	return strings.Join(units, "\n"), err
}

func TestParse(t *testing.T) {
	for src, want := range map[string]string{
		"":                                 "",
		"\n\n # c\n":                       "",
		"a b\nc":                           "a b\nc",
		"a; b; c\nd":                       "a; b; c\nd",
		"a;\n\nb":                          "a\nb",
		"a;":                               "a",
		"if a; then b; fi":                 "if(a)(b)",
		"if a\nthen\n\nb\nfi":              "if(a)(b)",
		"if a; b; then c; d; fi; e":        "if(a; b)(c; d); e",
		"if a; then b; else c; fi":         "if(a)(b)(c)",
		"if a; then b; elif c; then d; fi": "if(a)(b)(if(c)(d))",
		"if a; then b; elif c; then d; else\ne\nfi":         "if(a)(b)(if(c)(d)(e))",
		"if a; then b; elif c; then d; elif e; then f; fi":  "if(a)(b)(if(c)(d)(if(e)(f)))",
		"if if a; then b; fi; then if c; then d; fi; fi":    "if(if(a)(b))(if(c)(d))",
		"while a; do b; done":                               "while(a)(b)",
		"until a\ndo\nb\nc\ndone":                           "until(a)(b; c)",
		"while a; do until b; do c; done; done":             "while(a)(until(b)(c))",
		"for x in a 'b c' $d; do e $x; done":                "for x(a 'b c' $d)(e $x)",
		"for x in a\n\ndo b; done":                          "for x(a)(b)",
		"for x in; do b; done":                              "for x()(b)",
		"for _1 in a; do b; done":                           "for _1(a)(b)",
		"function f { a; }":                                 "function f(a)",
		"function f {\na\nb\n}\nc":                          "function f(a; b)\nc",
		"function f\n\n{ a\n}; b":                           "function f(a); b",
		"m x { a }":                                         `m x " a "`,
		"m x { a; }":                                        `m x " a; "`,
		"m x {\n a\n} ; b":                                  `m x "\n a\n"; b`,
		"m x { n y { a; }\n }":                              `m x " n y { a; }\n "`,
		"m { if a; then b; fi\n}":                           `m " if a; then b; fi\n"`,
		"if a; then m { b; }; fi":                           `if(a)(m " b; ")`,
		"echo if then fi done function in case esac select": "echo if then fi done function in case esac select",
		"iff; thenn":                                        "iff; thenn",
		"time a":                                            "time a",
		"! a":                                               "! a",
		"if ! a; then b; fi":                                "if(! a)(b)",
		"[ a = b ]":                                         "[ a = b ]",
		"x=1 y=2":                                           "x=1 y=2",
		"a # b; c\nd":                                       "a\nd",
		"if a # b\nthen # c\nd # e\nfi # f":                 "if(a)(d)",
		"for x in a # b\ndo c; done":                        "for x(a)(c)",
		"while a; do b; done; until c; do d; done; for y in; do e; done": "while(a)(b); until(c)(d); for y()(e)",
	} {
		got, err := parsed(src)
		require.NoError(t, err, "%q", src)
		assert.Equal(t, want, got, "%q", src)
	}
}

// TestParseRefuses has what the grammar has no place for: a function is no command
// of a list, its body ends in a line end or ";", and names are not reserved words.
func TestParseRefuses(t *testing.T) {
	for src, want := range map[string]string{
		"function f { a }":                 `1: unexpected "}"`,
		"if a; then function f { b; }; fi": `1: unexpected "function"`,
		"m {\nfunction f { b; }\n}":        `2: unexpected "function"`,
		"function f {\n function g { a; }": `2: unexpected "function"`,
		"function if { a; }":               `1: unexpected "if"`,
		"function 1 { a; }":                `1: unexpected "1"`,
		"for ? in a; do b; done":           `1: unexpected "?"`,
		"for 1 in a; do b; done":           `1: unexpected "1"`,
		"for in in a; do b; done":          `1: unexpected "in"`,
		"for x in a; b; done":              `1: unexpected "b"`,
		"for x in a":                       `1: unexpected "end of the script"`,
		"for x in a { b; }":                `1: unexpected "{"`,
		"if a then b; fi":                  `1: unexpected "fi"`,
		"if ; then b; fi":                  `1: unexpected ";"`,
		"if a; then; fi":                   `1: unexpected ";"`,
		"if a; then b fi":                  `1: unexpected "end of the script"`,
		"if a; then b; elif c; fi":         `1: unexpected "fi"`,
		"if a; then b; else c; elif d":     `1: unexpected "elif"`,
		"while a; do b; fi":                `1: unexpected "fi"`,
		"until a; then b; done":            `1: unexpected "then"`,
		"a { b; } c":                       `1: unexpected "c"`,
		"a {}":                             `1: unexpected "}"`,
		"{ a; }":                           `1: unexpected "{"`,
		"a; }":                             `1: unexpected "}"`,
		"a &":                              `1: unexpected "&"`,
		"a < b":                            `1: unexpected "<"`,
		"a ;; b":                           `1: unexpected ";;"`,
		";":                                `1: unexpected ";"`,
		"a\n then":                         `2: unexpected "then"`,
		"case a":                           `1: unexpected "case"`,
		"select a":                         `1: unexpected "select"`,
		"esac":                             `1: unexpected "esac"`,
		"do a":                             `1: unexpected "do"`,
		"if a; then\n b\n;\nfi":            `3: unexpected ";"`,
		"x [[ a":                           `1: unexpected "[["`,
	} {
		_, err := parsed(src)
		assert.EqualError(t, err, "syntax error in line "+want, "%q", src)
	}
}

// TestParseUnits: each line is a unit of its own, which runs before the next is
// looked at. What comes before an error has been done.
func TestParseUnits(t *testing.T) {
	got, err := parsed("a; b\nif c; then\nd\nfi; e;\n\nf\nfi")
	assert.EqualError(t, err, `syntax error in line 7: unexpected "fi"`)
	assert.Equal(t, "a; b\nif(c)(d); e\nf", got)

	b := Next(entries("b", "a").machine("default=a\nblscfg\nfi\n"))
	assert.EqualError(t, b.Err, `cannot determine what GRUB boots: /grub2/grub.cfg:3: unexpected "fi"`)
	assert.Equal(t, []string{"b", "a"}, ids(b), "the menu was made")
}

// TestParseLines: a statement keeps the line that it begins in.
func TestParseLines(t *testing.T) {
	p, err := newParser("a\n\nif b\nthen\n c\nelif d; then e\nfi\nfor x in y\ndo\nz; done")
	require.NoError(t, err)
	var lines []int
	var walk func([]*command)
	walk = func(list []*command) {
		for _, c := range list {
			lines = append(lines, c.line)
			walk(c.cond)
			walk(c.body)
			walk(c.other)
		}
	}
	for {
		unit, err := p.unit()
		require.NoError(t, err)
		if len(unit) == 0 {
			break
		}
		walk(unit)
	}
	assert.Equal(t, []int{1, 3, 3, 5, 6, 6, 6, 8, 10}, lines)
}

// TestNesting: as many levels as are allowed, and one more.
func TestNesting(t *testing.T) {
	nested := func(levels int) string {
		return strings.Repeat("if a; then ", levels) + "b" + strings.Repeat("; fi", levels)
	}
	_, err := parsed(nested(maxNesting - 1))
	require.NoError(t, err)
	_, err = parsed(nested(maxNesting))
	assert.EqualError(t, err, "syntax error in line 1: statements are nested too deep")
	_, err = parsed(strings.Repeat(nested(maxNesting-1)+"\n", 3))
	assert.NoError(t, err, "one after the other is not nested")
}

// TestParseIsQuotingSafe: whatever is put into single quotes is one word of that text.
func TestParseIsQuotingSafe(t *testing.T) {
	for _, text := range []string{"", " ", ";", "\n", "}", "$x", "\\", "fi", `"`, "#", "a;b\nfi } {", "\x00", "|&<>"} {
		got, err := parsed("a '" + text + "' b")
		require.NoError(t, err, "%q", text)
		assert.Equal(t, "a '"+text+"' b", got)
	}
}

func TestClip(t *testing.T) {
	e := "\u00e9"
	for s, want := range map[string]string{
		"":                          `""`,
		"a\x00\n\"":                 `"a\x00\n\""`,
		strings.Repeat("x", 64):     `"` + strings.Repeat("x", 64) + `"`,
		strings.Repeat("x", 65):     `"` + strings.Repeat("x", 64) + `..."`,
		strings.Repeat("x", 63) + e: `"` + strings.Repeat("x", 63) + `..."`,
		strings.Repeat("x", 62) + e: `"` + strings.Repeat("x", 62) + e + `"`,
		"x" + strings.Repeat(e, 32): `"x` + strings.Repeat(e, 31) + `..."`,
		strings.Repeat("\xff", 3):   `"\xff\xff\xff"`,
	} {
		assert.Equal(t, want, clip(s), "%q", s)
	}
}
