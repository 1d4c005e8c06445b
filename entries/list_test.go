package entries

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// TestArchitectures: an entry is shown only where all its lines are of this machine.
func TestArchitectures(t *testing.T) {
	l := list(t, map[string]string{
		"none.conf": plain, "this.conf": plain + "architecture X64\n", "other.conf": plain + "architecture aa64\n",
		"both.conf": plain + "architecture x64\narchitecture aa64\n", "empty.conf": plain + "architecture\n",
	})
	for id, want := range map[string]string{
		"none.conf": "", "this.conf": "", "empty.conf": "",
		"other.conf": "it is for architecture aa64, this machine is x64", "both.conf": "it is for architecture aa64, this machine is x64",
	} {
		assert.Equal(t, want, l.byID(id).Hidden, id)
		assert.Equal(t, want, l.byID(id).KexecBlocker(), id)
	}
}

func TestKexecBlockers(t *testing.T) {
	l := list(t, map[string]string{"net.conf": "uki-url http://host/x.efi\n", "gone.conf": "linux /gone\n", "good.conf": plain})
	l.report([]string{"good.conf", "auto-windows", "auto-reboot", "auto-strange", "AUTO-OSX", "elsewhere.conf", "good.conf", ""})
	got := map[string]string{}
	for _, e := range l.entries {
		got[e.ID] = e.Type.String() + "|" + e.Title + "|" + e.KexecBlocker()
		assert.Equal(t, e.ID != "net.conf" && e.ID != "gone.conf", e.IsReported, e.ID)
	}
	const auto, loader = "the boot loader itself provides it", "only the boot loader knows it"
	assert.Equal(t, map[string]string{
		"net.conf": "type1||its image is on the network", "gone.conf": "type1||/gone: no such file or directory", "good.conf": "type1||",
		"auto-windows": "auto|Windows Boot Manager|" + auto, "auto-reboot": "auto|Reboot The System|" + auto, "auto-strange": "auto||" + auto,
		"AUTO-OSX": "auto|macOS|" + auto, "elsewhere.conf": "loader||" + loader,
	}, got)
}

// TestRunningOnTrial: what a trial added is not the entry's.
func TestRunningOnTrial(t *testing.T) {
	l := list(t, map[string]string{"a.conf": plain + "options root=x quiet\n"})
	for line, want := range map[string]bool{
		"root=x quiet kexec_bls.try=1 panic=10":                                        true,
		"BOOT_IMAGE=/v initrd=/i root=x systemd.mask=systemd-bless-boot.service quiet": true,
		"root=x quiet panic=10":                                                        false,
		"kexec_bls.try=1 root=x quiet":                                                 false,
		"root=x":                                                                       false,
		"root=x quiet quiet":                                                           false,
	} {
		assert.Equal(t, want, l.running(runningKernel{Cmdline: line, Kexeced: true}) != nil, line)
	}
}

// TestExtraFiles are those that bootctl 262 lists: of a UKI the companions of its
// folder in the order of their kinds, of a Type #1 entry its own, and of both the
// addons of the partition.
func TestExtraFiles(t *testing.T) {
	addon := string(fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".cmdline", "x")}}.Bytes())
	const dir = "EFI/Linux/u.efi.extra.d/"
	l := readMenu([]*esp.Volume{volume(t, esp.ESP, map[string]string{
		"v": "k", "EFI/Linux/u.efi": string(image("U").Bytes()), "loader/addons/g.addon.efi": addon, "loader/addons/readme": "",
		dir + "b.cred": "", dir + "a.CRED": "", dir + "s.sysext.raw": "", dir + "c.confext.raw": "", dir + "l.addon.efi": addon, dir + "x.raw": "", dir + ".dot.cred": "",
		"loader/entries/e.conf": plain + "extra /x.cred\nextra /y.sysext.raw\nextra /z.confext.raw\nextra /no.raw\n",
	})}, "x64")
	assert.Empty(t, l.problems)
	uki := l.byID("u.efi")
	assert.Equal(t, []string{
		"/loader/addons/g.addon.efi", "u.efi.extra.d/c.confext.raw", "u.efi.extra.d/s.sysext.raw", "u.efi.extra.d/a.CRED", "u.efi.extra.d/b.cred", "u.efi.extra.d/l.addon.efi",
	}, uki.ExtraFiles)
	assert.Equal(t, []Addon{{Path: "/loader/addons/g.addon.efi", Global: true, Options: "x"}, {Path: "u.efi.extra.d/l.addon.efi", Options: "x"}}, uki.Addons)
	assert.Equal(t, []string{"/loader/addons/g.addon.efi", "/x.cred", "/y.sysext.raw", "/z.confext.raw"}, l.byID("e.conf").ExtraFiles)
	assert.Empty(t, l.byID("e.conf").Addons, "they reach UKIs only")
}

// TestReadLimited reads a file of any length to its end, and no further than the
// limit.
func TestReadLimited(t *testing.T) {
	for _, n := range []int{0, 1, 4095, 4096, 4097, 10_000} {
		text := strings.Repeat("x", n)
		for _, buf := range [][]byte{nil, make([]byte, 0, 10)} {
			got, err := readLimited(iotest.HalfReader(strings.NewReader(text)), buf, n)
			require.NoError(t, err)
			require.Equal(t, text, string(got))
			if n > 0 {
				got, err = readLimited(iotest.DataErrReader(strings.NewReader(text)), buf, n-1)
				require.ErrorIs(t, err, host.ErrTooLarge)
				require.Empty(t, got)
			}
		}
	}
	bad := errors.New("input/output error")
	got, err := readLimited(iotest.ErrReader(bad), nil, 10)
	require.ErrorIs(t, err, bad)
	assert.Empty(t, got)
}

// TestFolderThatIsNone: a file in place of a folder is said, and hides nothing else.
func TestFolderThatIsNone(t *testing.T) {
	l := readMenu([]*esp.Volume{volume(t, esp.ESP, map[string]string{"v": "k", "loader/entries": "file", "EFI/Linux": "file"}), volume(t, esp.XBOOTLDR, map[string]string{"v": "k", "loader/entries/a.conf": plain})}, "x64")
	assert.Equal(t, []string{"a.conf"}, ids(l))
	require.Len(t, l.problems, 2)
	assert.ErrorContains(t, l.problems[0], "EFI/Linux: not a directory")
	assert.ErrorContains(t, l.problems[1], "loader/entries: not a directory")
}
