package bls_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

const osRelease = "PRETTY_NAME='Arch Linux'\nID=arch\nVERSION_ID=7\n"

// image is a unified kernel image with these sections besides its kernel.
func image(t *testing.T, sections ...fixtures.Section) *uki.Image {
	t.Helper()
	b := fixtures.PE{Sections: append([]fixtures.Section{fixtures.Text(".linux", "kernel")}, sections...)}.Bytes()
	m, err := uki.Open(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return m
}

func TestFromUKI(t *testing.T) {
	m := image(t, fixtures.Text(".osrel", osRelease), fixtures.Text(".cmdline", " root=x  quiet\n"), fixtures.Text(".uname", "6.12.1\n"))
	found, err := bls.FromUKI("EFI/Linux/arch+3-1.efi", m, uki.MachineX64)
	require.NoError(t, err)
	assert.Equal(t, []*bls.Entry{{
		Type: bls.Type2, ID: "arch.efi", Path: "EFI/Linux/arch+3-1.efi", Title: "Arch Linux", Version: "7", SortKey: "arch", Uname: "6.12.1",
		Linux: "/EFI/Linux/arch+3-1.efi", Options: []string{"root=x  quiet"}, Tries: bls.Tries{Counted: true, Left: 3, Done: 1, HasDone: true},
	}}, found)
	assert.Equal(t, "arch.efi", found[0].FileID())
}

// TestFromUKIProfiles: ids and titles as in the menu of systemd-boot, and each
// profile's own sections.
func TestFromUKIProfiles(t *testing.T) {
	m := image(t, fixtures.Text(".osrel", osRelease), fixtures.Text(".cmdline", "root=x"),
		fixtures.Text(".profile", "ID=main\nTITLE=Usual\n"),
		fixtures.Text(".profile", "ID=debug\n"), fixtures.Text(".cmdline", "root=x debug"),
		fixtures.Text(".profile", "TITLE=Bare\n"), fixtures.Masked(".cmdline"),
		fixtures.Text(".profile", ""), fixtures.Text(".osrel", "NAME=Other\n"),
	)
	found, err := bls.FromUKI("EFI/Linux/a.efi", m, uki.MachineX64)
	require.NoError(t, err)
	var got []string
	for n, e := range found {
		assert.Equal(t, n, e.Profile)
		assert.Equal(t, "a.efi", e.FileID())
		got = append(got, e.ID+"|"+e.Title+"|"+e.Cmdline())
	}
	assert.Equal(t, []string{
		"a.efi|Arch Linux (Usual)|root=x",
		"a.efi@debug|Arch Linux (debug)|root=x debug",
		"a.efi@2|Arch Linux (Bare)|",
		"a.efi@3|Other (@3)|root=x",
	}, got)
}

// TestFromUKIBroken: a section that cannot be read costs no more than it has to.
func TestFromUKIBroken(t *testing.T) {
	far := uint32(1 << 30)
	lost := func(name string) fixtures.Section {
		return fixtures.Section{Name: name, Data: []byte("x"), Offset: &far}
	}
	osrel, second := fixtures.Text(".osrel", osRelease), fixtures.Text(".profile", "ID=second")
	for name, tt := range map[string]struct {
		sections []fixtures.Section
		ids      string
		err      error
	}{
		"whole":                    {[]fixtures.Section{osrel, fixtures.Text(".profile", ""), second}, "a.efi a.efi@second", nil},
		"no os-release":            {nil, "", uki.ErrNoName},
		"no name":                  {[]fixtures.Section{fixtures.Text(".osrel", "VERSION=1\n")}, "", uki.ErrNoName},
		"os-release lost":          {[]fixtures.Section{lost(".osrel")}, "", uki.ErrTruncated},
		"os-release of a profile":  {[]fixtures.Section{osrel, fixtures.Text(".profile", ""), lost(".osrel"), second}, "a.efi@second", uki.ErrTruncated},
		"profile lost":             {[]fixtures.Section{osrel, lost(".profile"), second}, "a.efi@second", uki.ErrTruncated},
		"command line lost":        {[]fixtures.Section{osrel, lost(".cmdline")}, "a.efi", uki.ErrTruncated},
		"release lost":             {[]fixtures.Section{osrel, lost(".uname")}, "a.efi", uki.ErrTruncated},
		"command line is no small": {[]fixtures.Section{osrel, fixtures.Text(".cmdline", strings.Repeat("x", uki.TextLimit+1))}, "a.efi", uki.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := bls.FromUKI("EFI/Linux/a.efi", image(t, tt.sections...), uki.MachineX64)
			var ids []string
			for _, e := range found {
				ids = append(ids, e.ID)
			}
			assert.Equal(t, tt.ids, strings.Join(ids, " "))
			assert.ErrorIs(t, err, tt.err)
		})
	}
}

func TestFromUKIOfAnother(t *testing.T) {
	found, err := bls.FromUKI("EFI/Linux/a.efi", image(t, fixtures.Text(".osrel", osRelease)), uki.MachineAA64)
	require.ErrorIs(t, err, bls.ErrNotUKI)
	assert.Empty(t, found)

	found, err = bls.FromUKI("EFI/Linux/AUTO-a.efi", image(t, fixtures.Text(".osrel", osRelease)), uki.MachineX64)
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Contains(t, found[0].Hidden, "auto-", "systemd-boot does not show it")
}

// TestTypeNames are those of bootctl list --json.
func TestTypeNames(t *testing.T) {
	for kind, want := range map[bls.Type]string{bls.Type1: "type1", bls.Type2: "type2", bls.Auto: "auto", bls.Reported: "loader", 0: "unknown", 9: "unknown"} {
		assert.Equal(t, want, kind.String())
	}
}

func TestParseError(t *testing.T) {
	cause := errors.New("cause")
	for want, err := range map[string]error{
		"a.conf:3: title: cause": &bls.ParseError{Path: "a.conf", Line: 3, Key: "title", Err: cause},
		"a.conf:3: cause":        &bls.ParseError{Path: "a.conf", Line: 3, Err: cause},
		"a.conf: cause":          &bls.ParseError{Path: "a.conf", Err: cause},
	} {
		assert.EqualError(t, err, want)
		assert.ErrorIs(t, err, cause)
	}
}

// TestProblemsAreBounded: a file that is no entry at all does not fill the screen,
// with lines or with what is in them.
func TestProblemsAreBounded(t *testing.T) {
	_, problems := bls.ParseEntry("a.conf", []byte(strings.Repeat(strings.Repeat("k", 1000)+" v\n", 500)))
	require.Len(t, problems, 21)
	assert.Len(t, problems[0].Key, 64+len("..."))
	assert.EqualError(t, problems[20], "a.conf:21: this line and more are of no use either")
}
