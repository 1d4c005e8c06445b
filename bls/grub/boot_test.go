package grub

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A disk is a file system as texts by path. A text "-> x" is a link to x.
type disk map[string]string

func (d disk) fs() fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range d {
		mode := fs.FileMode(0o644)
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			text, mode = target, fs.ModeSymlink|0o777
		}
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: mode}
	}
	return out
}

// machine has d as its only file system, with grub2/grub.cfg as given.
func (d disk) machine(cfg string) *Machine {
	files := d.fs()
	files["grub2/grub.cfg"] = &fstest.MapFile{Data: []byte(cfg), Mode: 0o644}
	device := &Device{FS: files}
	return &Machine{Devices: []*Device{device}, Start: device, Dir: "grub2"}
}

// entries returns a disk with these entries; each title is "T " and the id.
func entries(ids ...string) disk {
	d := disk{}
	for _, id := range ids {
		d["loader/entries/"+id+".conf"] = "title T " + id + "\nlinux /k-" + id + "\n"
		d["k-"+id] = ""
	}
	return d
}

func ids(b *Boot) []string {
	var out []string
	for _, item := range b.Menu {
		out = append(out, item.ID)
	}
	return out
}

func TestDefaultFedora(t *testing.T) {
	d := entries("d", "c", "b", "a") // in menu order: d c b a
	d["loader/entries/x.conf.conf"] = "title A>B\nlinux /k-a\n"
	cfg := "blscfg\nmenuentry 'Windows (x)' --id osprober { chainloader /x }\nmenuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' { fwsetup; }\n"
	// menu: x.conf d c b a Windows firmware
	for value, want := range map[string]string{
		"": "x.conf", "b": "b", "b ": "x.conf", "b x": "x.conf", "b>x": "b", "b.conf": "x.conf", "B": "x.conf", "x.conf": "x.conf",
		"T c": "c", "T c ": "x.conf", "A>>B": "x.conf", "A>B": "x.conf", "1": "d", "0x1": "d", "01": "d", " 1": "d", "4": "a",
		"+1": "x.conf", "-1": "x.conf", "1x": "x.conf", "1 2": "x.conf", "1>0": "x.conf", "99": "x.conf", "gone": "x.conf",
		"010": "x.conf", "99999999999999999999": "x.conf",
	} {
		m := d.machine("set default='" + value + "'\ninsmod blscfg\n" + cfg)
		b := Next(m)
		require.NoError(t, b.Err, "%q", value)
		assert.Equal(t, want, b.Default.ID, "%q", value)
		assert.Equal(t, Fedora, b.Flavor)
		assert.Len(t, b.Menu, 7)
	}
	for _, value := range []string{"5", "osprober", "Windows (x)", "UEFI Firmware Settings"} {
		b := Next(d.machine("set default='" + value + "'\n" + cfg))
		assert.ErrorIs(t, b.Err, ErrNotEntry, "%q", value)
		assert.Nil(t, b.Default)
		assert.Equal(t, Other, b.Chosen.Kind)
	}
}

func TestDefaultUpstream(t *testing.T) {
	d := entries("d", "c", "b", "2b9-6.18") // in menu order: d c b 2b9-6.18
	for value, want := range map[string]string{
		"": "d", "b": "b", "T c": "c", "1": "c", " 1": "c", "1 2": "c", "1>0": "c", "01": "c", "0x1": "c", "2b9-6.18": "b",
		"0b1f": "d", "9": "d", "-1": "d", "gone": "d", "b.conf": "d", "b ": "d", "0x": "d",
	} {
		b := Next(d.machine("insmod blsuki\nset default='" + value + "'\nblscfg\n"))
		require.NoError(t, b.Err, "%q", value)
		assert.Equal(t, want, b.Default.ID, "%q", value)
		assert.Equal(t, Upstream, b.Flavor)
	}
}

// What names nothing comes with what would.
func TestLikelyDefault(t *testing.T) {
	d := entries("b", "a", "2b9-6.18")
	for value, want := range map[string]string{
		"a.conf": "grubenv saved_entry \"a.conf\" names no menu entry; GRUB takes the first; \"a\" would match",
		" A":     "grubenv saved_entry \" A\" names no menu entry; GRUB takes the first; \"a\" would match",
		"gone":   "grubenv saved_entry \"gone\" names no menu entry; GRUB takes the first",
		"a":      "",
	} {
		d["grub2/grubenv"] = string(pad("saved_entry="+value+"\n", 1024))
		for _, module := range []string{"blscfg", "blsuki"} {
			b := Next(d.machine("load_env\nset default=\"${saved_entry}\"\ninsmod " + module + "\nblscfg\n"))
			require.NoError(t, b.Err)
			assert.Equal(t, want, strings.Join(b.Missed, "\n"), module)
		}
	}
	d["grub2/grubenv"] = string(pad("saved_entry=2b9-6.18\n", 1024))
	b := Next(d.machine("load_env\nset default=\"${saved_entry}\"\ninsmod blsuki\nblscfg\nmenuentry x { true; }\n"))
	require.NoError(t, b.Err)
	assert.Empty(t, b.Missed, "place 2 is the one that it names")
	d["grub2/grubenv"] = string(pad("saved_entry=1b9\n", 1024))
	d["loader/entries/1b9.conf"] = "linux /k-a\n"
	b = Next(d.machine("load_env\nset default=\"${saved_entry}\"\ninsmod blsuki\nblscfg\n"))
	require.NoError(t, b.Err)
	assert.Equal(t, []string{"grubenv saved_entry \"1b9\" begins with a number, and GRUB 2.14 takes the entry at place 1"}, b.Missed)
}

func TestFlavor(t *testing.T) {
	d := entries("a")
	for _, c := range []struct {
		cfg, info string
		want      Flavor
	}{
		{"blscfg", "", Fedora},
		{"blscfg", "GRUB 2.14-4", Upstream},
		{"blscfg", "GRUB 2.12", Fedora},
		{"insmod blscfg\nblscfg", "GRUB 2.14", Fedora},
		{"blscfg --path /loader/entries", "", Upstream},
		{"blscfg --show-default", "", Upstream},
		{"blscfg default", "", Fedora},
		{"set prefix=(x)/boot/grub\nblscfg", "", Upstream},
	} {
		m := d.machine(c.cfg + "\n")
		m.LoaderInfo = c.info
		assert.Equal(t, c.want, Next(m).Flavor, "%q %q", c.cfg, c.info)
	}
}

func TestFallback(t *testing.T) {
	d := entries("d", "c", "b", "a")
	delete(d, "k-d")
	delete(d, "k-c")
	for _, c := range []struct{ value, fedora, upstream string }{
		{"1 2", "b", "b"}, {"2", "b", "b"}, {"a", "a", ""}, {"1 a", "a", ""}, {"gone", "", ""}, {"", "", ""}, {"1", "", ""}, {"9 2", "", ""},
	} {
		d.assertFallback(t, "insmod blscfg", c.value, c.fedora)
		d.assertFallback(t, "insmod blsuki", c.value, c.upstream)
	}
}

func (d disk) assertFallback(t *testing.T, module, value, want string) {
	t.Helper()
	b := Next(d.machine(module + "\nset fallback='" + value + "'\nblscfg\n"))
	if want == "" {
		var failed *FailedError
		require.ErrorAs(t, b.Err, &failed, "%q", value)
		assert.Nil(t, b.Default)
		assert.Nil(t, b.Command)
		return
	}
	require.NoError(t, b.Err, "%q", value)
	assert.Equal(t, want, b.Default.ID, "%q", value)
	assert.Equal(t, "d", b.Chosen.ID)
	assert.Equal(t, "fallback", b.Rule)
	assert.NotEmpty(t, b.Missed)
}

func TestListingDirectories(t *testing.T) {
	entry := "linux /k\n"
	for _, c := range []struct {
		name string
		disk disk
		cfg  string
		want []string
	}{
		{"standard", disk{"loader/entries/a.conf": entry, "boot/loader/entries/b.conf": entry}, "insmod blscfg\nblscfg", []string{"a"}},
		{"an empty folder is enough", disk{"loader/entries/x": "", "boot/loader/entries/b.conf": entry}, "insmod blscfg\nblscfg", nil},
		{"below /boot", disk{"boot/loader/entries/b.conf": entry}, "insmod blscfg\nblscfg", []string{"b"}},
		{"blsdir", disk{"loader/entries/a.conf": entry, "alt/b.conf": entry}, "set blsdir=/alt\nblscfg", []string{"b"}},
		{"blsdir absent", disk{"loader/entries/a.conf": entry, "boot/loader/entries/b.conf": entry}, "set blsdir=/no\nblscfg", []string{"b"}},
		{"argument", disk{"loader/entries/a.conf": entry, "alt/b.conf": entry}, "blscfg ($root)/alt", []string{"b"}},
		{"upstream knows no blsdir", disk{"loader/entries/a.conf": entry, "alt/b.conf": entry}, "insmod blsuki\nset blsdir=/alt\nblscfg", []string{"a"}},
		{"upstream path", disk{"loader/entries/a.conf": entry, "alt/b.conf": entry}, "blscfg --path /alt", []string{"b"}},
		{"upstream does not fall back", disk{"loader/entries/a.conf": entry}, "blscfg --path /alt", nil},
		{"upstream falls back", disk{"loader/entries/a.conf": entry, "alt/x": ""}, "blscfg --path=/alt --enable-fallback", []string{"a"}},
		{"link", disk{"loader": "-> loader.1", "loader.1/entries/a.conf": entry, "loader.1/entries/l.conf": "-> a.conf"}, "blscfg", []string{"l", "a"}},
		{"names", disk{"loader/entries/a.CONF": entry, "loader/entries/.h.conf": entry, "loader/entries/d.conf/x": "", "loader/entries/n.conf": "title n\n", "loader/entries/b+3-0.conf": entry}, "blscfg", []string{"b+3-0"}},
		{"upstream names", disk{"loader/entries/.h.conf": entry, "loader/entries/a.conf": entry}, "insmod blsuki\nblscfg", []string{"a", ".h"}},
		{"default first", disk{"loader/entries/b.conf": entry, "loader/entries/a.conf": entry}, "set default=a\nblscfg default\nblscfg non-default", []string{"a", "b"}},
		{"upstream default first", disk{"loader/entries/b.conf": entry, "loader/entries/a.conf": entry}, "set default=1\nblscfg --show-default\nblscfg --show-non-default", []string{"a", "b"}},
		{"images", disk{"loader/entries/a.conf": entry, "EFI/Linux/u.efi": "", "EFI/Linux/v.efi": ""}, "blscfg --path /loader/entries\nuki", []string{"a", "v.efi", "u.efi"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := Next(c.disk.machine(c.cfg + "\n"))
			assert.Equal(t, c.want, ids(b))
			if c.want == nil {
				assert.ErrorIs(t, b.Err, ErrEmptyMenu)
			}
		})
	}
}

func TestEqualNames(t *testing.T) {
	d := entries("b-1", "a-1.0", "a-1_0")
	b := Next(d.machine("insmod blscfg\nblscfg\n"))
	require.NoError(t, b.Err)
	assert.Equal(t, []string{"b-1", "a-1.0"}, ids(b), "they take one place")
	for _, id := range []string{"a-1.0", "a-1_0", "1"} {
		var u *UndeterminedError
		assert.ErrorAs(t, Next(d.machine("set default="+id+"\ninsmod blscfg\nblscfg\n")).Err, &u, id)
	}
}

func TestCrash(t *testing.T) {
	d := entries("a", "b")
	d["loader/entries/c.conf"] = "title C\n linux /k\n"
	b := Next(d.machine("insmod blscfg\nblscfg\n"))
	require.ErrorIs(t, b.Err, ErrCrash)
	assert.ErrorContains(t, b.Err, "/loader/entries/c.conf")
}

func TestInitrds(t *testing.T) {
	files := disk{"k": "", "a": "", "b": "", "t": "", "sub/a": "", "sub/e1": "", "sub/e2": "", "e1": "", "e2": ""}
	for _, c := range []struct {
		name, lines, cfg string
		fedora, upstream string // paths, or "fails"
	}{
		{"two lines", "initrd /a\ninitrd /b\n", "", "/a /b", "/a /b"},
		{"two on a line", "initrd /a /b\n", "", "/a /b", "/a /b"},
		{"tuned unset", "initrd /a $tuned_initrd\n", "", "/a", "/a"},
		{"tuned", "initrd /a $tuned_initrd\n", "set tuned_initrd=/t", "/a /t", "/a /t"},
		{"tuned with a device", "initrd /a $tuned_initrd\n", "set tuned_initrd='($root)/t'", "fails", ""},
		{"missing", "initrd /a /no\n", "", "fails", ""},
		{"no slash", "initrd a\n", "", "fails", ""},
		{"dots", "initrd /sub/..//a\n", "", "/a", "/a"},
		{"early", "initrd /sub/a\n", "set early_initrd='e1 e2'", "/sub/e1 /sub/e2 /sub/a", "/sub/a"},
		{"early beside the kernel", "", "set early_initrd=e1", "/e1", ""},
		{"early empty", "initrd /a\n", "set early_initrd=", "fails", "/a"},
		{"early missing", "initrd /a\n", "set early_initrd=no", "fails", "/a"},
	} {
		for flavor, want := range map[Flavor]string{Fedora: c.fedora, Upstream: c.upstream} {
			t.Run(fmt.Sprint(flavor, " ", c.name), func(t *testing.T) {
				files["loader/entries/x.conf"] = "linux /k\n" + c.lines
				m := files.machine(c.cfg + "\nblscfg\n")
				m.Flavor = flavor
				b := Next(m)
				var failed *FailedError
				if want == "fails" {
					require.ErrorAs(t, b.Err, &failed)
					return
				}
				require.NoError(t, b.Err)
				var got []string
				for _, f := range b.Command.Initrds {
					got = append(got, f.Path)
				}
				assert.Equal(t, want, strings.Join(got, " "))
				assert.Equal(t, strings.Contains(c.lines, "initrd") && want == "", len(b.Missed) > 0, "a dropped initrd is reported")
			})
		}
	}
}

func TestEFIKey(t *testing.T) {
	d := disk{"loader/entries/x.conf": "title X\nlinux /k\nefi /x.efi\noptions aa  bb\n", "x.efi": "", "k": ""}
	b := Next(d.machine("insmod blscfg\nblscfg\n"))
	require.NoError(t, b.Err)
	assert.True(t, b.Command.EFI)
	assert.Equal(t, "/x.efi", b.Command.Kernel.Path)
	assert.Equal(t, "aa bb", b.Command.Cmdline)
}

func TestLoadOfOtherItems(t *testing.T) {
	d := entries("b", "a")
	b := Next(d.machine("blscfg\nmenuentry X { true; }\n"))
	require.NoError(t, b.Err)
	command, err := b.Load(b.Menu[1])
	require.NoError(t, err)
	assert.Equal(t, "/k-a", command.Kernel.Path)
	_, err = b.Load(b.Menu[2])
	assert.ErrorIs(t, err, ErrNotEntry)
}

func TestFATNames(t *testing.T) {
	d := disk{"Loader/Entries/a.conf": "linux /VMLINUZ\n", "vmlinuz": ""}
	m := d.machine("blscfg\n")
	assert.ErrorIs(t, Next(m).Err, ErrEmptyMenu)
	m.Start.FAT = true
	b := Next(m)
	require.NoError(t, b.Err)
	assert.Equal(t, "/vmlinuz", b.Command.Kernel.Path)
	assert.Equal(t, "/Loader/Entries/a.conf", b.Default.File.Path)
}

func TestSUSE(t *testing.T) {
	d := entries("s-6.17.1-1", "s-6.16.8-1")
	d["EFI/opensuse/grubenv"] = string(pad("timeout=8\ndefault=s-6.16.8-1.conf\n", 1024))
	m := d.machine("")
	m.Flavor, m.Dir, m.Script = SUSE, "EFI/opensuse", SUSEScript
	b := Next(m)
	require.NoError(t, b.Err)
	assert.Equal(t, "s-6.16.8-1", b.Default.ID)

	assert.Equal(t, "grubenv default", b.Rule)

	m.LoaderEntryDefault, m.LoaderInfo = "s-6.17.1-1.conf", "GRUB2 2.12"
	assert.Equal(t, "s-6.16.8-1", Next(m).Default.ID, "2.12 does not read it")
	m.LoaderInfo = "GRUB2 2.14"
	b = Next(m)
	require.NoError(t, b.Err)
	assert.Equal(t, "s-6.17.1-1", b.Default.ID)
	assert.Contains(t, b.Rule, "LoaderEntryDefault")
}
