package grub

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEntryScripts are the scripts that blscfg of each GRUB writes for an entry.
func TestEntryScripts(t *testing.T) {
	const fedora = "load_video\nset gfxpayload=keep\ninsmod gzio\n"
	for _, c := range []struct {
		name             string
		entry            Entry
		vars             map[string]string
		fedora, upstream string
	}{
		{"linux alone", Entry{Linux: "/k", NoOptions: true}, nil,
			fedora + "linux ($root)/k\n", "linux /k\n"},
		{"options", Entry{Linux: "/k", Options: "ro quiet"}, nil,
			fedora + "linux ($root)/k ro quiet\n", "linux /k ro quiet\n"},
		{"a variable", Entry{Linux: "/k", Options: "$kernelopts $tuned_params"}, map[string]string{"kernelopts": "root=1 ro"},
			fedora + "linux ($root)/k root=1 ro \n", "linux /k root=1 ro \n"},
		{"default_kernelopts", Entry{Linux: "/k", Options: "$none"}, map[string]string{"default_kernelopts": "root=$x ro", "x": "2"},
			fedora + "linux ($root)/k root=2 ro\n", "linux /k\n"},
		{"default_kernelopts beside options", Entry{Linux: "/k", Options: "ro"}, map[string]string{"default_kernelopts": "rw"},
			fedora + "linux ($root)/k ro\n", "linux /k ro\n"},
		{"initrds", Entry{Linux: "/k", Initrds: []string{"/a", "/b $c"}}, map[string]string{"c": "/c"},
			fedora + "linux ($root)/k\ninitrd ($root)/a ($root)/b $c\n", "linux /k\ninitrd /a /b $c\n"},
		{"early_initrd", Entry{Linux: "/x/k", Initrds: []string{"/y/a"}}, map[string]string{"early_initrd": "e f"},
			fedora + "linux ($root)/x/k\ninitrd ($root)/y/e ($root)/y/f ($root)/y/a\n", "linux /x/k\ninitrd /y/a\n"},
		{"early_initrd without an initrd", Entry{Linux: "/x/k"}, map[string]string{"early_initrd": "e"},
			fedora + "linux ($root)/x/k\ninitrd ($root)/x/e\n", "linux /x/k\n"},
		{"early_initrd set to nothing", Entry{Linux: "/k"}, map[string]string{"early_initrd": ""},
			fedora + "linux ($root)/k\ninitrd ($root)/\n", "linux /k\n"},
		{"efi", Entry{Linux: "/k", EFI: "/x.efi", Options: "ro", Initrds: []string{"/a"}}, nil,
			fedora + "chainloader ($root)/x.efi ro\n", "linux /k ro\ninitrd /a\n"},
		{"save_default", Entry{Linux: "/k"}, map[string]string{"save_default": "true"},
			"savedefault\n" + fedora + "linux ($root)/k\n", "linux /k\n"},
		{"save_default of another value", Entry{Linux: "/k"}, map[string]string{"save_default": "1"},
			fedora + "linux ($root)/k\n", "linux /k\n"},
		{"blsuki_save_default", Entry{Linux: "/k"}, map[string]string{"blsuki_save_default": "1"},
			fedora + "linux ($root)/k\n", "savedefault\nlinux /k\n"},
		{"blsuki_save_default is true", Entry{Linux: "/k"}, map[string]string{"blsuki_save_default": "true"},
			fedora + "linux ($root)/k\n", "savedefault\nlinux /k\n"},
	} {
		for flavor, want := range map[Flavor]string{Fedora: c.fedora, SUSE: c.fedora, Upstream: c.upstream} {
			item := &Item{Entry: &c.entry, flavor: flavor, vars: c.vars}
			got, err := disk{}.bare().entryScript(item)
			require.NoError(t, err, "%s %s", flavor, c.name)
			assert.Equal(t, want, got, "%s %s", flavor, c.name)
		}
	}
}

// TestAssumedScriptKnowsNoVariables: what a grub.cfg that cannot be read may set is
// not known, but for what never is set there.
func TestAssumedScriptKnowsNoVariables(t *testing.T) {
	for options, want := range map[string]string{
		"$kernelopts ro":              "$kernelopts has no value in grubenv, and the grub.cfg that may set it cannot be read",
		"$empty ro":                   "$empty has no value in grubenv, and the grub.cfg that may set it cannot be read",
		"$kernelopts $empty ro":       "$empty has no value in grubenv, and the grub.cfg that may set it cannot be read",
		"$tuned_params $tuned_initrd": "",
		"$set ro":                     "",
		"ro":                          "",
	} {
		r := disk{}.bare()
		item := &Item{Entry: &Entry{Linux: "/k", Options: options}, flavor: Fedora, vars: map[string]string{"set": "1", "empty": ""}, File: File{Path: "/e.conf"}}
		_, err := r.entryScript(item)
		require.NoError(t, err, options)
		r.m.Script = FedoraScript
		_, err = r.entryScript(item)
		if want == "" {
			require.NoError(t, err, options)
			continue
		}
		assert.EqualError(t, err, "cannot determine what GRUB boots: /e.conf: options: "+want)
	}
}

// TestLoadCommands: several commands in an entry, as options with a ";" make them.
func TestLoadCommands(t *testing.T) {
	type loaded struct {
		kernel, initrds, cmdline string
		efi                      bool
		err                      string
	}
	for options, want := range map[string]loaded{
		"aa":                              {kernel: "/k", cmdline: "aa"},
		"aa; linux /k2 b":                 {kernel: "/k2", cmdline: "b"},
		"aa; linux /k2":                   {kernel: "/k2"},
		"aa; linux16 /k2 b":               {kernel: "/k2", cmdline: "b"},
		"aa; linuxefi /k2 b":              {kernel: "/k2", cmdline: "b"},
		"aa; chainloader /k2 b 'c d'":     {kernel: "/k2", cmdline: "b c d", efi: true},
		"aa; chainloader /k2; linux /k b": {kernel: "/k", cmdline: "b"},
		"aa; initrd /i1 /i2":              {kernel: "/k", cmdline: "aa", initrds: "/i1 /i2"},
		"aa; initrd16 /i1; initrdefi /i2": {kernel: "/k", cmdline: "aa", initrds: "/i2"},
		"aa; initrd /i1; linux /k2":       {kernel: "/k2"},
		"aa; linux /none":                 {err: "/none: file does not exist"},
		"aa; linux":                       {err: "no kernel is named"},
		"aa; linux /dir":                  {err: "/dir: file does not exist"},
		"aa; initrd":                      {err: "no initrd is named"},
		"aa; initrd /i1 /none":            {err: "/none: file does not exist"},
		"aa; initrd /dir":                 {err: "/dir: file does not exist"},
		"aa; linux /none; initrd /i1":     {err: "/none: file does not exist"},
		"aa; linux /none; linux /k2":      {kernel: "/k2"},
		"aa; initrd /none; initrd /i1":    {kernel: "/k", cmdline: "aa", initrds: "/i1"},
		"aa; if linux /none; then true; else linux /k2 b; fi":   {kernel: "/k2", cmdline: "b"},
		"aa; if initrd /i1; then linux /k2 b; fi":               {kernel: "/k2", cmdline: "b"},
		"aa; return; linux /k2":                                 {kernel: "/k", cmdline: "aa"},
		"aa; nosuchcommand; linux /k2":                          {kernel: "/k2"},
		"aa; if devicetree /d; then true; else linux /k2 b; fi": {kernel: "/k2", cmdline: "b"},
	} {
		d := disk{"loader/entries/a.conf": "linux /k\noptions " + options + "\n", "k": "", "k2": "", "i1": "", "i2": "", "dir/x": ""}
		b := Next(d.machine("insmod blscfg\nblscfg\n"))
		if want.err != "" {
			assert.EqualError(t, b.Err, "GRUB cannot boot a: "+want.err, options)
			continue
		}
		require.NoError(t, b.Err, options)
		got := loaded{kernel: b.Command.Kernel.Path, cmdline: b.Command.Cmdline, efi: b.Command.EFI}
		for _, f := range b.Command.Initrds {
			got.initrds = strings.TrimSpace(got.initrds + " " + f.Path)
		}
		assert.Equal(t, want, got, options)
	}
}

// TestMenuentries: title and id of a menuentry, whose other options take a value.
func TestMenuentries(t *testing.T) {
	for args, want := range map[string]string{ // id and title
		"Title":                            "Title|Title",
		"'A title'":                        "A title|A title",
		"Title --id x":                     "x|Title",
		"Title --id=x":                     "x|Title",
		"--id x Title":                     "x|Title",
		"--class a --class=b --id x Title": "x|Title",
		"--users u --hotkey k --unrestricted Title": "Title|Title",
		"--unrestricted --id x Title more":          "x|Title",
		"Title $menuentry_id_option x":              "x|Title",
		"Title --id":                                "Title|Title",
		"Title --id x --id y":                       "y|Title",
		"-x":                                        "-x|-x",
	} {
		r := disk{}.ran(t, "menuentry_id_option=--id\nmenuentry "+args+" { true; }\nsubmenu "+args+" { true; }")
		require.Len(t, r.menu, 2, args)
		for _, item := range r.menu {
			assert.Equal(t, want, item.ID+"|"+item.Title, args)
			assert.Equal(t, Other, item.Kind)
		}
	}
	for _, args := range []string{"", "--id x", "--class a --unrestricted"} {
		r := disk{}.ran(t, "menuentry "+args)
		assert.Empty(t, r.menu, args)
		assert.Equal(t, failure, r.status, args)
	}
	b := Next(disk{}.machine("menuentry '" + strings.Repeat("t", 100) + "' { true; }\n"))
	assert.EqualError(t, b.Err, `"`+strings.Repeat("t", 64)+`...": not a boot loader entry`)
}

// TestUnreadableEntryDecides: an entry that cannot be read may be the one that boots.
func TestUnreadableEntryDecides(t *testing.T) {
	m := entries("b", "a").machine("blscfg\n")
	left := -1
	m.Start.FS = refusing{failing{m.Start.FS.(fstest.MapFS), &left}}
	b := Next(m)
	assert.EqualError(t, b.Err, "cannot determine what GRUB boots: /grub2/grub.cfg:1: /loader/entries/a.conf: permission denied")
	assert.Nil(t, b.Default)
}

// A refusing file system does not let a.conf be opened.
type refusing struct{ failing }

// Open is refused.
func (f refusing) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, "a.conf") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f.failing.Open(name)
}
