package loader_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader"
)

func TestApply(t *testing.T) {
	const running = `BOOT_IMAGE=/vmlinuz root=/dev/vda2 initrd=\ucode.img initrd=\main.img quiet crashkernel=256M kho=on systemd.mask=systemd-bless-boot.service`
	for name, v := range map[string]struct {
		edit       loader.Edit
		line, want string
	}{
		"nothing":                    {loader.Edit{}, "a  b ", "a  b "},
		"append":                     {loader.Edit{Append: []string{"c d", "e"}}, "a", "a c d e"},
		"append to nothing":          {loader.Edit{Append: []string{"c"}}, "", "c"},
		"remove a flag":              {loader.Edit{Remove: []string{"quiet"}}, "a quiet b", "a b"},
		"remove a key":               {loader.Edit{Remove: []string{"root"}}, "root=x rootwait root b", "rootwait b"},
		"remove every one":           {loader.Edit{Remove: []string{"console"}}, "console=a x console=b", "x"},
		"remove nothing keeps bytes": {loader.Edit{Remove: []string{"z"}}, " a  b ", " a  b "},
		"remove a quoted word":       {loader.Edit{Remove: []string{"dyndbg"}}, `a dyndbg="file a.c +p" b`, "a b"},
		"a quoted blank is no end":   {loader.Edit{Remove: []string{"b"}}, `x="a b" c`, `x="a b" c`},
		"remove a wholly quoted one": {loader.Edit{Remove: []string{"x"}}, `"x=a b" c`, "c"},
		"replace":                    {loader.Edit{Replace: "x y", ReplaceSet: true}, "a b", "x y"},
		"replace by nothing":         {loader.Edit{ReplaceSet: true}, "a b", ""},
		"reuse":                      {loader.Edit{Reuse: running}, "", "root=/dev/vda2 quiet crashkernel=256M kho=on"},
		"reuse drops repeats":        {loader.Edit{Reuse: running}, "quiet rw", "rw root=/dev/vda2 quiet crashkernel=256M kho=on"},
		"the last repeat stays":      {loader.Edit{Reuse: "a b", Append: []string{"a"}}, "", "b a"},
		"repeats stay otherwise":     {loader.Edit{}, "a a", "a a"},
		"remove before append":       {loader.Edit{Remove: []string{"a"}, Append: []string{"a=2"}}, "a=1 b", "b a=2"},
	} {
		assert.Equal(t, v.want, v.edit.Apply(v.line), name)
	}
}

// TestReuseDoesNotGrow is a machine that is kexec'ed a hundred times with the
// line of the time before.
func TestReuseDoesNotGrow(t *testing.T) {
	edit := loader.Edit{Append: []string{"extra=1", loader.BlessMask}}
	line := "BOOT_IMAGE=/v root=x quiet"
	for range 100 {
		edit.Reuse = line
		line = edit.Apply("")
	}
	assert.Equal(t, "root=x quiet extra=1 "+loader.BlessMask, line)
}

func TestWords(t *testing.T) {
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
		assert.Equal(t, want, loader.Words(line), "%q", line)
	}
}

func FuzzWords(f *testing.F) {
	f.Add(`a "b c" d="e  f"`)
	f.Fuzz(func(t *testing.T, line string) {
		words := loader.Words(line)
		again := loader.Words(strings.Join(words, " "))
		if strings.Count(line, `"`)%2 == 0 && !assert.ObjectsAreEqual(words, again) {
			t.Errorf("%q split into %q, and those into %q", line, words, again)
		}
		if got := (loader.Edit{}).Apply(line); got != line {
			t.Errorf("no edit made %q of %q", got, line)
		}
	})
}

func TestCheckCmdline(t *testing.T) {
	require.NoError(t, loader.CheckCmdline(strings.Repeat("x", 2016), 2016))
	err := loader.CheckCmdline(strings.Repeat("x", 2017), 2016)
	require.ErrorIs(t, err, loader.ErrCmdline)
	assert.ErrorContains(t, err, "2017 characters, the kernel takes at most 2016")
	require.ErrorIs(t, loader.CheckCmdline("a\x00b", 100), loader.ErrCmdline)
	require.NoError(t, loader.CheckCmdline(strings.Repeat("x", 1<<20), 0), "not known")
}

func TestCmdlineLimit(t *testing.T) {
	assert.Equal(t, 2016, loader.CmdlineLimit(uki.Kernel{CmdlineSize: 2047}, "amd64"))
	assert.Equal(t, 0, loader.CmdlineLimit(uki.Kernel{}, "amd64"))
	assert.Equal(t, 2047, loader.CmdlineLimit(uki.Kernel{}, "arm64"))
	assert.Equal(t, 1023, loader.CmdlineLimit(uki.Kernel{}, "riscv64"))
}

func TestApplyOnce(t *testing.T) {
	e := loader.Edit{Once: []string{"acpi_rsdp=0x1"}}
	assert.Equal(t, "quiet acpi_rsdp=0x1", e.Apply("quiet"))
	assert.Equal(t, "acpi_rsdp=0x2 quiet", e.Apply("acpi_rsdp=0x2 quiet"), "who says it knows better")
	assert.Equal(t, "acpi_rsdp=0x1", e.Apply(""))
	e.Reuse = "acpi_rsdp=0x1 quiet"
	assert.Equal(t, "root=x acpi_rsdp=0x1 quiet", e.Apply("root=x"), "ten kexecs later there is one")
}

func TestDiff(t *testing.T) {
	got := loader.Diff("BOOT_IMAGE=/v root=x quiet a a", "root=x a debug")
	assert.Equal(t, []loader.Change{{Word: "quiet"}, {Word: "a"}, {Added: true, Word: "debug"}}, got)
	assert.Empty(t, loader.Diff("a b", "b a"))
	assert.Empty(t, loader.Diff("a acpi_rsdp=0x1 "+loader.BlessMask, "a"), "what is added for a kexec alone")
	assert.Equal(t, []loader.Change{{Added: true, Word: "acpi_rsdp=0x1"}}, loader.Diff("a", "a acpi_rsdp=0x1"), "it is shown")
}
