package grub

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tested is what "[ ARGS ]" returns. "?" in an argument is what is not known.
func tested(t *testing.T, r *runner, args string) status {
	t.Helper()
	list := strings.Fields(strings.ReplaceAll(args, "?", unknown))
	for i, a := range list {
		if a == "''" {
			list[i] = ""
		}
	}
	require.NoError(t, r.test(call{name: "[", args: append(list, "]")}), args)
	return r.status
}

// TestTestWithUnknown: what is not known counts only where it decides.
func TestTestWithUnknown(t *testing.T) {
	r := disk{"f": "x"}.bare()
	for args, want := range map[string]status{
		"? = a":                cannotKnow,
		"a = ?":                cannotKnow,
		"? = ?":                success, // the same, whatever it is
		"? == ?":               success,
		"? != ?":               cannotKnow,
		"? < ?":                cannotKnow,
		"? -eq ?":              cannotKnow,
		"1 -pgt ?":             cannotKnow,
		"! ? = a":              cannotKnow,
		"? = a -a x = y":       failure,
		"x = y -a ? = a":       failure,
		"? = a -a x = x":       cannotKnow,
		"? = a -o x = x":       success,
		"x = x -o ? = a":       success,
		"? = a -o x = y":       cannotKnow,
		"x = y -o ? = a":       cannotKnow,
		"? = a -o ? = b":       cannotKnow,
		"( ? = a -a x = y )":   failure,
		"! ( ? = a -o x = x )": failure,
		"-f /?":                cannotKnow,
		"-f /? -a x = y":       failure,
		"-f /? -o -f /f":       success,
		"? -nt a -a x = y":     failure,
		"a -nt b":              cannotKnow,
		"a -ot b":              cannotKnow,
		"a -nt-3 b":            cannotKnow,
		"?":                    success, // a text that is not empty, as a number of a disk never is
	} {
		assert.Equal(t, want, tested(t, r, args), args)
	}
}

func TestStatusLogic(t *testing.T) {
	all := []status{success, failure, cannotKnow}
	for _, c := range []struct {
		a     status
		not   status
		orAll []status // with each of all
		text  string
	}{
		{success, failure, []status{success, success, success}, "0"},
		{failure, success, []status{success, failure, cannotKnow}, "1"},
		{cannotKnow, cannotKnow, []status{success, cannotKnow, cannotKnow}, unknown},
	} {
		assert.Equal(t, c.not, negate(c.a))
		assert.Equal(t, c.text, c.a.number())
		for i, b := range all {
			assert.Equal(t, c.orAll[i], or(c.a, b))
			assert.Equal(t, c.orAll[i], or(b, c.a), "the order does not count")
		}
	}
	assert.Equal(t, success, statusOf(true))
	assert.Equal(t, failure, statusOf(false))
}

func TestTestTerms(t *testing.T) {
	r := disk{"f": "x"}.bare()
	for args, want := range map[string]bool{
		"":                true, // nothing is false, so nothing fails
		"''":              false,
		"a":               true,
		"a ''":            false,
		"'' a":            false,
		"a -a b":          true,
		"a b -o ''":       true,
		"'' -o ''":        false,
		"'' -o a":         true,
		"'' -o a ''":      false,
		"-o":              true, // nothing, twice
		"-a":              true,
		"!":               true,
		"! a":             false,
		"! ! a":           true,
		"! '' ''":         false, // "!" is the next term's only
		"-n a":            true,
		"-n ''":           false,
		"-z ''":           true,
		"-z a":            false,
		"-n":              true, // a text
		"-z":              true,
		"! -z a":          true,
		"! -n":            false,
		"-n a -a -z ''":   true,
		"-n -a":           true,
		"( a )":           true,
		"( '' )":          false,
		"( a":             true,
		"( a ) ''":        false,
		"( ( '' -o a ) )": true,
		"! ( '' )":        true,
		"( = (":           true,
		"( != )":          true,
		") ''":            true, // a closing one ends the terms
		"= = =":           true,
		"-n = -n":         true,
		"-a = -a":         true,
		"-o != -o":        false,
		"! != a":          true,
		"a = b = c":       false,
		"1 -eq 01":        true,
		"08 -eq 0":        true,
		"-1 -lt 1":        true,
		"2 -lt 2":         false,
		"2 -le 2":         true,
		"3 -le 2":         false,
		"2 -gt 2":         false,
		"2 -ge 2":         true,
		"1 -ge 2":         false,
		"3 -gt 2":         true,
		"1 -ne 1":         false,
		"1 -ne 2":         true,
		"a -eq b":         true, // both are 0
		"a1 -pgt a0":      true,
		"a1 -pgt a1":      false,
		"a1 -plt a1":      false,
		"a1 -plt a2":      true,
		"a2 -plt a1":      false,
		"b < a":           false,
		"a < a":           false,
		"a <= a":          true,
		"a > a":           false,
		"a >= a":          true,
		"b >= a":          true,
		"a >= b":          false,
		"A < a":           true,
		"a == a":          true,
		"a == b":          false,
		"a != a":          false,
		"a -xx b":         true, // three texts
		"a -eq2 b":        true,
	} {
		assert.Equal(t, statusOf(want), tested(t, r, args), args)
	}
}

// TestTestNumbersAtTheirLimit: GRUB's numbers are wider and may overflow, so those
// that are too large here are not compared.
func TestTestNumbersAtTheirLimit(t *testing.T) {
	r := disk{}.bare()
	for args, want := range map[string]status{
		"1073741823 -eq 1073741823":   success,
		"1073741824 -eq 1073741824":   cannotKnow,
		"0 -lt 1073741824":            cannotKnow,
		"-1073741823 -lt 0":           success,
		"-1073741824 -lt 0":           cannotKnow,
		"0 -gt -1073741824":           cannotKnow,
		"99999999999999999999 -ne 1":  cannotKnow,
		"1 -pgt 99999999999999999999": cannotKnow,
		"1073741824 -xx 1":            success, // no operator: texts
		"1073741824 = 1073741824":     success,
	} {
		assert.Equal(t, want, tested(t, r, args), args)
	}
}

// TestTestNesting: as many parentheses as are allowed.
func TestTestNesting(t *testing.T) {
	r := disk{}.bare()
	deep := func(n int) call { return call{name: "test", args: strings.Fields(strings.Repeat("( ", n) + "a")} }
	require.NoError(t, r.test(deep(maxNesting-1)))
	assert.Equal(t, success, r.status)
	assert.EqualError(t, r.test(deep(maxNesting)), "cannot determine what GRUB boots: parentheses are nested too deep")
	many := call{name: "test", args: strings.Fields(strings.Repeat("( a ) ", 10*maxNesting))}
	assert.NoError(t, r.test(many), "one after the other is not nested")
}

func TestTestFiles(t *testing.T) {
	d := disk{"f": "x", "empty": "", "dir/f": "x", "link": "-> dir"}
	m := d.machine("")
	m.Start.FS.(fstest.MapFS)["pipe"] = &fstest.MapFile{Mode: fs.ModeNamedPipe, Data: []byte("x")}
	r := newRunner(m)
	r.vars["root"] = r.deviceName(m.Start)
	for name, want := range map[string]string{ // which of -e -f -d -s hold
		"/f": "efs", "/empty": "ef", "/dir": "ed", "/dir/f": "efs", "/dir/": "ed", "f": "ef", "dir": "ed", "dir/f": "", "/dir/none": "", "/f/x": "",
		"/link": "ed", "/link/f": "efs", "/pipe": "ef", "/": "ed", "/dir/../f": "efs", "//f": "efs", "(none)/f": "",
	} {
		got := ""
		for _, op := range []string{"e", "f", "d", "s"} {
			if tested(t, r, "-"+op+" "+name) == success {
				got += op
			}
		}
		assert.Equal(t, want, got, name)
	}
}

func TestEntryOf(t *testing.T) {
	for name, want := range map[string]string{
		"": "/", "/": "/", "a": "/a", "a/": "/a", "/a//": "/a", "a/b": "a/b", "(x)": "(x)/", "(x)/": "(x)/", "(x)a": "(x)/a", "(x)/a/": "(x)/a", "(x)a/b": "(x)a/b", "(x": "/(x", "x)a": "/x)a", "()/a": "()/a",
	} {
		assert.Equal(t, want, entryOf(name), name)
	}
}
