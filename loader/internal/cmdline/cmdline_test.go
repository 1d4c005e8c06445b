package cmdline_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
)

func text(s string) *string { return &s }

func TestApply(t *testing.T) {
	const running = `BOOT_IMAGE=/vmlinuz root=/dev/vda2 initrd=\ucode.img initrd=\main.img quiet crashkernel=256M kho=on systemd.mask=systemd-bless-boot.service`
	for name, v := range map[string]struct {
		edit       cmdline.Edit
		line, want string
	}{
		"nothing":                    {cmdline.Edit{}, "a  b ", "a  b "},
		"append":                     {cmdline.Edit{Append: []string{"c d", "e"}}, "a", "a c d e"},
		"append to nothing":          {cmdline.Edit{Append: []string{"c"}}, "", "c"},
		"remove a flag":              {cmdline.Edit{Remove: []string{"quiet"}}, "a quiet b", "a b"},
		"remove a key":               {cmdline.Edit{Remove: []string{"root"}}, "root=x rootwait root b", "rootwait b"},
		"remove every one":           {cmdline.Edit{Remove: []string{"console"}}, "console=a x console=b", "x"},
		"remove nothing keeps bytes": {cmdline.Edit{Remove: []string{"z"}}, " a  b ", " a  b "},
		"remove a quoted word":       {cmdline.Edit{Remove: []string{"dyndbg"}}, `a dyndbg="file a.c +p" b`, "a b"},
		"a quoted blank is no end":   {cmdline.Edit{Remove: []string{"b"}}, `x="a b" c`, `x="a b" c`},
		"remove a wholly quoted one": {cmdline.Edit{Remove: []string{"x"}}, `"x=a b" c`, "c"},
		"replace":                    {cmdline.Edit{Replace: text("x y")}, "a b", "x y"},
		"replace by nothing":         {cmdline.Edit{Replace: text("")}, "a b", ""},
		"reuse":                      {cmdline.Edit{Reuse: running}, "", "root=/dev/vda2 quiet crashkernel=256M kho=on"},
		"reuse drops repeats":        {cmdline.Edit{Reuse: running}, "quiet rw", "rw root=/dev/vda2 quiet crashkernel=256M kho=on"},
		"the last repeat stays":      {cmdline.Edit{Reuse: "a b", Append: []string{"a"}}, "", "b a"},
		"repeats stay otherwise":     {cmdline.Edit{}, "a a", "a a"},
		"append before init's":       {cmdline.Edit{Append: []string{"panic=30"}, Defaults: []string{"d=1"}}, "root=x quiet -- single", "root=x quiet panic=30 d=1 -- single"},
		"reuse keeps both halves":    {cmdline.Edit{Reuse: "BOOT_IMAGE=/v b -- y initrd=z"}, "a -- x", "a b -- x y initrd=z"},
		"init's arguments stay":      {cmdline.Edit{Remove: []string{"a", "--"}}, "a b -- a", "b -- a"},
		"reuse of init's arguments":  {cmdline.Edit{Reuse: "a -- x"}, "a -- x", "a -- x"},
		"a separator with nothing":   {cmdline.Edit{}, "a --", "a --"},
		"blanks around it stay":      {cmdline.Edit{}, " a  --  b ", " a  --  b "},
		"nothing before it":          {cmdline.Edit{Remove: []string{"a"}}, "a -- b", "-- b"},
		"append, nothing before it":  {cmdline.Edit{Append: []string{"c"}}, "-- b", "c -- b"},
		"append to a separator":      {cmdline.Edit{Append: []string{"c"}}, "--", "c --"},
		"reuse, nothing before it":   {cmdline.Edit{Reuse: "c -- d"}, "-- b", "c -- b d"},
		"a default, only a tail":     {cmdline.Edit{Defaults: []string{"c=1"}}, "-- b", "c=1 -- b"},
		"a quoted separator":         {cmdline.Edit{Append: []string{"c"}}, `a "--" b`, `a c "--" b`},
		"reuse, quoted separators":   {cmdline.Edit{Reuse: `c "--" d`}, `a "--" b`, "a c -- b d"},
		"an open quote":              {cmdline.Edit{Append: []string{"c"}}, `a "--`, `a c "--`},
		"a separator in quotes":      {cmdline.Edit{Append: []string{"c"}}, `a="x -- y" b`, `a="x -- y" b c`},
		"a value":                    {cmdline.Edit{Append: []string{"c"}}, `a=-- --b b--`, `a=-- --b b-- c`},
		"a tab before it":            {cmdline.Edit{Append: []string{"c"}}, "a\t--\tb", "a c\t--\tb"},
		"remove before append":       {cmdline.Edit{Remove: []string{"a"}, Append: []string{"a=2"}}, "a=1 b", "b a=2"},
	} {
		assert.Equal(t, v.want, v.edit.Apply(v.line), name)
	}
}

// TestReuseDoesNotGrow is a machine that is kexec'ed a hundred times with the
// line of the time before.
func TestReuseDoesNotGrow(t *testing.T) {
	edit := cmdline.Edit{Append: []string{"extra=1", cmdline.BlessMask}}
	line := "BOOT_IMAGE=/v root=x quiet"
	for range 100 {
		edit.Reuse = line
		line = edit.Apply("")
	}
	assert.Equal(t, "root=x quiet extra=1 "+cmdline.BlessMask, line)
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                 nil,
		"  \t\n ":          nil,
		"a b":              {"a", "b"},
		`a="b c" d`:        {`a="b c"`, "d"},
		`"a b"c d`:         {`"a b"c`, "d"},
		`a="unclosed b`:    {`a="unclosed b`},
		"a\tb\nc":          {"a", "b", "c"},
		`--  init arg="x"`: {"--", "init", `arg="x"`},
	} {
		assert.Equal(t, want, cmdline.Split(line), "%q", line)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`a "b c" d="e  f"`)
	f.Fuzz(func(t *testing.T, line string) {
		params := cmdline.Split(line)
		again := cmdline.Split(strings.Join(params, " "))
		if strings.Count(line, `"`)%2 == 0 && !assert.ObjectsAreEqual(params, again) {
			t.Errorf("%q split into %q, and those into %q", line, params, again)
		}
		if got := (cmdline.Edit{}).Apply(line); got != line {
			t.Errorf("no edit made %q of %q", got, line)
		}
	})
}

func TestCheckCmdline(t *testing.T) {
	require.NoError(t, cmdline.Check(strings.Repeat("x", 2016), 2016))
	err := cmdline.Check(strings.Repeat("x", 2017), 2016)
	require.ErrorIs(t, err, cmdline.ErrRefused)
	assert.ErrorContains(t, err, "2017 characters, the kernel takes at most 2016")
	require.ErrorIs(t, cmdline.Check("a\x00b", 100), cmdline.ErrRefused)
	require.NoError(t, cmdline.Check(strings.Repeat("x", 1<<20), 0), "not known")
}

func TestApplyDefaults(t *testing.T) {
	e := cmdline.Edit{Defaults: []string{"acpi_rsdp=0x1"}}
	assert.Equal(t, "quiet acpi_rsdp=0x1", e.Apply("quiet"))
	assert.Equal(t, "acpi_rsdp=0x2 quiet", e.Apply("acpi_rsdp=0x2 quiet"), "who says it knows better")
	assert.Equal(t, "acpi_rsdp=0x1", e.Apply(""))
	e.Reuse = "acpi_rsdp=0x1 quiet"
	assert.Equal(t, "root=x acpi_rsdp=0x1 quiet", e.Apply("root=x"), "ten kexecs later there is one")
}

func TestDiff(t *testing.T) {
	got := cmdline.Diff("BOOT_IMAGE=/v root=x quiet a a", "root=x a debug")
	assert.Equal(t, []cmdline.Change{{Parameter: "quiet"}, {Parameter: "a"}, {Added: true, Parameter: "debug"}}, got)
	assert.Empty(t, cmdline.Diff(`initrd=\a.img a`, `initrd=\a.img a`), "read before the boot")
	assert.Empty(t, cmdline.Diff("a b", "b a"))
	assert.Empty(t, cmdline.Diff("a acpi_rsdp=0x1 "+cmdline.BlessMask, "a"), "what is added for a kexec alone")
	assert.Equal(t, []cmdline.Change{{Added: true, Parameter: "acpi_rsdp=0x1"}}, cmdline.Diff("a", "a acpi_rsdp=0x1"), "it is shown")
}

// TestValue reads a parameter as the kernel does: the last one counts, quotes go,
// and what is after "--" is for init.
func TestValue(t *testing.T) {
	for line, want := range map[string]string{
		"panic=10 quiet":                 "10",
		"panic=10 panic=-1":              "-1",
		`panic="10"`:                     "10",
		`"panic=10"`:                     "10",
		`"panic=a b" x`:                  "a b",
		"panic=":                         "",
		"panic=5=6":                      "5=6",
		"panic=1 -- panic=2":             "1",
		"panic quiet":                    "none",
		"panic_on_oops=1 kernel.panic=3": "none",
		"":                               "none",
	} {
		value, given := cmdline.Value(line, "panic")
		if !given {
			value = "none"
		}
		assert.Equal(t, want, value, line)
	}
}

// TestTrialIsCutOff: what a trial added is for that kernel alone.
func TestTrialIsCutOff(t *testing.T) {
	for line, want := range map[string]string{
		"a kexec_bls.try=one panic=10":           "a",
		"kexec_bls.try=one panic=10":             "",
		"a kexec_bls.try=one panic=10 -- single": "a -- single",
		"a x_kexec_bls.try=one":                  "a x_kexec_bls.try=one",
	} {
		assert.Equal(t, want, cmdline.Inherit(line), line)
	}
}

// nextArg is lib/cmdline.c's next_arg for what follows blanks: the name of a
// parameter, its value where it has one, and the rest of the line.
func nextArg(line string) (param string, value *string, rest string) {
	b, quoted, inQuote, equals, i := []byte(line), false, false, 0, 0
	if b[0] == '"' {
		b, quoted, inQuote = b[1:], true, true
	}
	for ; i < len(b) && (inQuote || !strings.ContainsRune(" \t\n\v\f\r", rune(b[i]))); i++ {
		if equals == 0 && b[i] == '=' {
			equals = i
		}
		inQuote = inQuote != (b[i] == '"')
	}
	arg, rest := string(b[:i]), string(b[min(i+1, len(b)):])
	text := func(from int) string {
		if from < len(arg) && arg[from] == '"' && equals > 0 {
			from++
			return strings.TrimSuffix(arg[from:], `"`)
		}
		if quoted {
			return strings.TrimSuffix(arg[from:], `"`)
		}
		return arg[from:]
	}
	if equals == 0 {
		return text(0), nil, rest
	}
	v := text(equals + 1)
	return arg[:equals], &v, rest
}

// TestValueIsTheKernels: of any line, however its quotes are.
func TestValueIsTheKernels(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	pieces := []string{"a", "a=", "b", "=", `"`, " ", "\t", "--", "x"}
	for range 30_000 {
		var line strings.Builder
		for range 1 + r.IntN(9) {
			line.WriteString(pieces[r.IntN(len(pieces))])
		}
		want, given := "", false
		for rest := line.String(); strings.TrimLeft(rest, " \t") != ""; {
			var param string
			var value *string
			param, value, rest = nextArg(strings.TrimLeft(rest, " \t"))
			if value == nil && param == "--" {
				break
			}
			if value != nil && param == "a" {
				want, given = *value, true
			}
		}
		got, ok := cmdline.Value(line.String(), "a")
		require.Equal(t, given, ok, "%q", line.String())
		require.Equal(t, want, got, "%q", line.String())
	}
}
