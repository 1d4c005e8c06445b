package bls_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
)

const grubHeader = "# GRUB Environment Block\n"

func TestParseGrubEnv(t *testing.T) {
	env, err := bls.ParseGrubEnv([]byte(grubHeader + "# WARNING: Do not edit\nsaved_entry=a-1\nkernelopts=root=x ro\nodd=a\\\\b\\\nc\nempty=\nnovalue\n=x\n" + strings.Repeat("#", 40)))
	require.NoError(t, err)
	assert.Equal(t, bls.GrubEnv{"saved_entry": "a-1", "kernelopts": "root=x ro", "odd": "a\\b\nc", "empty": ""}, env)
	for _, text := range []string{"", "saved_entry=a\n", "# GRUB Environment", "#GRUB Environment Block\n"} {
		_, err := bls.ParseGrubEnv([]byte(text))
		require.ErrorIs(t, err, bls.ErrNotGrubEnv, text)
	}
}

func TestEmptyGrubVar(t *testing.T) {
	block := func(text string) string { return grubHeader + text + strings.Repeat("#", 200-len(text)) }
	for before, want := range map[string]string{
		"saved_entry=a\nnext_entry=b\nx=y\\\nz\n": "saved_entry=a\nnext_entry=\nx=y\\\nz\n",
		"# WARNING\nnext_entry=b\n":               "# WARNING\nnext_entry=\n",
		"saved_entry=a\n":                         "saved_entry=a\n",
		"my_next_entry=a\n":                       "my_next_entry=a\n",
		"":                                        "",
	} {
		got, err := bls.EmptyGrubVar([]byte(block(before)), "next_entry")
		require.NoError(t, err)
		assert.Equal(t, block(want), string(got))
	}
	_, err := bls.EmptyGrubVar([]byte("junk"), "next_entry")
	require.ErrorIs(t, err, bls.ErrNotGrubEnv)
}

func TestExpand(t *testing.T) {
	env := bls.GrubEnv{"kernelopts": "root=x ro", "tuned_params": "isolcpus=1", "tuned_initrd": "/tuned.img", "none": "", "v1": "6.1"}
	e := parse(t, "linux /vmlinuz-$v1\ninitrd /a.img $tuned_initrd\noptions $kernelopts ${tuned_params}x\noptions price=5$ $none.\n")
	require.NoError(t, e.Expand(env))
	assert.Equal(t, "/vmlinuz-6.1", e.Linux)
	assert.Equal(t, []string{"/a.img", "/tuned.img"}, e.Initrds)
	assert.Equal(t, "root=x ro isolcpus=1x price=5$ .", e.Cmdline())

	e = parse(t, "linux /v\ninitrd /a.img $tuned_initrd\noptions a $tuned_params\n")
	require.NoError(t, e.Expand(bls.GrubEnv{}), "grub.cfg sets these to nothing without tuned")
	assert.Equal(t, []string{"/a.img"}, e.Initrds)

	e = parse(t, "title T\nlinux /v\noptions a\noptions $nosuch b\n")
	err := e.Expand(env)
	var parseError *bls.ParseError
	require.ErrorAs(t, err, &parseError)
	assert.Equal(t, 4, parseError.Line)
	assert.ErrorContains(t, err, "loader/entries/x.conf:4: options: variable $nosuch is not set")
}

// TestExpandIsBounded: an entry that names a variable again and again is refused
// before it fills the memory, whatever the lines that it does so in.
func TestExpandIsBounded(t *testing.T) {
	env := bls.GrubEnv{"x": strings.Repeat("A", 900)}
	for name, text := range map[string]string{
		"one line":   "options " + strings.Repeat("$x ", 100_000) + "\n",
		"many lines": strings.Repeat("options $x\n", 100_000),
		"initrd":     strings.Repeat("initrd /$x\n", 100_000),
		"linux":      "linux /" + strings.Repeat("${x}", 100_000) + "\n",
	} {
		e := parse(t, "linux /v\n"+text)
		assert.ErrorContains(t, e.Expand(env), "variable $x: the variables add more than 65536 bytes", name)
		assert.Less(t, len(e.Cmdline()), 500_000, name)
	}
	e := parse(t, "linux /v\noptions "+strings.Repeat("$x ", 72)+"\n")
	require.NoError(t, e.Expand(env))
	assert.Len(t, strings.Fields(e.Cmdline()), 72)
	line := strings.Repeat("$x", 100_000)
	assert.Equal(t, line, env.ExpandLine(line))
}

func FuzzParseGrubEnv(f *testing.F) {
	f.Add([]byte(grubHeader+"saved_entry=a\n####"), "$saved_entry ${x}")
	f.Fuzz(func(t *testing.T, data []byte, options string) {
		env, err := bls.ParseGrubEnv(data)
		if (env == nil) != (err != nil) {
			t.Errorf("%v with error %v", env, err)
		}
		e, _ := bls.ParseEntry("x.conf", []byte("linux /v\noptions "+options))
		if err := e.Expand(env); err != nil && !strings.Contains(err.Error(), "$") {
			t.Errorf("no variable named: %v", err)
		}
	})
}
