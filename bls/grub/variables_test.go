package grub

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBuiltinVariables are those by which grub.cfg of every distribution asks what
// GRUB can do.
func TestBuiltinVariables(t *testing.T) {
	want := map[string]string{
		"grub_platform": "efi", "grub_cpu": "x86_64", "pager": "",
		"color_normal": "light-gray/black", "color_highlight": "black/light-gray",
	}
	for _, feature := range []string{
		"chainloader_bpb", "ntldr", "platform_search_hint", "default_font_path", "all_video_module",
		"menuentry_id", "menuentry_options", "200_final", "nativedisk_cmd", "timeout_style",
	} {
		want["feature_"+feature] = "y"
	}
	assert.Equal(t, want, builtin())
	r := newRunner(&Machine{Variables: map[string]string{"pager": "1", "mine": "x"}})
	assert.Equal(t, "1", r.value("pager"), "the caller's count")
	assert.Equal(t, "x", r.value("mine"))
	assert.Equal(t, "y", r.value("feature_menuentry_id"))
}

// TestConfigfileInherits: what is exported, what GRUB exports itself, and the functions;
// nothing else.
func TestConfigfileInherits(t *testing.T) {
	r := entries("a").ran(t, "true")
	own := []string{"check_signatures", "cmdpath", "config_directory", "config_file", "lockdown", "net_default_server", "prefix", "root", "shim_lock"}
	want := append(slices.Collect(maps.Keys(builtin())), own...)
	assert.ElementsMatch(t, want, slices.Collect(maps.Keys(r.exported)))

	d := entries("b", "a")
	d["next.cfg"] = "set default=$lost$kept$unset\nf\nblscfg\n"
	r = d.ran(t, "lost=b\nkept=a\nexport kept unset\nfunction f {\n called=$?\n}\nconfigfile /next.cfg\nset default=b\n")
	assert.Equal(t, "a", r.value("default"), "what follows a configfile with a menu does not run")
	assert.Equal(t, "0", r.value("called"))
	assert.Equal(t, "a", r.value("kept"), "exported once more")
	_, set := r.get("lost")
	assert.False(t, set)
	_, set = r.get("unset")
	assert.False(t, set, "a name without a value is exported, but not set")
	assert.True(t, r.exported["unset"])
	assert.True(t, r.exported["kept"])
}

// TestConfigfileWithoutMenu: GRUB comes back from it, and all is as it was.
func TestConfigfileWithoutMenu(t *testing.T) {
	d := entries("b", "a")
	d["next.cfg"] = "set default=a\nset new=1\nexport new\n"
	r := d.ran(t, "default=b\nblscfg\nconfigfile /next.cfg\nafter=1")
	assert.Equal(t, []string{"b", "", "1"}, []string{r.value("default"), r.value("new"), r.value("after")})
	assert.False(t, r.exported["new"])
	assert.Len(t, r.menu, 2, "the menu of before")
	assert.Equal(t, goOn, r.flow)

	d["deeper.cfg"] = "configfile /menu.cfg\n"
	d["menu.cfg"] = "blscfg\n"
	r = d.ran(t, "configfile /deeper.cfg\nafter=1")
	assert.Equal(t, shown, r.flow, "the menu of the innermost is shown")
	assert.Empty(t, r.value("after"))
}

// TestConfigVariables: config_file and config_directory are those of the file that
// runs, and again of the outer one after it.
func TestConfigVariables(t *testing.T) {
	d := disk{"sub/inc.cfg": "inner=$config_file\ninnerdir=$config_directory\n", "top.cfg": "top=$config_directory\n"}
	m := d.machine("before=$config_file\ndir=$config_directory\nsource /sub/inc.cfg\nafter=$config_file\nafterdir=$config_directory\nsource /top.cfg")
	m.Start.Name = "hd0,gpt2"
	r := newRunner(m)
	require.NoError(t, r.begin())
	got := map[string]string{}
	for _, name := range []string{"before", "dir", "inner", "innerdir", "after", "afterdir", "top", "root", "prefix", "cmdpath"} {
		got[name] = r.value(name)
	}
	assert.Equal(t, map[string]string{
		"before": "(hd0,gpt2)/grub2/grub.cfg", "dir": "(hd0,gpt2)/grub2",
		"inner": "(hd0,gpt2)/sub/inc.cfg", "innerdir": "(hd0,gpt2)/sub",
		"after": "(hd0,gpt2)/grub2/grub.cfg", "afterdir": "(hd0,gpt2)/grub2",
		"top": "(hd0,gpt2)", "root": "hd0,gpt2", "prefix": "(hd0,gpt2)/grub2", "cmdpath": "(hd0,gpt2)/grub2",
	}, got)
}

// TestPrefix: the folder of GRUB, with slashes or without.
func TestPrefix(t *testing.T) {
	for dir, want := range map[string][3]string{ // prefix, cmdpath, file
		"EFI/fedora":   {"(x)/EFI/fedora", "(x)/EFI/fedora", "/EFI/fedora/grub.cfg"},
		"/EFI/fedora/": {"(x)/EFI/fedora", "(x)/EFI/fedora", "/EFI/fedora/grub.cfg"},
		"":             {"(x)", "(x)/", "/grub.cfg"},
		"/":            {"(x)", "(x)/", "/grub.cfg"},
	} {
		device := &Device{Name: "x", FS: disk{strings.TrimPrefix(want[2], "/"): "p=$prefix\nf=$config_file\n"}.fs()}
		r := newRunner(&Machine{Devices: []*Device{device}, Start: device, Dir: dir})
		require.NoError(t, r.begin(), dir)
		assert.Equal(t, []string{want[0], want[1], "(x)" + want[2]}, []string{r.value("p"), r.value("cmdpath"), r.value("f")}, dir)
	}
}

func TestSetRoot(t *testing.T) {
	r := disk{}.bare()
	for value, want := range map[string]string{"(hd0)": "hd0", "hd0": "hd0", "(hd0": "hd0", "hd0)": "hd0", "((x))": "(x)", "": ""} {
		require.NoError(t, r.set("root", value))
		assert.Equal(t, want, r.value("root"), value)
		require.NoError(t, r.set("other", value))
		assert.Equal(t, value, r.value("other"), "root alone is a device")
	}
}

// TestSetIsBounded: the longest value, the most variables and the most text.
func TestSetIsBounded(t *testing.T) {
	r := disk{}.bare()
	require.NoError(t, r.set("x", strings.Repeat("x", maxText)))
	assert.EqualError(t, r.set("x", strings.Repeat("x", maxText+1)), "cannot determine what GRUB boots: variable x: a text grows over 65536 bytes")
	assert.Len(t, r.value("x"), maxText, "the old one stays")

	r = disk{}.bare()
	for len(r.vars) <= maxVars {
		require.NoError(t, r.set("v"+itoa(len(r.vars)), ""))
	}
	assert.ErrorContains(t, r.set("w", ""), "the script sets too much")

	r = disk{}.bare()
	r.size = maxWritten - 3
	require.NoError(t, r.set("ab", "c"))
	assert.ErrorContains(t, r.set("a", ""), "the script sets too much")
}

// TestVariableCommands: what each returns and does with too few or odd arguments.
func TestVariableCommands(t *testing.T) {
	for script, want := range map[string]string{ // x, and $? after it
		"set x=1":                   "1 0",
		"set x=1=2":                 "1=2 0",
		"set x=":                    " 0",
		"set x":                     "old 1",
		"set":                       "old 0",
		"set x=1 y=2":               "1 0",
		"x=1":                       "1 0",
		"x=a=b":                     "a=b 0",
		"unset x":                   " 0",
		"unset y":                   "old 0",
		"unset":                     "old 1",
		"export":                    "old 1",
		"export x":                  "old 0",
		"increment":                 "old 1",
		"increment x":               "1 0",
		"decrement x x":             "old 1",
		"decrement y":               "old 1",
		"true":                      "old 0",
		"false":                     "old 1",
		"! false":                   "old 0",
		"! true":                    "old 1",
		"! x=1":                     "1 1",
		"!":                         "old 1",
		"time false":                "old 1",
		"set x=1; unset x; set x=2": "2 0",
		"$none":                     "old 0",
		"''=1":                      "old 0",
		"load_video; x=$?":          "0 0",
	} {
		r := disk{}.ran(t, "x=old\nfunction f {\n x=$1\n}\nfunction load_video {\n true\n}\n"+script)
		assert.Equal(t, want, r.value("x")+" "+r.status.number(), script)
	}
}
