package grub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExpandOptions(t *testing.T) {
	vars := map[string]string{"ab": "v", "cd": "w", "x": "one"}
	get := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	for _, c := range []struct{ value, want string }{
		{"a b", "a b"},
		{"x=$unset ro", "x=ro"},
		{"$ab-x", "v -x"},
		{"$ab$cd", "v w "},
		{"${ab} y", "{ab} y"},
		{`\$ab`, "v "}, // one character before the $ is lost
		{`yy\$ab`, `yy\v `},
		{"'$ab'", "v "}, // and one at the end
		{"x$ab", "v "},
		{"root=1 $ab 3", "root=1 v "},
		{"root=1 $ab", "root=1 v "},
		{"a=$", "a="},
		{"root=1 $1 ro", "root=1 ro"},
		{"$x ro", "one ro"},
	} {
		got, ok, err := expandOptions(c.value, Upstream, get)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%q", c.value)
		assert.Equal(t, c.want != "" || c.value == "x", ok || c.want == "", "%q", c.value)
	}
	for _, value := range []string{"", "x", "$unset", "$$ ro", "$unset$ab ro"} {
		_, ok, err := expandOptions(value, Upstream, get)
		require.NoError(t, err)
		assert.False(t, ok, "%q has no value", value)
	}
}

func TestExpandOptionsIsBounded(t *testing.T) {
	long := strings.Repeat("y", 900)
	get := func(string) (string, bool) { return long, true }
	_, _, err := expandOptions(strings.Repeat("$xx ", 1<<18), Fedora, get)
	assert.ErrorIs(t, err, errTooLong)
}

// cmdlineOf runs an entry with these options and returns what arrives.
func cmdlineOf(t *testing.T, flavor Flavor, options string, vars map[string]string) (string, error) {
	t.Helper()
	d := disk{"loader/entries/a.conf": "title A\nlinux /k\noptions " + options + "\n", "k": "", "k-e-1-1": ""}
	m := d.machine("blscfg\n")
	m.Flavor, m.Variables = flavor, vars
	b := Next(m)
	if b.Err != nil {
		return "", b.Err
	}
	return b.Command.Cmdline, nil
}

func TestCommandLine(t *testing.T) {
	vars := map[string]string{"kernelopts": "root=1 a=$unset b", "ab": "v", "spaced": " p  q "}
	for _, c := range []struct{ options, fedora, upstream string }{
		{"a  b\tc ", "a b c", "a b c"},
		{`dyndbg="file x +p" z`, `"dyndbg=file x +p" z`, `"dyndbg=file x +p" z`},
		{`'single q' z`, `"single q" z`, `"single q" z`},
		{`a\ b c`, `"a b" c`, `"a b" c`},
		{`x="1" y=2`, "x=1 y=2", "x=1 y=2"},
		{`back\\slash z`, `back\\slash z`, `back\\slash z`},
		{`a\x20b z`, `a\x20b z`, "ax20b z"},
		{"$kernelopts", "root=1 a= b", "root=1 a= b"},
		{"aa $spaced bb", "aa p q bb", "aa p q bb"},
		{`yy\$ab zz`, `yy$ab zz`, `yyv zz`},
		{"aa #comment", "aa", "aa"},
		{"a#b cc", "a#b cc", "a#b cc"},
		{"aa;bb", "aa", "aa"},
		{"ro {x}", "ro {x}", "ro {x}"},
		{"!x ro", "!x ro", "!x ro"},
		{"ro a=?", "ro a=?", "ro a=?"},
		{"ro /k-*", "ro /k-e-1-1", "ro /k-e-1-1"},
		{"ro '/k-*'", "ro /k-*", "ro /k-*"},
		{"ro /none*", "ro /none*", "ro /none*"},
		{"ro if then", "ro if then", "ro if then"},
		{"aa=é", "aa=é", "aa=é"},
		{`aa "" bb`, "aa  bb", "aa  bb"},
	} {
		for flavor, want := range map[Flavor]string{Fedora: c.fedora, Upstream: c.upstream} {
			got, err := cmdlineOf(t, flavor, c.options, vars)
			require.NoError(t, err, "%s %q", flavor, c.options)
			assert.Equal(t, want, got, "%s %q", flavor, c.options)
		}
	}
}

func TestCommandLineRefusals(t *testing.T) {
	for _, options := range []string{"a|b", "a & b", "<x>", "{x} ro", "ro }", `"open ro`, "it's", "{ ro", "$ab", "ro a ;; b"} {
		for _, flavor := range []Flavor{Fedora, Upstream} {
			_, err := cmdlineOf(t, flavor, options, map[string]string{"ab": "x$ y"})
			var failed *FailedError
			assert.ErrorAs(t, err, &failed, "%s %q", flavor, options)
		}
	}
	for _, options := range []string{"on $root", "aa;reboot", "/k*"} {
		_, err := cmdlineOf(t, Fedora, options, nil)
		var u *UndeterminedError
		assert.ErrorAs(t, err, &u, "%q", options)
	}
}

func TestDefaultKernelopts(t *testing.T) {
	d := disk{"loader/entries/a.conf": "linux /k\noptions $unset\n", "k": ""}
	for flavor, want := range map[Flavor]string{Fedora: "root=/dev/fallback ro", Upstream: ""} {
		m := d.machine("set default_kernelopts='root=/dev/fallback ro'\nblscfg\n")
		m.Flavor = flavor
		b := Next(m)
		require.NoError(t, b.Err)
		assert.Equal(t, want, b.Command.Cmdline)
	}
}

func FuzzExpand(f *testing.F) {
	f.Add(`$kernelopts "a b" \x20 {x} * $x$y`, "root=$x ro", uint8(1))
	f.Add("$$ 'x", "y", uint8(2))
	f.Fuzz(func(t *testing.T, options, value string, flavor uint8) {
		if strings.ContainsAny(options, "\n") {
			return
		}
		got, err := cmdlineOf(t, Flavor(flavor%2)+Fedora, options, map[string]string{"kernelopts": value, "x": value})
		if err != nil && got != "" || len(got) > maxText+1 || isUnknown(got) {
			t.Fatalf("%q beside %v", clip(got), err)
		}
	})
}
