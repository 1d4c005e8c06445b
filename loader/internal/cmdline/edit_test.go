package cmdline_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
)

// TestHasKey: a key is a whole one, with a value or without; one that ends in "=" is
// the beginning of any value.
func TestHasKey(t *testing.T) {
	for _, v := range []struct {
		param, key string
		want       bool
	}{
		{"quiet", "quiet", true},
		{"root=x", "root", true},
		{"root=", "root", true},
		{"rootwait", "root", false},
		{"root", "rootwait", false},
		{"xroot=x", "root", false},
		{"Root=x", "root", false},
		{`"root=a b"`, "root", true},
		{`"quiet"`, "quiet", true},
		{`""quiet`, "quiet", false}, // the kernel drops one quote
		{"root=x", "root=", true},
		{"root=x", "root=x", true},
		{"root=xy", "root=x", false},
		{"root", "root=", false},
		{"=x", "=", false},
		{"", "root", false},
	} {
		assert.Equal(t, v.want, cmdline.HasKey(v.param, v.key), "%s of %s", v.key, v.param)
	}
	assert.True(t, cmdline.HasKey("b=1", "a", "b"), "any of them")
	assert.False(t, cmdline.HasKey("b=1"), "of none")
}

// TestDefaultsAreLast: a default is missing where its key is, in whatever form, and
// only what is before "--" counts.
func TestDefaultsAreLast(t *testing.T) {
	for line, want := range map[string]string{
		"":           "d=1",
		"d":          "d",
		"d=2":        "d=2",
		`"d=a b"`:    `"d=a b"`,
		"dd=2":       "dd=2 d=1",
		"x.d=2":      "x.d=2 d=1",
		"x -- d=2":   "x d=1 -- d=2",
		`x="d=2 y"`:  `x="d=2 y" d=1`,
		"gone=1":     "d=1",
		"gone=1 d=2": "d=2",
	} {
		edit := cmdline.Edit{Remove: []string{"gone"}, Defaults: []string{"d=1"}}
		assert.Equal(t, want, edit.Apply(line), line)
	}
	again := cmdline.Edit{Remove: []string{"d"}, Append: []string{"e"}, Defaults: []string{"d=1", "d=2"}}
	assert.Equal(t, "e d=1", again.Apply("d=0"), "after the others, and the first of two")
}

// TestReuse: the order of the changes, with everything there is.
func TestReuse(t *testing.T) {
	for name, v := range map[string]struct {
		edit       cmdline.Edit
		line, want string
	}{
		"replaced first":         {cmdline.Edit{Replace: text("own"), Reuse: "running"}, "entry", "own running"},
		"removed of both":        {cmdline.Edit{Reuse: "a=2 b", Remove: []string{"a"}}, "a=1 c", "c b"},
		"appended after it":      {cmdline.Edit{Reuse: "b", Append: []string{"c", ""}}, "a", "a b c"},
		"init's last repeat":     {cmdline.Edit{Reuse: "-- y x"}, "-- x", "-- y x"},
		"a quoted end stays":     {cmdline.Edit{Reuse: "c"}, `a "--" b`, `a c "--" b`},
		"other values stay":      {cmdline.Edit{Reuse: "console=a"}, "console=b", "console=b console=a"},
		"measuring of the entry": {cmdline.Edit{Reuse: "a " + cmdline.MeasuredOS}, cmdline.MeasuredOS, cmdline.MeasuredOS + " a"},
		"a trial's are gone":     {cmdline.Edit{Reuse: "a kexec_bls.try=1 panic=9 -- s"}, "b", "b a -- s"},
	} {
		assert.Equal(t, v.want, v.edit.Apply(v.line), name)
	}
}

// TestCheckSaysWhy: both numbers and what to do.
func TestCheckSaysWhy(t *testing.T) {
	err := cmdline.Check("12345", 4)
	require.EqualError(t, err, "command line refused: 5 characters, the kernel takes at most 4")
	assert.Equal(t, "shorten the options lines or remove parameters", hint.Of(err))
	require.NoError(t, cmdline.Check("", 1))
	for _, limit := range []int{0, 1, 100} {
		require.EqualError(t, cmdline.Check("ab\x00cd", limit), "command line refused: NUL at byte 2, the kernel would drop the rest")
	}
}

func TestJoin(t *testing.T) {
	lines := []string{"", "a  b", "", "c ", ""}
	assert.Equal(t, "a  b c ", cmdline.Join(lines...))
	assert.Equal(t, []string{"", "a  b", "", "c ", ""}, lines, "they stay as they are")
	assert.Empty(t, cmdline.Join())
}
