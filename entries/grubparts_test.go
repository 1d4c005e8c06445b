package entries

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/grub"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestGrubAbsentDevices: without a RAID, or a device mapper, GRUB has no device of that
// kind; of disks that is not known.
func TestGrubAbsentDevices(t *testing.T) {
	for names, c := range map[string]struct {
		root                   string
		absent, perhapsPresent []string
	}{
		"":                {"", []string{"md/0", "mduuid/x", "lvm/vg-root", "lvmid/x/y", "cryptouuid/x"}, []string{"hd0", "hd0,gpt2"}},
		"vda vda1":        {"", []string{"md/0", "mduuid/x", "lvm/vg-root"}, []string{"hd0"}},
		"vda md127":       {"", []string{"lvm/vg-root", "cryptouuid/x"}, []string{"md/0", "mduuid/x", "hd1"}},
		"vda dm-0":        {"", []string{"md/0", "mduuid/x"}, []string{"lvm/vg-root", "cryptouuid/x", "hd0"}},
		"vda md127  dm-0": {"/srv/other", []string{"md/0", "lvm/vg-root"}, []string{"hd0"}},
	} {
		dir := t.TempDir()
		for _, name := range strings.Fields(names) {
			put(t, dir, map[string]string{"sys/class/block/" + name + "/dev": "1:1\n"})
		}
		g := &grubSystem{System: &System{options: Options{Host: host.At(dir), Root: c.root}}}
		for _, device := range c.absent {
			assert.True(t, g.absent(device), "%s with %q", device, names)
		}
		for _, device := range c.perhapsPresent {
			assert.False(t, g.absent(device), "%s with %q", device, names)
		}
	}
}

// TestGrubAssumes: openSUSE's grub.cfg is in the image of its GRUB, and any other that is
// not found is taken to be Fedora's, which is said.
func TestGrubAssumes(t *testing.T) {
	device := &grub.Device{}
	suse := grub.Machine{Flavor: grub.SUSE, Script: grub.SUSEScript}
	fedora := grub.Machine{Flavor: grub.Fedora, Script: grub.FedoraScript, Root: device}
	for name, c := range map[string]struct {
		info, dir string
		want      grub.Machine
	}{
		"it says so":          {"GRUB2 2.12", "grub2", suse},
		"its folder":          {"", "EFI/opensuse", suse},
		"its folder, on FAT":  {"", "EFI/openSUSE", suse},
		"upstream's GRUB":     {"GRUB 2.14", "grub2", fedora},
		"a name begins so":    {"GRUB2", "grub2", fedora},
		"a folder of another": {"", "EFI/fedora", fedora},
	} {
		g := &grubSystem{System: &System{vars: Vars{Info: c.info}}, devices: []*grub.Device{device}}
		var m grub.Machine
		g.assume(&m, grubPlace{dir: c.dir})
		assert.Equal(t, c.want, m, name)
		assert.Equal(t, c.want.Flavor == grub.Fedora, len(g.warnings) == 1, name)
	}
}

// TestGrubChoice: what GRUB boots, or why nothing is known that it boots.
func TestGrubChoice(t *testing.T) {
	item := &grub.Item{Kind: grub.BLS, ID: "a"}
	entry := &Entry{Entry: &bls.Entry{ID: "a.conf", Type: bls.Type1}}
	auto := &Entry{Entry: &bls.Entry{ID: "debian", Type: bls.Auto}}
	const load = "GRUB has no boot loader entries here; load a kernel and an initrd by their names"
	for name, c := range map[string]struct {
		boot      grub.Boot
		menu      []*Entry
		err, hint string
	}{
		"an entry":               {grub.Boot{Default: item}, []*Entry{entry}, "", ""},
		"no entry":               {grub.Boot{Err: grub.ErrNotEntry, Chosen: &grub.Item{Title: "Windows"}}, []*Entry{entry, auto}, `GRUB boots "Windows" next, which is no boot loader entry`, ""},
		"no entries at all":      {grub.Boot{Err: grub.ErrNotEntry, Chosen: &grub.Item{Title: "Debian"}}, []*Entry{auto}, `GRUB boots "Debian" next, which is no boot loader entry`, load},
		"an empty menu":          {grub.Boot{Err: grub.ErrEmptyMenu}, nil, "GRUB's menu is empty", load},
		"one that fails":         {grub.Boot{Err: &grub.FailedError{Item: item, Err: errors.New("no kernel")}}, []*Entry{auto}, "GRUB cannot boot a: no kernel", ""},
		"what is not known":      {grub.Boot{Err: &grub.UndeterminedError{Text: "x"}}, nil, "cannot determine what GRUB boots: x", ""},
		"it is wrapped":          {grub.Boot{Err: fmt.Errorf("grub.cfg: %w", grub.ErrEmptyMenu)}, nil, "grub.cfg: GRUB's menu is empty", load},
		"openSUSE with its vars": {grub.Boot{Default: item, Flavor: grub.SUSE}, []*Entry{entry}, "", ""},
	} {
		dir := t.TempDir()
		g := &grubSystem{
			System:  &System{options: Options{Host: host.At(dir), Vars: efivar.Vars{Dir: dir}}, menu: &menu{entries: c.menu}},
			entries: map[*grub.Item]*Entry{item: entry},
		}
		c.boot.Rule, c.boot.Missed = "grubenv saved_entry", []string{"missed"}
		got := g.choice(&c.boot)
		assert.Equal(t, []any{"grubenv saved_entry", []string{"missed"}, false}, []any{got.Rule, got.Missed, got.OneShot}, name)
		if c.err == "" {
			assert.Same(t, entry, got.Entry, name)
			assert.NoError(t, got.err, name)
			continue
		}
		assert.Nil(t, got.Entry, name)
		assert.ErrorIs(t, got.err, ErrNoEntry, name)
		assert.EqualError(t, got.err, c.err, name)
		assert.Equal(t, c.hint, hint.Of(got.err), name)
	}
}

// TestGrubOneShot: next_entry is consumed by a boot, unless GRUB cannot write.
func TestGrubOneShot(t *testing.T) {
	g := &grubSystem{System: &System{menu: &menu{}}}
	assert.True(t, g.choice(&grub.Boot{Next: &grub.Write{}}).OneShot)
	c := g.choice(&grub.Boot{NextErr: errors.New("no room")})
	assert.False(t, c.OneShot)
	assert.Equal(t, []string{"GRUB cannot empty next_entry (no room): it will boot that entry again and again"}, c.Warnings)
}

// TestGrubPlaces: the folder of the program that was started, then /boot, then the ESP;
// one with a grub.cfg before any that has an environment block only.
func TestGrubPlaces(t *testing.T) {
	efi := volume(t, esp.ESP, map[string]string{
		"EFI/fedora/grub.cfg": "", "EFI/debian/grubenv": "", "EFI/suse/grub.cfg": "", "EFI/suse/grubenv": "", "EFI/BOOT/BOOTX64.EFI": "", "grub/grubenv": "",
	})
	boot := volume(t, esp.XBOOTLDR, map[string]string{"grub2/grub.cfg": "", "grub/grubenv": "", "EFI/x/grub.cfg": "", "EFI/fedora/README": ""})
	s := &System{volumes: []*esp.Volume{efi, boot}}
	config := func(v *esp.Volume, dir string) grubPlace { return grubPlace{volume: v, dir: dir, config: true} }
	block := func(v *esp.Volume, dir string) grubPlace { return grubPlace{volume: v, dir: dir} }
	rest := []grubPlace{config(boot, "grub2"), config(efi, "EFI/fedora"), config(efi, "EFI/suse"), config(boot, "EFI/x")}
	blocks := []grubPlace{block(boot, "grub"), block(efi, "grub"), block(efi, "EFI/debian")}
	for program, want := range map[string][]grubPlace{
		"":           slices.Concat(rest, blocks),
		"EFI/suse":   slices.Concat([]grubPlace{config(efi, "EFI/suse")}, rest, blocks),
		"EFI/debian": slices.Concat(rest, []grubPlace{block(efi, "EFI/debian")}, blocks),
		"EFI/gone":   slices.Concat(rest, blocks),
		"EFI/x":      slices.Concat(rest, blocks), // the firmware starts programs of an ESP
	} {
		assert.Equal(t, want, s.grubPlaces(program), program)
	}
	assert.Empty(t, (&System{}).grubPlaces("EFI/suse"))
}

// TestBootProgram: the firmware's own words on what it started, or none.
func TestBootProgram(t *testing.T) {
	const current, option = "vars/BootCurrent-" + bli.GlobalVendor, "vars/Boot000A-" + bli.GlobalVendor
	for name, c := range map[string]struct {
		change map[string]string
		want   string
	}{
		"as it is":                  {nil, "/efi/fedora/shimx64.efi"},
		"no number":                 {map[string]string{current: "\x06\x00\x00\x00"}, ""},
		"a number of one byte":      {map[string]string{current: "\x06\x00\x00\x00\x0a"}, ""},
		"a number of three":         {map[string]string{current: "\x06\x00\x00\x00\x0a\x00\x00"}, ""},
		"an option that is gone":    {map[string]string{current: "\x06\x00\x00\x00\x0b\x00"}, ""},
		"the other order of bytes":  {map[string]string{current: "\x06\x00\x00\x00\x00\x0a"}, ""},
		"an option that is cut":     {map[string]string{option: "\x07\x00\x00\x00\x01\x00\x00\x00\x20\x00L\x00"}, ""},
		"an option without content": {map[string]string{option: "\x07\x00\x00\x00"}, ""},
	} {
		_, o := machine(t, with(bootVars(`\EFI\Fedora\SHIMX64.EFI`), c.change))
		assert.Equal(t, c.want, bootProgram(o.Vars), name)
	}
	assert.Empty(t, bootProgram(efivar.Vars{Dir: t.TempDir()}))
}
