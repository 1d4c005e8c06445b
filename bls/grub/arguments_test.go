package grub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bare returns a runner on a disk that has run nothing.
func (d disk) bare() *runner {
	m := d.machine("")
	r := newRunner(m)
	r.vars["root"] = r.deviceName(m.Start)
	return r
}

// ran returns a runner that has run a script on a disk.
func (d disk) ran(t *testing.T, script string) *runner {
	t.Helper()
	r := newRunner(d.machine(script))
	require.NoError(t, r.begin(), script)
	return r
}

// words are the words of one command.
func words(t *testing.T, src string) []word {
	t.Helper()
	var out []word
	for _, tok := range lexed(t, src) {
		require.Empty(t, tok.op, src)
		out = append(out, tok.word)
	}
	return out
}

func TestArguments(t *testing.T) {
	vars := map[string]string{"a": "1", "s": " x  y", "e": "", "g": "*", "q": `a'b"`, "b": `p\q`, "n": "\tx\ty\nz\r\rv\n", "m": "/k-\\*"}
	for src, want := range map[string][]string{
		"":                   nil,
		"x y":                {"x", "y"},
		"$a":                 {"1"},
		"x${a}y$a":           {"x1y1"},
		"$u":                 nil,
		"$e":                 nil,
		"$u$e":               nil,
		"x$u y":              {"x", "y"},
		"$u y":               {"y"},
		`"$u"`:               {""},
		"''":                 {""},
		"''$u":               {""},
		"$s":                 {"x", "y"},
		"w$s":                {"wx", "y"},
		`"$s"`:               {" x  y"},
		`w"$s"z`:             {"w x  yz"},
		"$n":                 {"x", "y", "z", "v"},
		"w$n":                {"wx", "y", "z", "v"}, // blanks at the ends of a value part nothing
		"w${n}u":             {"wx", "y", "z", "vu"},
		"$m":                 {`/k-\*`},
		"$q":                 {`a'b"`},
		"'$a'":               {"$a"},
		`\$a`:                {"$a"},
		`x\ y`:               {"x y"},
		`x\\y`:               {`x\y`},
		`x\y`:                {"xy"},
		`'x\y'`:              {`x\y`},
		`"x\y"`:              {`x\y`},
		"$b":                 {`p\q`}, // backslashes of a value remain
		"$b$b":               {`p\qp\q`},
		`"$b"`:               {`p\q`},
		`x\*y`:               {"x*y"},
		`'*'"?"`:             {"*?"},
		`"$g"`:               {"*"},
		"$1-$2":              {"one-t", "wo"},
		`"$1-$2"`:            {"one-t wo"},
		"$3":                 nil,
		"$0":                 nil,
		"$#":                 {"2"},
		"$@":                 {"one", "t", "wo"},
		"$*":                 {"one", "t", "wo"},
		`"$@"`:               {"one", "t wo"},
		`x"$@"y`:             {"xone", "t woy"},
		`"$*"`:               {"one t wo"},
		"$?":                 {"1"},
		"$99999999999999999": nil,
	} {
		r := disk{}.bare()
		r.params, r.status, r.functions = []string{"one", "t wo"}, failure, 1
		for name, value := range vars {
			r.vars[name] = value
		}
		got, err := r.arguments(words(t, src))
		require.NoError(t, err, "%q", src)
		assert.Equal(t, want, got, "%q", src)
	}
}

func TestNoParameters(t *testing.T) {
	for src, want := range map[string][]string{"$@": nil, "$*": nil, `"$*"`: {""}, `x"$@"y`: {"xy"}, "$#": nil, "$1": nil} {
		got, err := disk{}.bare().arguments(words(t, src))
		require.NoError(t, err, src)
		assert.Equal(t, want, got, src)
	}
}

// TestArgumentsAreBounded: the largest text, and one byte more.
func TestArgumentsAreBounded(t *testing.T) {
	r := disk{}.bare()
	r.vars["x"] = strings.Repeat("x", maxText-1)
	got, err := r.arguments(words(t, "$x"))
	require.NoError(t, err)
	assert.Len(t, got[0], maxText-1)
	for _, src := range []string{"$x y", "y$x$x$x", `"$x$x"`} {
		_, err = r.arguments(words(t, src))
		assert.Equal(t, errTooLong, err, src)
	}
	assert.EqualError(t, r.blame(errTooLong), "cannot determine what GRUB boots: a text grows over 65536 bytes")
	assert.Equal(t, errDisk, r.blame(errDisk))
	assert.NoError(t, r.blame(nil))
}

func TestUnslash(t *testing.T) {
	for s, want := range map[string]struct{ fedora, upstream string }{
		"":            {"", ""},
		"ab":          {"ab", "ab"},
		`a\b`:         {"ab", "ab"},
		`\\`:          {`\`, `\`},
		`a\`:          {`a\`, `a\`},
		`\x20`:        {`\x20`, "x20"},
		`a\xAFb\xfaf`: {`a\xAFb\xfaf`, "axAFbxfaf"},
		`\x2`:         {"x2", "x2"},
		`\xg0\x0g`:    {"xg0x0g", "xg0x0g"},
		`\X20`:        {"X20", "X20"},
		`\\x20`:       {`\x20`, `\x20`},
		`\x20\ c`:     {`\x20 c`, "x20 c"},
	} {
		assert.Equal(t, want.fedora, unslash(s, Fedora), s)
		assert.Equal(t, want.fedora, unslash(s, SUSE), s)
		assert.Equal(t, want.upstream, unslash(s, Upstream), s)
	}
}

func TestJoinLine(t *testing.T) {
	for _, c := range []struct {
		args             []string
		fedora, upstream string
	}{
		{nil, "", ""},
		{[]string{"a"}, "a", "a"},
		{[]string{"a", "b", "c"}, "a b c", "a b c"},
		{[]string{"", "a", ""}, " a ", " a "},
		{[]string{"a b", "c"}, `"a b" c`, `"a b" c`},
		{[]string{" "}, `" "`, `" "`},
		{[]string{"a\tb"}, "a\tb", "a\tb"}, // only a blank needs quotes
		{[]string{`a"b'c\d`}, `a\"b\'c\\d`, `a\"b\'c\\d`},
		{[]string{`a "b"`}, `"a \"b\""`, `"a \"b\""`},
		{[]string{`a\x20b`}, `a\x20b`, `a\\x20b`},
		{[]string{`\x2 \xzz`}, `"\\x2 \\xzz"`, `"\\x2 \\xzz"`},
		{[]string{"\u00e9=\xff"}, "\u00e9=\xff", "\u00e9=\xff"},
	} {
		for flavor, want := range map[Flavor]string{Fedora: c.fedora, SUSE: c.fedora, Upstream: c.upstream} {
			got, err := joinLine(c.args, flavor)
			require.NoError(t, err)
			assert.Equal(t, want, got, "%s %q", flavor, c.args)
		}
	}
	half := strings.Repeat("x", maxText/2)
	got, err := joinLine([]string{half, half[1:]}, Fedora)
	require.NoError(t, err)
	assert.Len(t, got, maxText)
	got, err = joinLine([]string{half, half}, Fedora)
	assert.Equal(t, errTooLong, err)
	assert.Empty(t, got)
}

// TestQuotedWordsArrive: text in single quotes is, whatever it holds, one argument of
// exactly that text.
func TestQuotedWordsArrive(t *testing.T) {
	r := entries("a").bare()
	for _, text := range []string{"", "a b", "*", "/k-*", `\`, `\\`, `\x20`, "$root", "?", "#", ";", "\n", "a\"b", "[a]", `\*`} {
		got, err := r.arguments(words(t, "'"+text+"'"))
		require.NoError(t, err)
		assert.Equal(t, []string{text}, got)
	}
}

func TestCutName(t *testing.T) {
	for s, want := range map[string][2]string{
		"": {"", ""}, "ab c": {"ab", " c"}, "a_9Z-x": {"a_9Z", "-x"}, "9a": {"9a", ""}, "{a}": {"", "{a}"}, "$a": {"", "$a"}, "\u00e9": {"", "\u00e9"},
	} {
		name, rest := cutName(s)
		assert.Equal(t, want, [2]string{name, rest}, s)
	}
}

func TestCutDollar(t *testing.T) {
	for _, c := range []struct {
		s        string
		fedora   []string // before, after; nil where there is no $
		upstream []string
	}{
		{"", nil, nil},
		{"ab", nil, nil},
		{"$a", []string{"", "a"}, []string{"", "a"}},
		{"x$", []string{"x", ""}, []string{"x", ""}},
		{"x$$a", []string{"x", "$a"}, []string{"x", "$a"}},
		{`x\$a`, nil, []string{`x\`, "a"}},
		{`x\$a$b`, []string{`x\$a`, "b"}, []string{`x\`, "a$b"}},
		{`x\\$a`, nil, []string{`x\\`, "a"}},
	} {
		for flavor, want := range map[Flavor][]string{Fedora: c.fedora, SUSE: c.fedora, Upstream: c.upstream} {
			before, after, found := cutDollar(c.s, flavor)
			if want == nil {
				want = []string{c.s, ""}
				assert.False(t, found, c.s)
			}
			assert.Equal(t, want, []string{before, after}, "%s %s", flavor, c.s)
		}
	}
}
