package entries

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/grub"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

func grubenv(text string) string {
	block := "# GRUB Environment Block\n" + text
	return block + strings.Repeat("#", 1024-len(block))
}

// fedora are the files of a /boot with three entries.
func fedora(env string) map[string]string {
	return map[string]string{
		"boot/vmlinuz": "k", "boot/initrd": "i", "boot/grub2/grubenv": grubenv(env), "boot/grub2/grub.cfg": "search --no-floppy --fs-uuid --set=root 3f0cbd2c-5b3e-4b0e-9f57-0d9c6a4d7e11\n" + grub.FedoraScript,
		"boot/loader/entries/0123-6.9.5-100.fc39.x86_64.conf":  "title Fedora 6.9.5\nlinux /vmlinuz\ninitrd /initrd $tuned_initrd\noptions $kernelopts $tuned_params quiet\ngrub_class fedora\n",
		"boot/loader/entries/0123-6.10.2-200.fc40.x86_64.conf": "title Fedora 6.10.2\nlinux /vmlinuz\noptions ro\n",
		"boot/loader/entries/0123-0-rescue.conf":               "title Rescue\nlinux /vmlinuz\noptions rescue\n",
	}
}

// with adds files to a tree.
func with(tree map[string]string, more map[string]string) map[string]string {
	for name, text := range more {
		tree[name] = text
	}
	return tree
}

// grubMachine has a /boot and an ESP.
func grubMachine(t *testing.T, files map[string]string) (dir string, o Options) {
	t.Helper()
	dir, o = machine(t, files)
	o.Boot = filepath.Join(dir, "boot")
	return dir, o
}

func TestGrubDefault(t *testing.T) {
	for name, v := range map[string]struct{ env, id, rule string }{
		"newest first":        {"", "0123-6.10.2-200.fc40.x86_64.conf", "first in GRUB's menu"},
		"saved_entry":         {"saved_entry=0123-6.9.5-100.fc39.x86_64\n", "0123-6.9.5-100.fc39.x86_64.conf", "grubenv saved_entry"},
		"by title":            {"saved_entry=Fedora 6.9.5\n", "0123-6.9.5-100.fc39.x86_64.conf", "grubenv saved_entry"},
		"by place":            {"saved_entry=1\n", "0123-6.9.5-100.fc39.x86_64.conf", "grubenv saved_entry"},
		"next_entry first":    {"saved_entry=1\nnext_entry=0123-0-rescue\n", "0123-0-rescue.conf", "grubenv next_entry"},
		"one that is gone":    {"saved_entry=gone\n", "0123-6.10.2-200.fc40.x86_64.conf", "first in GRUB's menu"},
		"a place too far":     {"saved_entry=99\n", "0123-6.10.2-200.fc40.x86_64.conf", "first in GRUB's menu"},
		"an empty next_entry": {"next_entry=\nsaved_entry=1\n", "0123-6.9.5-100.fc39.x86_64.conf", "grubenv saved_entry"},
		"failed boots":        {"boot_success=0\nboot_counter=0\n", "0123-6.9.5-100.fc39.x86_64.conf", "grub.cfg default"},
	} {
		t.Run(name, func(t *testing.T) {
			_, o := grubMachine(t, fedora(v.env))
			s := open(t, o)
			require.True(t, s.GRUB())
			c, err := s.Default()
			require.NoError(t, err)
			assert.Equal(t, v.id, c.Entry.ID)
			assert.Equal(t, v.rule, c.Rule)
			assert.Equal(t, v.rule == "grubenv next_entry", c.OneShot)
			assert.Empty(t, s.Warnings())
		})
	}
}

func TestGrubNamesWhatMatchesNothing(t *testing.T) {
	_, o := grubMachine(t, fedora("saved_entry=gone\n"))
	c, err := open(t, o).Default()
	require.NoError(t, err)
	assert.Equal(t, []string{"grubenv saved_entry \"gone\" names no menu entry; GRUB takes the first"}, c.Missed)
}

// What GRUB makes of an entry is what is loaded; what the file has stays known.
func TestGrubExpands(t *testing.T) {
	dir, o := grubMachine(t, fedora("kernelopts=root=UUID=1 ro\ntuned_initrd=/tuned.img\n"))
	put(t, dir, map[string]string{"boot/tuned.img": "t"})
	e, err := open(t, o).Pick("0123-6.9.5")
	require.NoError(t, err)
	require.NoError(t, e.LoadError())
	assert.Equal(t, "root=UUID=1 ro quiet", e.Cmdline())
	assert.Equal(t, []string{"/initrd", "/tuned.img"}, e.Initrds)
	assert.Equal(t, "$kernelopts $tuned_params quiet", e.Written.Cmdline())
	assert.Equal(t, []string{"/initrd $tuned_initrd"}, e.Written.Initrds)
	assert.Equal(t, filepath.Join(dir, "boot/tuned.img"), e.Where("/tuned.img"))
	f, err := e.Open("/tuned.img")
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// Of a system that does not run, files have the names that a user sees.
func TestGrubBelowARoot(t *testing.T) {
	dir, o := grubMachine(t, fedora(""))
	o.Root, o.ESP, o.Boot = dir, "", ""
	e, err := open(t, o).Pick("0123-6.9.5")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "boot/vmlinuz"), e.Where(e.Linux))
}

// A /boot in the root file system may name files beside it.
func TestGrubStartsAtTheRoot(t *testing.T) {
	tree := fedora("")
	tree["boot/loader/entries/9-9-9.conf"] = "linux /boot/vmlinuz\ninitrd /extra.img\noptions x\n"
	tree["extra.img"] = "e"
	dir, o := grubMachine(t, tree)
	e, err := open(t, o).Pick("9-9-9")
	require.NoError(t, err)
	require.NoError(t, e.LoadError())
	assert.Equal(t, filepath.Join(dir, "boot/vmlinuz"), e.Where(e.Linux))
	assert.Equal(t, filepath.Join(dir, "extra.img"), e.Where("/extra.img"))
	f, err := e.Open("/extra.img")
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// Only the menu of GRUB counts, not what systemd-boot would find.
func TestGrubListsOneDirectory(t *testing.T) {
	tree := with(fedora(""), map[string]string{
		"efi/loader/entries/other.conf": plain, "efi/EFI/Linux/x.efi": "MZ", "boot/loader/loader.conf": "default other*\n",
		"boot/loader/entries/arm.conf": "linux /vmlinuz\narchitecture aa64\noptions x\n", "boot/loader/entries/bad.conf": "title no kernel\n",
	})
	_, o := grubMachine(t, tree)
	s := open(t, o)
	var ids []string
	for _, e := range s.Entries() {
		ids = append(ids, e.ID)
		assert.Empty(t, e.KexecBlocker(), e.ID)
	}
	assert.Equal(t, []string{"0123-6.10.2-200.fc40.x86_64.conf", "0123-6.9.5-100.fc39.x86_64.conf", "0123-0-rescue.conf", "arm.conf"}, ids)
}

// ostree has loader as a link.
func TestGrubFollowsLinks(t *testing.T) {
	dir, o := grubMachine(t, fedora(""))
	require.NoError(t, os.Rename(filepath.Join(dir, "boot/loader"), filepath.Join(dir, "boot/loader.1")))
	require.NoError(t, os.Symlink("loader.1", filepath.Join(dir, "boot/loader")))
	assert.Len(t, open(t, o).Entries(), 3)
}

// What is no entry is listed, and where GRUB boots it, nothing else is taken.
func TestGrubBootsNoEntry(t *testing.T) {
	tree := fedora("saved_entry=win\n")
	tree["boot/grub2/grub.cfg"] += "menuentry 'Windows' --id win { chainloader /EFI/Microsoft/x.efi }\n"
	_, o := grubMachine(t, tree)
	s := open(t, o)
	require.Len(t, s.Entries(), 4)
	assert.Equal(t, "an entry of grub.cfg, which only GRUB can start", s.Entries()[3].KexecBlocker())
	_, err := s.Default()
	require.ErrorIs(t, err, ErrNoEntry)
	assert.EqualError(t, err, `GRUB boots "Windows" next, which is no boot loader entry`)
	e, err := s.Pick("0123-6.10")
	require.NoError(t, err)
	assert.NotNil(t, e)
}

func TestGrubCannotBeDetermined(t *testing.T) {
	for name, c := range map[string]struct{ cfg, want string }{
		"a command that is not known": {"frobnicate\nblscfg\n", "cannot determine what GRUB boots: /grub2/grub.cfg:1: the effect of command \"frobnicate\" is not known here"},
		"no entries":                  {"blscfg ($root)/gone\n", "GRUB's menu is empty"},
		"a missing kernel":            {"blsdir=/x\nblscfg\n", "GRUB cannot boot 1: /gone: file does not exist"},
	} {
		tree := fedora("")
		tree["boot/grub2/grub.cfg"], tree["boot/x/1.conf"] = c.cfg, "linux /gone\n"
		_, o := grubMachine(t, tree)
		_, err := open(t, o).Default()
		require.ErrorIs(t, err, ErrNoEntry, name)
		assert.EqualError(t, err, c.want, name)
	}
}

// Without a grub.cfg its variables are not known; they may be what root= is in.
func TestGrubWithoutConfig(t *testing.T) {
	tree := fedora("saved_entry=1\n")
	delete(tree, "boot/grub2/grub.cfg")
	_, o := grubMachine(t, tree)
	s := open(t, o)
	assert.Equal(t, []string{"no grub.cfg is found; it is taken to be as Fedora makes it"}, s.Warnings())
	_, err := s.Default()
	require.ErrorIs(t, err, ErrNoEntry)
	assert.ErrorContains(t, err, "$kernelopts has no value in grubenv, and the grub.cfg that may set it cannot be read")
	e, err := s.Pick("0123-6.10")
	require.NoError(t, err)
	assert.NoError(t, e.LoadError())
}

// What is no environment block is none.
func TestGrubEnvIsABlock(t *testing.T) {
	_, o := grubMachine(t, with(fedora(""), map[string]string{"boot/grub2/grubenv": "junk"}))
	assert.Empty(t, open(t, o).GrubEnv())
	_, o = machine(t, abc())
	assert.Empty(t, open(t, o).GrubEnv(), "systemd-boot's rules")
}

func TestGrubConsumesNext(t *testing.T) {
	dir, o := grubMachine(t, fedora("saved_entry=1\nnext_entry=0123-0-rescue\n"))
	path := filepath.Join(dir, "boot/grub2/grubenv")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	s := open(t, o)
	once, err := s.Pick("@oneshot")
	require.NoError(t, err)
	assert.Equal(t, "0123-0-rescue.conf", once.ID)
	lasting, err := s.Pick("@default")
	require.NoError(t, err)
	assert.Equal(t, "0123-6.9.5-100.fc39.x86_64.conf", lasting.ID)
	saved, err := s.Pick("@saved")
	require.NoError(t, err)
	assert.Same(t, lasting, saved)

	undo, err := s.ConsumeOneShot()
	require.NoError(t, err)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Len(t, after, 1024)
	vars, err := grub.Block(after).Vars()
	require.NoError(t, err)
	assert.Equal(t, []grub.Var{{Name: "saved_entry", Value: "1"}, {Name: "next_entry", Value: ""}}, vars)
	require.NoError(t, undo())
	restored, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, restored)
}

// On btrfs the block is in sectors of the partition.
func TestGrubConsumesNextInSectors(t *testing.T) {
	dir, o := readLayout(t, layoutDir+"/fedora-btrfs-subvolume.txt").build(t)
	s := open(t, o)
	undo, err := s.ConsumeOneShot()
	require.NoError(t, err)
	path := filepath.Join(dir, "dev/vda2")
	assert.Equal(t, grubenv("saved_entry=0f-6.17.10-300.fc43.x86_64\nnext_entry=\n"), readText(t, path))
	require.NoError(t, undo())
	assert.Equal(t, grubenv("saved_entry=0f-6.17.10-300.fc43.x86_64\nnext_entry=0f-6.17.9-300.fc43.x86_64\n"), readText(t, path))
}

// A block without room stays as it is: GRUB boots the entry again.
func TestGrubCannotConsumeNext(t *testing.T) {
	tree := fedora("")
	tree["boot/grub2/grubenv"] = "# GRUB Environment Block\nnext_entry=0123-0-rescue\njunk"
	dir, o := grubMachine(t, tree)
	s := open(t, o)
	c, err := s.Default()
	require.NoError(t, err)
	assert.Equal(t, "0123-0-rescue.conf", c.Entry.ID)
	assert.False(t, c.OneShot)
	require.Len(t, c.Warnings, 1)
	assert.Contains(t, c.Warnings[0], "it will boot that entry again and again")
	_, err = s.ConsumeOneShot()
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(dir, "boot/grub2/grubenv"))
	require.NoError(t, err)
	assert.Equal(t, tree["boot/grub2/grubenv"], string(data))
}

// bootVars are the variables of a machine whose firmware started a program.
func bootVars(program string) map[string]string {
	wide := func(s string) string {
		var b []byte
		for _, unit := range utf16.Encode([]rune(s + "\x00")) {
			b = binary.LittleEndian.AppendUint16(b, unit)
		}
		return string(b)
	}
	name := wide(program)
	path := "\x04\x04" + string(binary.LittleEndian.AppendUint16(nil, uint16(4+len(name)))) + name + "\x7f\xff\x04\x00"
	option := "\x01\x00\x00\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(path)))) + wide("Linux") + path
	return map[string]string{
		"vars/BootCurrent-" + bli.GlobalVendor: "\x06\x00\x00\x00\x0a\x00", "vars/Boot000A-" + bli.GlobalVendor: "\x07\x00\x00\x00" + option,
	}
}

// The right environment block is the one of the GRUB that the firmware starts.
func TestGrubPrefixIsWhereItWasStarted(t *testing.T) {
	tree := with(fedora("saved_entry=0\n"), map[string]string{
		"efi/EFI/almalinux/grubenv": grubenv("saved_entry=2\n"), "efi/EFI/almalinux/grub.cfg": "set root=x\n",
		"efi/EFI/fedora/grubenv": grubenv("saved_entry=2\n"),
		"efi/EFI/fedora/grub.cfg": "search --no-floppy --fs-uuid --set=dev 3f0cbd2c-5b3e-4b0e-9f57-0d9c6a4d7e11\n" +
			"set prefix=($dev)/grub2\nexport $prefix\nconfigfile $prefix/grub.cfg\n",
	})
	dir, o := grubMachine(t, with(tree, bootVars(`\EFI\fedora\shimx64.efi`)))
	s := open(t, o)
	assert.Equal(t, filepath.Join(dir, "boot/grub2/grubenv"), s.GrubEnv(), "not the first on the ESP")
	c, err := s.Default()
	require.NoError(t, err)
	assert.Equal(t, "grubenv saved_entry", c.Rule)
	assert.Equal(t, "0123-6.10.2-200.fc40.x86_64.conf", c.Entry.ID)
}

func TestDetectedLoader(t *testing.T) {
	systemd := map[string]string{"efi/loader/entries/s.conf": plain + "options x\n"}
	for name, c := range map[string]struct {
		vars    map[string]string
		grub    bool
		warning string
	}{
		"BIOS":                    {nil, true, ""},
		"systemd-boot":            {loaderVar(bli.Info, "systemd-boot 262"), false, ""},
		"GRUB":                    {loaderVar(bli.Info, "GRUB 2.14-4"), true, ""},
		"Limine":                  {loaderVar(bli.Info, "Limine 10.3.2"), false, "the boot loader is Limine 10.3.2, which may boot something else than these entries; name the entry explicitly"},
		"shim was started":        {bootVars(`\EFI\fedora\shimx64.efi`), true, ""},
		"systemd-boot was":        {bootVars(`\EFI\systemd\systemd-bootx64.efi`), false, ""},
		"another program was":     {bootVars(`\EFI\BOOT\BOOTX64.EFI`), true, ""},
		"firmware that keeps mum": {loaderVar("LoaderTimeInitUSec", "1"), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, o := grubMachine(t, with(with(fedora(""), systemd), c.vars))
			s := open(t, o)
			assert.Equal(t, c.grub, s.GRUB())
			choice, err := s.Default()
			require.NoError(t, err)
			assert.Equal(t, c.warning, strings.Join(choice.Warnings, "\n"))
		})
	}
}

// Variables that cannot be read may name another entry.
func TestUnreadableVariables(t *testing.T) {
	_, o := machine(t, with(abc(), map[string]string{"sys/firmware/efi/runtime": "0x1\n"}))
	s := open(t, o)
	_, err := s.Default()
	require.ErrorIs(t, err, ErrNoEntry)
	assert.ErrorContains(t, err, "the EFI variables that choose the next boot cannot be read")
	assert.Equal(t, "name the entry, or mount efivarfs", hint.Of(err))
	_, err = s.Pick("@default")
	require.ErrorIs(t, err, ErrNoEntry)
	e, err := s.Pick("a")
	require.NoError(t, err)
	assert.Equal(t, "a.conf", e.ID)
}

func TestSUSE(t *testing.T) {
	entry := func(version string) string { return "title openSUSE " + version + "\nlinux /v\noptions quiet\n" }
	tree := map[string]string{
		"efi/loader/entries/system-6.17.1-1.conf": entry("6.17.1"), "efi/loader/entries/system-6.16.8-1.conf": entry("6.16.8"),
	}
	for name, more := range map[string]map[string]string{
		"2.12": with(loaderVar(bli.Info, "GRUB2 2.12"), map[string]string{"efi/EFI/opensuse/grubenv": grubenv("default=system-6.16.8-1.conf\n")}),
		"2.14": with(loaderVar(bli.Info, "GRUB2 2.14"), loaderVar(bli.EntryDefault, "system-6.16.8-1.conf")),
	} {
		_, o := machine(t, with(with(map[string]string{}, tree), more))
		c, err := open(t, o).Default()
		require.NoError(t, err, name)
		assert.Equal(t, "system-6.16.8-1.conf", c.Entry.ID, name)
	}
}

// TestGrubCorpus holds the whole way against what real GRUBs booted.
func TestGrubCorpus(t *testing.T) {
	for _, c := range fixtures.GrubCorpus(t) {
		t.Run(fmt.Sprint(c.N), func(t *testing.T) {
			dir := t.TempDir()
			for part, at := range c.Offer.Mount {
				if files := c.Part(t, part); files != nil {
					require.NoError(t, copyFS(filepath.Join(dir, at), files))
				}
			}
			program := bootVars(`\EFI\` + c.Vendor + `\shimx64.efi`)
			if c.EFIVars.LoaderInfo != "" {
				with(program, loaderVar(bli.Info, c.EFIVars.LoaderInfo))
			}
			put(t, dir, program)
			h := host.At(dir)
			h.GOARCH = "amd64"
			o := Options{ESP: filepath.Join(dir, c.Offer.ESP), Host: h, Vars: efivar.Vars{Dir: filepath.Join(dir, "vars")}, Getenv: func(string) string { return "" }}
			if c.Offer.Boot != "" {
				o.Boot = filepath.Join(dir, c.Offer.Boot)
			}
			if strings.HasSuffix(c.Booted, ".efi") {
				return // the images of the corpus are texts
			}
			choice, err := open(t, o).Default()
			if c.Booted == "" || strings.HasPrefix(c.Booted, "other:") {
				require.ErrorIs(t, err, ErrNoEntry)
				return
			}
			require.NoError(t, err)
			if c.N != fixtures.GrubMislabelled {
				assert.Equal(t, c.Booted, strings.TrimSuffix(choice.Entry.ID, ".conf"))
			}
			if choice.Entry.Linux != "" {
				assert.Equal(t, c.Cmdline, choice.Entry.Cmdline())
			}
		})
	}
}

// copyFS is os.CopyFS into a directory that may exist.
func copyFS(dir string, files fstest.MapFS) error {
	var errs []error
	for name, f := range files {
		path := filepath.Join(dir, name)
		errs = append(errs, os.MkdirAll(filepath.Dir(path), 0o755))
		switch {
		case f.Mode.IsDir():
			errs = append(errs, os.MkdirAll(path, 0o755))
		case f.Mode&os.ModeSymlink != 0:
			errs = append(errs, os.Symlink(string(f.Data), path))
		default:
			errs = append(errs, os.WriteFile(path, f.Data, 0o644))
		}
	}
	return errors.Join(errs...)
}
