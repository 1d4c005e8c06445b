package grub

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLanguage has what scripts of distributions and users have besides the usual.
// Each sets default to b, or does not.
func TestLanguage(t *testing.T) {
	for script, b := range map[string]bool{
		"if [ a != b -a a == a ]; then default=b; fi":                                                   true,
		"if [ b '<' a -o a '>' b -o a '>=' b ]; then default=b; fi":                                     false,
		"if [ a '<' b -a a '<=' a -a b '>=' b -a b '>' a ]; then default=b; fi":                         true,
		"if [ 07 -eq 7 -a 2 -ne 3 -a 2 -le 2 -a -1 -lt 0 ]; then default=b; fi":                         true,
		"if [ a = a; then default=b; fi":                                                                true,
		"if [ a = b; then default=b; fi":                                                                false,
		"if test a = a ]; then default=b; fi":                                                           true,
		"if [ ( a = b ) -o ( a ) ]; then default=b; fi":                                                 true,
		"if [ ]; then default=b; fi":                                                                    true,
		"if [; then default=b; fi":                                                                      true,
		"if test x; then default=b; fi":                                                                 true,
		"if test; then default=b; fi":                                                                   true,
		"! false && true":                                                                               false,
		"function f {\n default=$2\n return 1\n}\nf x b":                                                true,
		"function f {\n return 1\n}\nf\nif [ $? = 1 ]; then default=b; fi":                              true,
		"function f {\n true\n}\nf\nif [ $? = 0 ]; then default=b; fi":                                  true,
		"function f {\n if [ $# = 3 ]; then shift; default=$1; fi\n}\nf a b c":                          true,
		"function f {\n shift\n shift\n shift\n if [ -z \"$1\" -a $# = 0 ]; then default=b; fi\n}\nf a": true,
		"function f {\n setparams a b\n default=$2\n}\nf":                                               true,
		"function f {\n setparams a b\n default=$3\n}\nf":                                               false,
		"function f {\n if [ \"$*\" = 'a b' ]; then default=b; fi\n}\nf a b":                            true,
		"function f {\n for x in $@; do default=$x; done\n}\nf a b":                                     true,
		"x='a b'\nfor y in $x; do default=$y; done":                                                     true,
		"x=' b '\nfor y in q$x; do default=$y; done":                                                    false,
		"x=' b '\nfor y in $x; do default=$y; done":                                                     true,
		"x='a b'\nfor y in \"$x\"; do default=$y; done":                                                 false,
		"default=\"\\b\"":   false, // only $, quotes and backslashes are taken
		"default=\"\\\"\"b": false,
		"x=\"\\$y\\\"\\\\\"\nif [ \"$x\" = '$y\"\\' ]; then default=b; fi": true,
		"default=\"\\\nb\"":   true,
		"default=b\\\n\ntrue": true,
		"default=$\"b\"":      true,
		"default=\\b":         true,
		"x=b\ndefault=${x}":   true,
		"set":                 false,
		"set x; if [ $? = 1 ]; then default=b; fi":                                                                          true,
		"unset; if [ $? = 1 ]; then default=b; fi":                                                                          true,
		"x=1; decrement x; if [ $x = 0 ]; then default=b; fi":                                                               true,
		"increment x; if [ $? = 1 -a -z \"$x\" ]; then default=b; fi":                                                       true,
		"x=1; increment x y; if [ $? = 1 -a $x = 1 ]; then default=b; fi":                                                   true,
		"if keystatus; then default=b; fi":                                                                                  true,
		"if keystatus --shift; then default=b; fi":                                                                          false,
		"if sleep 5; then default=b; fi":                                                                                    true,
		"if devicetree /d; then default=b; fi":                                                                              false,
		"source\nif [ $? = 1 ]; then default=b; fi":                                                                         true,
		"source /loader\nif [ $? = 1 ]; then default=b; fi":                                                                 true,
		"if [ -f /?-x ]; then default=a; fi\nif [ -f /?-b -a -f /*\\-b ]; then default=b; fi":                               true,
		"if [ -f (nosuch)/k-b ]; then default=a; else default=b; fi":                                                        true,
		"if [ -f (nosuch ]; then default=a; else default=b; fi":                                                             true,
		"if [ -f k-b -a -f /k-b/ -a -d loader/ -a -d / -a -e ($root) -a -d ($root)/ -a -f ($root)k-b ]; then default=b; fi": true,
		"if [ -f loader/x -o -f / -o -s k-b -o -d k-b -o -e gone ]; then default=a; else default=b; fi":                     true,
		"menuentry\nif [ $? = 1 ]; then default=b; fi":                                                                      true,
		"if fwsetup --is-supported; then default=b; fi":                                                                     false,
		"time default=b": true,
		"!\ndefault=b":   true,
		"root=(x)\nif [ $root = x ]; then default=b; fi\nroot=$oldroot": true,
		"list_env\ndefault=b": true,
		"load_env --file /nosuch\nif [ $? = 1 ]; then default=b; fi":      true,
		"load_env -f /loader\nif [ $? = 1 ]; then default=b; fi":          true,
		"load_env --file=/env/x y\nif [ -z \"$x\" ]; then default=$y; fi": true,
		"load_env --skip-sig -f /env/x\ndefault=$x":                       false,
		"load_env -f /k-a\nif [ $? = 1 ]; then default=b; fi":             true,
	} {
		d := entries("c", "b", "a")
		d["env/x"] = string(pad("x=a\ny=b\n", 1024))
		boot := Next(d.machine("oldroot=$root\n" + script + "\nif [ \"$default\" != b ]; then default=c; fi\nset root=$oldroot\nblscfg\n"))
		if strings.Contains(script, "&&") { // GRUB has no such operator
			var u *UndeterminedError
			assert.ErrorAs(t, boot.Err, &u, script)
			continue
		}
		require.NoError(t, boot.Err, script)
		assert.Equal(t, map[bool]string{true: "b", false: "c"}[b], boot.Default.ID, script)
	}
}

// TestConfigCutAnywhere: half a grub.cfg, as an interrupted write leaves it, is
// never a crash, and a choice or a reason.
func TestConfigCutAnywhere(t *testing.T) {
	whole := header + footer
	whole = whole[strings.Index(whole, "if [ \"${next_entry"):]
	for n := 0; n < len(whole); n += 3 {
		b := Next(fedora("saved_entry=b\nnext_entry=a\n").machine("load_env\n" + whole[:n]))
		require.Equal(t, b.Err == nil, b.Default != nil, "%d bytes", n)
		require.Equal(t, b.Err == nil, b.Command != nil, "%d bytes", n)
		if b.Err != nil {
			var u *UndeterminedError
			require.True(t, errors.As(b.Err, &u) || errors.Is(b.Err, ErrEmptyMenu), "%d bytes: %v", n, b.Err)
		}
	}
}

// A failing file system answers its nth question with an error of the disk.
type failing struct {
	fstest.MapFS
	left *int
}

var errDisk = syscall.EIO

func (f failing) fails(op, name string) error {
	if *f.left--; *f.left == 0 {
		return &fs.PathError{Op: op, Path: name, Err: errDisk}
	}
	return nil
}

// Open is one question, and each read of the file another.
func (f failing) Open(name string) (fs.File, error) {
	if err := f.fails("open", name); err != nil {
		return nil, err
	}
	file, err := f.MapFS.Open(name)
	return failingFile{file, f}, err
}

// Stat is one.
func (f failing) Stat(name string) (fs.FileInfo, error) {
	if err := f.fails("stat", name); err != nil {
		return nil, err
	}
	return f.MapFS.Stat(name)
}

// ReadDir is one.
func (f failing) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.fails("readdir", name); err != nil {
		return nil, err
	}
	return f.MapFS.ReadDir(name)
}

type failingFile struct {
	fs.File
	fs failing
}

// Read is one.
func (f failingFile) Read(b []byte) (int, error) {
	if err := f.fs.fails("read", "file"); err != nil {
		return 0, err
	}
	return f.File.Read(b)
}

// TestDiskErrorIsNoOtherChoice: whatever cannot be read, the entry is the one that a
// whole disk has, or none.
func TestDiskErrorIsNoOtherChoice(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		menu   int
	}{
		"Fedora":   {header + footer, 3},
		"upstream": {header + "insmod blsuki\nblscfg\nuki\n", 4},
		"globs":    {"load_env\nif [ -f /*-b ]; then default=b; fi\nset default=$next_entry\nblscfg\n", 3},
	} {
		for _, fat := range []bool{false, true} {
			failed := 0
			for n := 1; ; n++ {
				left := n
				d := fedora("saved_entry=b\nnext_entry=a\n")
				d["EFI/Linux/x.efi"] = ""
				m := d.machine(tt.script)
				m.Start.FS, m.Start.FAT = failing{m.Start.FS.(fstest.MapFS), &left}, fat
				b := Next(m)
				if b.Err != nil {
					failed++
					require.Nil(t, b.Default)
					require.NotErrorIs(t, b.Err, ErrEmptyMenu, "%s, question %d: a folder that cannot be read is not an empty one", name, n)
					continue
				}
				require.Equal(t, "a", b.Default.ID, "%s, question %d", name, n)
				require.Len(t, b.Menu, tt.menu, "%s, question %d", name, n)
				if left > 0 { // nothing failed
					break
				}
			}
			assert.Greater(t, failed, 5, name)
		}
	}
}

// TestBounds: files that are made to take time or memory end with a reason.
func TestBounds(t *testing.T) {
	long := strings.Repeat("x", maxText/2)
	big := func(name, text string) func(disk) { return func(d disk) { d[name] = text } }
	for name, tt := range map[string]struct {
		script string
		change func(disk)
		want   string
	}{
		"grub.cfg":      {"blscfg\n#" + strings.Repeat("x", maxConfig), nil, "larger than"},
		"an entry":      {"blscfg", big("loader/entries/a.conf", strings.Repeat("x", maxEntry+1)), "larger than"},
		"a block":       {"load_env", big("grub2/grubenv", strings.Repeat("x", maxBlock+1)), "larger than"},
		"a value":       {"x=" + long + "\ny=$x$x$x", nil, "a text grows over"},
		"all values":    {"x=" + long + "\nwhile true; do y=$x; done", nil, "sets too much"},
		"all variables": {"x=0\nwhile true; do increment x; set v$x=; done", nil, "sets too much"},
		"all files":     {"while true; do source /grub2/big; done", big("grub2/big", "#"+strings.Repeat("x", maxConfig-2)), "are to be read"},
		"menu":          {"x=0\nwhile true; do menuentry x { true; }; done", nil, "the menu has more than"},
		"parentheses":   {"if [ " + strings.Repeat("( ", maxNesting+1) + " ]; then true; fi", nil, "nested too deep"},
		"nesting":       {strings.Repeat("if true; then ", maxNesting+1), nil, "nested too deep"},
		"a menu title":  {"probe --set=x -u $root\nmenuentry $x { true; }", nil, "the title of a menu entry"},
		"a saved value": {"probe --set=x -u $root\nsave_env x", nil, "the value of \"x\" that is saved"},
		"a path":        {"probe --set x -u $root\nsource /$x", nil, "a path depends"},
		"a command":     {"smbios --set x\n$x y", nil, "the name of a command"},
		"a loop":        {"while hwmatch; do true; done", nil, "the condition of \"while\""},
		"newer":         {"if [ /k-a -nt /k-b ]; then blscfg; fi", nil, "the condition of \"if\""},
		"older":         {"if [ /k-a -ot-5 /k-b ]; then blscfg; fi", nil, "the condition of \"if\""},
		"a counter":     {"regexp --set=1:x a b\nincrement x\nif [ $x = 3 ]; then blscfg; fi", nil, "the condition of \"if\""},
		"firmware":      {"fwsetup", nil, "outside of a menu entry"},
	} {
		t.Run(name, func(t *testing.T) {
			d := entries("b", "a")
			d["grub2/grubenv"] = string(pad("", 1024))
			if tt.change != nil {
				tt.change(d)
			}
			b := Next(d.machine(tt.script + "\nblscfg\n"))
			var u *UndeterminedError
			require.ErrorAs(t, b.Err, &u)
			assert.ErrorContains(t, b.Err, tt.want)
			assert.Less(t, len(b.Err.Error()), 500)
		})
	}
}

// TestSyntaxErrors name the line and what is wrong there.
func TestSyntaxErrors(t *testing.T) {
	for script, want := range map[string]string{
		"true\nfi":                        `grub.cfg:2: unexpected "fi"`,
		"true\nif true\nfi":               `grub.cfg:3: unexpected "fi"`,
		"if true; then":                   `grub.cfg:1: unexpected "end of the script"`,
		"if true; then true; else fi":     `grub.cfg:1: unexpected "fi"`,
		"for 1x in a; do true; done":      `grub.cfg:1: unexpected "1x"`,
		"for x a; do true; done":          `grub.cfg:1: unexpected "a"`,
		"for x in a | b; do true; done":   `grub.cfg:1: unexpected "|"`,
		"for x in a; true; done":          `grub.cfg:1: unexpected "true"`,
		"while true; true; done":          `grub.cfg:1: unexpected "done"`,
		"function f\ntrue":                `grub.cfg:2: unexpected "true"`,
		"function f-g {\n true\n}":        `grub.cfg:1: unexpected "f-g"`,
		"function f { }":                  `grub.cfg:1: unexpected "}"`,
		"menuentry x {\n true\n":          `grub.cfg:3: unexpected "end of the script"`,
		"true; ;":                         `grub.cfg:1: unexpected ";"`,
		"if\n":                            `grub.cfg:2: unexpected "end of the script"`,
		"function \n":                     `grub.cfg:1: unexpected "end of the line"`,
		"if [[ a ]]; then true; fi":       `grub.cfg:1: unexpected "[["`,
		"x='\n\n":                         "grub.cfg:1: a quote is not closed",
		"true\nx=\"\n\n":                  "grub.cfg:2: a quote is not closed",
		"x=\"$\"":                         "grub.cfg:1: a $ is not followed by a name",
		"x=\"a\\":                         "grub.cfg:1: a quote is not closed",
		"x=${a":                           "grub.cfg:1: a $ is not followed by a name",
		strings.Repeat("w", 100) + " | x": `grub.cfg:1: unexpected "|"`,
		"fi" + strings.Repeat("\n", 3):    `grub.cfg:1: unexpected "fi"`,
		"for " + strings.Repeat("é", 60):  `grub.cfg:1: unexpected "` + strings.Repeat("é", 32) + `..."`,
	} {
		b := Next(entries("a").machine(script))
		require.Error(t, b.Err, script)
		assert.EqualError(t, b.Err, "cannot determine what GRUB boots: /grub2/"+want, script)
	}
	assert.EqualError(t, syntaxError{3, "a quote is not closed"}, "syntax error in line 3: a quote is not closed")
	assert.EqualError(t, &UndeterminedError{Text: "why"}, "cannot determine what GRUB boots: why")
}

// TestFailedEntry: the reason why GRUB returns to its menu is there for the caller.
func TestFailedEntry(t *testing.T) {
	for lines, want := range map[string]string{
		"linux /gone\n":             "GRUB cannot boot a: /gone: file does not exist",
		"linux /loader\n":           "GRUB cannot boot a: /loader: file does not exist",
		"linux /k-a\noptions a|b\n": `GRUB cannot boot a: unexpected "|"`,
		"linux\t\n":                 "",
	} {
		d := entries("a")
		d["loader/entries/a.conf"] = lines
		b := Next(d.machine("blscfg\n"))
		if want == "" {
			require.ErrorIs(t, b.Err, ErrEmptyMenu)
			continue
		}
		var failed *FailedError
		require.ErrorAs(t, b.Err, &failed, lines)
		assert.EqualError(t, b.Err, want)
		assert.Equal(t, failed.Err, errors.Unwrap(b.Err))
		assert.Equal(t, "a", failed.Item.ID)
	}
}

func TestSaved(t *testing.T) {
	for env, want := range map[string]string{"saved_entry=b\nnext_entry=a\n": "b", "saved_entry=gone\n": "", "": ""} {
		b := Next(fedora(env).machine(header + footer))
		require.NoError(t, b.Err)
		got := ""
		if item := b.Saved(); item != nil {
			got = item.ID
		}
		assert.Equal(t, want, got, env)
	}
}

// TestWithoutNext is what comes up after the next boot: next_entry is used up then.
func TestWithoutNext(t *testing.T) {
	m := fedora("saved_entry=b\nnext_entry=a\n").machine(header + footer)
	m.WithoutNext = true
	b := Next(m)
	require.NoError(t, b.Err)
	assert.Equal(t, "b", b.Default.ID)
	assert.Nil(t, b.Next)
}

// TestUKIs is upstream's second list, with an image that is none.
func TestUKIs(t *testing.T) {
	d := entries("a")
	d["EFI/Linux/one.efi"], d["EFI/Linux/two.efi"], d["EFI/Linux/three.txt"] = "", "", ""
	d["other/four.efi"] = ""
	for script, want := range map[string]string{
		"blscfg --enable-fallback\nuki":               "a two.efi",
		"uki -p /other":                               "four.efi",
		"uki -p /gone -f":                             "two.efi",
		"uki -p /gone":                                "",
		"uki --entry=one.efi --entry two.efi":         "two.efi",
		"blscfg --path=/loader/entries -e a.conf":     "a",
		"blscfg --entry gone.conf\nblscfg -d -n":      "a",
		"insmod blsuki\nblscfg -p entries":            "a",
		"default=two.efi\nuki --show-default\nuki -n": "two.efi",
	} {
		m := d.machine(script + "\n")
		m.Image = func(_ fs.FS, name string) (string, bool) { return "Title of " + name, !strings.Contains(name, "one") }
		b := Next(m)
		assert.Equal(t, want, strings.Join(ids(b), " "), script)
		if want == "" {
			assert.ErrorIs(t, b.Err, ErrEmptyMenu)
		} else {
			require.NoError(t, b.Err, script)
			assert.Equal(t, Upstream, b.Flavor)
		}
	}
}

// TestOrderOfDots has the names that upstream's order treats apart.
func TestOrderOfDots(t *testing.T) {
	order := []string{"", ".", "..", ".a", "a~", "a", "a.b", "b"}
	for i, a := range order {
		for j, b := range order {
			got := CompareUpstream(a, b)
			assert.Equal(t, i < j, got < 0, "%q %q", a, b)
			assert.Equal(t, i == j, got == 0, "%q %q", a, b)
		}
	}
}

// TestRootOfAScript: a script that stands for an image's own finds the entries on the
// file system that it is told.
func TestRootOfAScript(t *testing.T) {
	boot := entries("a")
	m := disk{"k": ""}.machine("")
	m.Script, m.Root = "blscfg\n", &Device{FS: boot.fs()}
	m.Devices = append(m.Devices, m.Root)
	b := Next(m)
	require.NoError(t, b.Err)
	assert.Same(t, m.Root, b.Default.File.Device)

	folder := disk{"grub2/grub.cfg/x": ""}
	device := &Device{FS: folder.fs()}
	b = Next(&Machine{Devices: []*Device{device}, Start: device, Dir: "/grub2/"})
	assert.EqualError(t, b.Err, "cannot determine what GRUB boots: grub.cfg is a folder")
}
