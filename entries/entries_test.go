package entries

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// volume lays a partition out and opens it.
func volume(t *testing.T, kind esp.Kind, files map[string]string) *esp.Volume {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return &esp.Volume{Kind: kind, Dir: dir, Root: root}
}

// list reads entries given as name and text; each has the kernel /v.
func list(t *testing.T, texts map[string]string) *menu {
	t.Helper()
	files := map[string]string{"v": "kernel"}
	for name, text := range texts {
		files["loader/entries/"+name] = text
	}
	return readMenu([]*esp.Volume{volume(t, esp.ESP, files)}, "x64")
}

func ids(l *menu) []string {
	var ids []string
	for _, e := range l.entries {
		ids = append(ids, e.ID)
	}
	return ids
}

const plain = "linux /v\n"

// TestChoose has one row a rule, in a list where the rule changes the winner.
func TestChoose(t *testing.T) {
	texts := map[string]string{
		"d.conf": plain, "c.conf": plain, "b+2-1.conf": plain, "a.conf": plain, "bad+0-3.conf": plain,
		"gone.conf": "linux /nosuch\n", "zz-app.conf": "efi /v\nsort-key zz\n", "auto-x.conf": plain,
	}
	for name, v := range map[string]struct {
		vars Vars
		conf bls.LoaderConf
		id   string
		rule string
	}{
		"first in order":             {Vars{}, bls.LoaderConf{}, "zz-app.conf", "first bootable in order"},
		"default":                    {Vars{}, bls.LoaderConf{Default: "C*"}, "c.conf", "loader.conf default C*"},
		"default takes a bad one":    {Vars{}, bls.LoaderConf{Default: "bad*"}, "bad.conf", "loader.conf default bad*"},
		"preferred before default":   {Vars{}, bls.LoaderConf{Default: "c*", Preferred: "a*"}, "a.conf", "loader.conf preferred a*"},
		"preferred skips a bad one":  {Vars{}, bls.LoaderConf{Default: "c*", Preferred: "bad*"}, "c.conf", "loader.conf default c*"},
		"preferred's first good one": {Vars{}, bls.LoaderConf{Preferred: "b*"}, "b.conf", "loader.conf preferred b*"},
		"default variable":           {Vars{Default: "d.conf"}, bls.LoaderConf{Default: "c*"}, "d.conf", "LoaderEntryDefault"},
		"preferred beats variable":   {Vars{Default: "d.conf"}, bls.LoaderConf{Preferred: "a*"}, "a.conf", "loader.conf preferred a*"},
		"preferred variable first":   {Vars{Preferred: "d.conf"}, bls.LoaderConf{Preferred: "a*"}, "d.conf", "LoaderEntryPreferred"},
		"an old loader knows no preferred": {Vars{Preferred: "d.conf", HasFeatures: true, Features: 0x7ffff}, bls.LoaderConf{Preferred: "a*", Default: "c*"},
			"c.conf", "loader.conf default c*"},
		"a new one does":            {Vars{Preferred: "d.conf", HasFeatures: true, Features: 1 << 19}, bls.LoaderConf{}, "d.conf", "LoaderEntryPreferred"},
		"one-shot":                  {Vars{OneShot: "BAD.CONF", Preferred: "d.conf"}, bls.LoaderConf{}, "bad.conf", "LoaderEntryOneShot"},
		"one-shot knows no @saved":  {Vars{OneShot: "@saved", LastBooted: "d.conf"}, bls.LoaderConf{Default: "c*"}, "c.conf", "loader.conf default c*"},
		"efibc's junk":              {Vars{OneShot: "kexec reboot"}, bls.LoaderConf{Default: "c*"}, "c.conf", "loader.conf default c*"},
		"@saved":                    {Vars{LastBooted: "D.conf"}, bls.LoaderConf{Default: "@SAVED"}, "d.conf", "loader.conf default @saved @saved"},
		"@saved without a last one": {Vars{}, bls.LoaderConf{Default: "@saved"}, "zz-app.conf", "first bootable in order"},
		"a pattern passes hidden":   {Vars{}, bls.LoaderConf{Default: "gone*"}, "zz-app.conf", "first bootable in order"},
		"a suffix is not implied":   {Vars{}, bls.LoaderConf{Default: "c"}, "zz-app.conf", "first bootable in order"},
		"auto entries count":        {Vars{Default: "auto-*", Entries: []string{"auto-reboot"}}, bls.LoaderConf{}, "auto-reboot", "LoaderEntryDefault"},
		"auto entries come last":    {Vars{Default: "*", Entries: []string{"auto-reboot"}}, bls.LoaderConf{}, "zz-app.conf", "LoaderEntryDefault"},
	} {
		t.Run(name, func(t *testing.T) {
			l := list(t, texts)
			l.report(v.vars.Entries)
			c := l.choose(v.vars, v.conf)
			require.NotNil(t, c.Entry)
			assert.Equal(t, v.id, c.Entry.ID)
			assert.Equal(t, strings.TrimSuffix(v.rule, " @saved @saved"), strings.TrimSuffix(c.Rule, " @saved D.conf"))
			assert.Equal(t, v.rule == "LoaderEntryOneShot", c.OneShot)
		})
	}
}

func TestChooseWithLittle(t *testing.T) {
	c := list(t, nil).choose(Vars{}, bls.LoaderConf{})
	assert.Nil(t, c.Entry, "nothing to boot")

	l := list(t, nil)
	l.report([]string{"auto-reboot-to-firmware-setup", "gone.conf"})
	c = l.choose(Vars{Default: "gone.conf"}, bls.LoaderConf{})
	assert.Equal(t, "auto-reboot-to-firmware-setup", c.Entry.ID, "all that is on the menu")

	c = list(t, map[string]string{"z.conf": plain + "profile 1\n", "a+0.conf": plain}).choose(Vars{}, bls.LoaderConf{})
	assert.Equal(t, "a.conf", c.Entry.ID, "a bad one before another profile")
	c = list(t, map[string]string{"z.conf": plain + "profile 1\n"}).choose(Vars{}, bls.LoaderConf{})
	assert.Equal(t, "z.conf", c.Entry.ID, "the menu's first")
}

func TestMissedRulesNameTheFix(t *testing.T) {
	l := list(t, map[string]string{"arch.conf": plain, "bad+0.conf": plain, "gone.conf": "linux /nosuch\n", "titled.conf": plain + "title Arch Linux\n"})
	for pattern, want := range map[string]string{
		"arch":          "loader.conf default arch matches no entry; the suffix is part of the id, arch.conf would match arch.conf",
		"arch+3-1.conf": "loader.conf default arch+3-1.conf matches no entry; the boot counter is no part of the id, arch.conf would match",
		"ar?h":          "loader.conf default ar?h matches no entry; the suffix is part of the id, ar?h.conf would match arch.conf",
		"gone*":         "loader.conf default gone* matches no entry; gone.conf is hidden: /nosuch: no such file or directory",
		"fedora":        "loader.conf default fedora matches no entry",
		"Arch Linux":    "loader.conf default Arch Linux matches no entry; it takes an id such as titled.conf",
	} {
		assert.Equal(t, []string{want}, l.choose(Vars{}, bls.LoaderConf{Default: pattern}).Missed)
	}
	assert.Contains(t, l.choose(Vars{}, bls.LoaderConf{Preferred: "bad*"}).Missed[0], "bad.conf has no boot attempts left")
}

func TestFind(t *testing.T) {
	l := list(t, map[string]string{
		"arch+3-1.conf": plain + "title Arch Linux\nversion 6.12\n", "arch-lts.conf": plain + "title Arch LTS\nversion 6.6\n",
		"debian.conf": plain + "title Debian\nversion 6.1\n", "hidden.conf": "title Debug\n",
	})
	for name, want := range map[string]string{
		"arch.conf": "arch.conf", "ARCH.CONF": "arch.conf", "arch": "arch.conf", "arch+3-1.conf": "arch.conf", "arch+9.conf": "arch.conf",
		"arch+3-1": "arch.conf", "ARCH+9": "arch.conf", "debian+1": "debian.conf", "arch+x": "", "+1": "",
		"arch-": "arch-lts.conf", "deb": "debian.conf", "6.1": "", "6.12": "arch.conf", "6.6": "arch-lts.conf",
		"Arch L": "", "arch lin": "arch.conf", "hid": "hidden.conf", "De": "debian.conf", "nosuch": "", "": "",
	} {
		e, err := l.find(name)
		if want == "" {
			require.ErrorIs(t, err, ErrNoEntry, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, want, e.ID, name)
	}
	_, err := l.find("arch l")
	assert.ErrorContains(t, err, "is ambiguous: arch.conf, arch-lts.conf")
}

func TestFindOnTwoPartitions(t *testing.T) {
	files := map[string]string{"v": "k", "loader/entries/a.conf": plain}
	one, two := volume(t, esp.ESP, files), volume(t, esp.XBOOTLDR, files)
	e, err := readMenu([]*esp.Volume{one, two}, "x64").find("a")
	require.NoError(t, err)
	assert.Equal(t, one, e.Volume, "the ESP is the boot loader's first")
}

// TestHiddenTwin has an entry on the ESP that systemd-boot does not show, and
// one of the same id on XBOOTLDR that it does.
func TestHiddenTwin(t *testing.T) {
	one := volume(t, esp.ESP, map[string]string{"loader/entries/a.conf": plain})
	two := volume(t, esp.XBOOTLDR, map[string]string{"v": "k", "loader/entries/a.conf": plain})
	l := readMenu([]*esp.Volume{one, two}, "x64")
	e, err := l.find("a.conf")
	require.NoError(t, err)
	assert.Equal(t, two, e.Volume)
	assert.Equal(t, e, l.choose(Vars{}, bls.LoaderConf{}).Entry)
	assert.Equal(t, e, l.running(runningKernel{Selected: "a.conf"}))
}

// TestHideLoader has an entry for systemd-boot itself, by the path that it was
// started from.
func TestHideLoader(t *testing.T) {
	files := map[string]string{
		"v": "k", "EFI/systemd/sd.efi": "MZ", "loader/entries/b.conf": plain,
		"loader/entries/self.conf": "efi EFI/systemd/sd.efi\n", "loader/entries/linux.conf": "linux /EFI/systemd/sd.efi\n",
	}
	l := readMenu([]*esp.Volume{volume(t, esp.ESP, files), volume(t, esp.XBOOTLDR, files)}, "x64")
	l.hideLoader(`\EFI\systemd\SD.EFI`)
	for _, e := range l.entries {
		self := e.ID == "self.conf" && e.Volume.Kind == esp.ESP
		assert.Equal(t, self, strings.Contains(e.Hidden, "systemd-boot again"), "%s on %s: %s", e.ID, e.Volume.Kind, e.Hidden)
	}
}

func TestTitles(t *testing.T) {
	l := list(t, map[string]string{
		"a.conf": plain + "title T\nversion 1\nsort-key k\n", "b.conf": plain + "title T\nversion 2\nsort-key k\n",
		"c.conf": plain + "title U\nversion 1\nmachine-id m1\n", "d.conf": plain + "title U\nversion 1\nmachine-id m2\n",
		"e.conf": plain + "title W\n", "f.conf": plain + "title W\n", "g.conf": plain,
	})
	got := map[string]string{}
	for i, title := range l.titles() {
		got[l.entries[i].ID] = title
	}
	assert.Equal(t, map[string]string{
		"a.conf": "T (1)", "b.conf": "T (2)", "c.conf": "U (1) (m1)", "d.conf": "U (1) (m2)",
		"e.conf": "W (e.conf)", "f.conf": "W (f.conf)", "g.conf": "g.conf",
	}, got)
}

// TestHostileDirectory holds that no odd thing in a directory hides the
// others, or makes us wait.
func TestHostileDirectory(t *testing.T) {
	v := volume(t, esp.ESP, map[string]string{
		"v": "k", "loader/entries/good.conf": plain, "loader/entries/\xe9t\xe9.conf": plain, "loader/entries/.dot.conf": plain,
		"loader/entries/dir.conf/x": "", "loader/entries/UPPER.CONF": plain, "loader/entries/junk.conf": "\x00\xff\x7fELF",
		"loader/entries/bom.conf": "\ufefflinux /v\n", "EFI/Linux/plain.efi": "MZ", "EFI/Linux/cut.efi": string(fixtures.BzImage{}.Bytes()[:300]),
		"loader/entries/large.conf": "linux /v\ntitle " + strings.Repeat("x", 5<<20),
	})
	dir := filepath.Join(v.Dir, "loader/entries")
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "fifo.conf"), 0o644))
	require.NoError(t, os.Symlink("loop.conf", filepath.Join(dir, "loop.conf")))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "passwd.conf")))
	l := readMenu([]*esp.Volume{v}, "x64")
	var shown []string
	for _, e := range l.entries {
		if e.Hidden == "" {
			shown = append(shown, e.ID)
		}
	}
	assert.ElementsMatch(t, []string{"good.conf", "\xe9t\xe9.conf", "UPPER.CONF"}, shown)
	var said strings.Builder
	for _, p := range l.problems {
		said.WriteString(p.Error() + "\n")
	}
	for _, want := range []string{"plain.efi", "cut.efi", "large.conf: file too large"} {
		assert.Contains(t, said.String(), want)
	}
	assert.NotContains(t, said.String(), "root:x:0:0")
}

func TestEntriesFolderBehindALink(t *testing.T) {
	v := volume(t, esp.ESP, map[string]string{"v": "k", "real/entries/a.conf": plain})
	require.NoError(t, os.Symlink("real", filepath.Join(v.Dir, "loader")))
	l := readMenu([]*esp.Volume{v}, "x64")
	assert.Empty(t, l.entries)
	require.Len(t, l.problems, 1)
	assert.ErrorContains(t, l.problems[0], "symbolic link")
}

func TestManyEntries(t *testing.T) {
	files := map[string]string{"v": "k"}
	for i := range 10_000 {
		files["loader/entries/e-"+strings.Repeat("9", i%7)+string(rune('a'+i%26))+strings.Repeat("x", i/200)+".conf"] = plain
	}
	v := volume(t, esp.ESP, files)
	l := readMenu([]*esp.Volume{v}, "x64")
	assert.Len(t, l.entries, len(files)-1)
	assert.NotNil(t, l.choose(Vars{}, bls.LoaderConf{}).Entry)
}

func TestReadConf(t *testing.T) {
	conf := func(text string) map[string]string { return map[string]string{"loader/loader.conf": text} }
	got, problems := readConf([]*esp.Volume{volume(t, esp.XBOOTLDR, conf("default x\n")), volume(t, esp.ESP, conf("default a\ndefault @foo\nbogus 1\n"))})
	assert.Equal(t, "a", got.Default, "from the ESP, and an unknown @word keeps the value before")
	require.Len(t, problems, 2)
	assert.ErrorContains(t, problems[0], "loader.conf:2: default:")
	got, problems = readConf([]*esp.Volume{volume(t, esp.XBOOTLDR, conf("default x\n"))})
	assert.Empty(t, got.Default)
	assert.Empty(t, problems)
}

func TestRunning(t *testing.T) {
	l := list(t, map[string]string{
		"a.conf": "linux /v\nversion 6.1\noptions root=x  quiet\n", "b.conf": "linux /v\nversion 6.2\noptions root=x quiet\n",
		"c.conf": "linux /v\noptions only=c\n", "d.conf": "linux /v\noptions $kernelopts\n",
	})
	for name, v := range map[string]struct {
		k    runningKernel
		want string
	}{
		"the boot loader says":       {runningKernel{Selected: "C.CONF", Cmdline: "root=x quiet"}, "c.conf"},
		"not after a kexec":          {runningKernel{Selected: "c.conf", Kexeced: true, Cmdline: "root=x quiet", Release: "6.2"}, "b.conf"},
		"by the line alone":          {runningKernel{Cmdline: "BOOT_IMAGE=/v only=c initrd=x"}, "c.conf"},
		"two that could be":          {runningKernel{Cmdline: "root=x quiet"}, ""},
		"two that could be, by name": {runningKernel{Cmdline: "root=x quiet", Release: "6.1"}, "a.conf"},
		"another line":               {runningKernel{Cmdline: "root=y"}, ""},
		"no GRUB, no variables":      {runningKernel{Cmdline: "$kernelopts"}, "d.conf"},
		"nothing known":              {runningKernel{}, ""},
		"an id that is gone":         {runningKernel{Selected: "gone.conf", Cmdline: "only=c"}, ""},
	} {
		got := ""
		if e := l.running(v.k); e != nil {
			got = e.ID
		}
		assert.Equal(t, v.want, got, name)
	}
}

func TestOrderOnDisk(t *testing.T) {
	l := list(t, map[string]string{
		"n10.conf": plain, "n2.conf": plain, "N3.conf": plain, "bad+0-1.conf": plain + "sort-key a\n",
		"k1.conf": plain + "sort-key b\nversion 1\n", "k2.conf": plain + "sort-key b\nversion 2\n", "k0.conf": plain + "sort-key a\nversion 0\n",
		"s+3-2.conf": plain, "s+5-1.conf": plain, "s+5-2.conf": plain,
	})
	assert.Equal(t, []string{"k0.conf", "k2.conf", "k1.conf", "s.conf", "s.conf", "s.conf", "n10.conf", "N3.conf", "n2.conf", "bad.conf"}, ids(l))
	assert.Equal(t, "loader/entries/s+5-1.conf", l.entries[3].Path, "more attempts left, then fewer made")
	assert.Equal(t, "loader/entries/s+5-2.conf", l.entries[4].Path)
}

// TestEFIKernel: the key efi may name a kernel, which kexec can boot.
func TestEFIKernel(t *testing.T) {
	kernel := string(fixtures.BzImage{}.Bytes())
	files := map[string]string{
		"v": kernel, "cut": kernel[:6000], "z": string(fixtures.ZBoot{Compression: "gzip", Payload: []byte("x")}.Bytes()),
		"u": string(fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".linux", "k")}}.Bytes()), "shell": string(fixtures.PE{}.Bytes()),
	}
	const program = "an EFI program, which only firmware can start"
	want := map[string]string{"v": "", "z": "", "u": "", "shell": program, "cut": "kernel: bzImage of 8192 bytes, but the file has 6000: file is cut short", "loader": program}
	for name := range want {
		files["loader/entries/"+name+".conf"] = "efi /" + name + "\n"
	}
	for _, e := range readMenu([]*esp.Volume{volume(t, esp.ESP, files)}, "x64").entries {
		assert.Equal(t, want[strings.TrimSuffix(e.ID, ".conf")], e.KexecBlocker(), e.ID)
	}
}

func TestMissingInitrds(t *testing.T) {
	l := list(t, map[string]string{"a.conf": plain + "initrd /gone.img\ninitrd /v\ninitrd /also/gone\n", "b.conf": plain, "c.conf": "linux /nosuch\ninitrd /gone.img\n"})
	l.report([]string{"auto-reboot"})
	missing := map[string][]string{}
	for _, e := range l.entries {
		if list := e.MissingInitrds(); len(list) > 0 {
			missing[e.ID] = list
		}
	}
	assert.Equal(t, map[string][]string{"a.conf": {"/gone.img", "/also/gone"}}, missing, "nothing of what is hidden")
}
