package uki_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProfiles(t *testing.T) {
	m := parse(t, sampleUKI().Bytes())
	require.Equal(t, 3, m.Profiles())
	for n, want := range []struct{ id, title, cmdline, initrd, ucode string }{
		{id: "main", cmdline: "root=x", initrd: "initrd"},
		{id: "debug", title: "Debug mode", cmdline: "root=x debug", initrd: "initrd"},
		{title: "Bare", ucode: "microcode"},
	} {
		p, err := m.Profile(n)
		require.NoError(t, err)
		assert.Equal(t, n, p.Number)
		assert.Equal(t, want.id, p.ID)
		assert.Equal(t, want.title, p.Title)
		for name, want := range map[string]string{
			".cmdline": want.cmdline, ".initrd": want.initrd, ".ucode": want.ucode,
			".linux": "kernel", ".uname": "6.12.1", ".dtb": "",
		} {
			got, err := p.Text(name)
			require.NoError(t, err)
			assert.Equal(t, want, got, "profile %d %s", n, name)
			_, ok := p.Section(name)
			assert.Equal(t, want != "", ok, "profile %d %s", n, name)
		}
	}
}

// An image without .profile has one profile, which has no name.
func TestProfileImplied(t *testing.T) {
	m := parse(t, fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".linux", "kernel"),
		fixtures.Text(".cmdline", "first"),
		fixtures.Text(".cmdline", "second"),
	}}.Bytes())
	require.Equal(t, 1, m.Profiles())
	p, err := m.Profile(0)
	require.NoError(t, err)
	assert.Empty(t, p.ID)
	text, err := p.Text(".cmdline")
	require.NoError(t, err)
	assert.Equal(t, "first", text, "the first of a name wins")
	for _, n := range []int{-1, 1, 1 << 30} {
		_, err := m.Profile(n)
		require.ErrorIs(t, err, uki.ErrNoProfile)
	}
}

func TestProfileFirstOfANameWins(t *testing.T) {
	m := parse(t, fixtures.PE{Sections: []fixtures.Section{
		fixtures.Masked(".initrd"),
		fixtures.Text(".initrd", "second in the base"),
		fixtures.Text(".cmdline", "base"),
		fixtures.Text(".profile", "ID=a"),
		fixtures.Masked(".cmdline"),
		fixtures.Text(".cmdline", "second in the profile"),
		fixtures.Text(".profile", "ID=b"),
		fixtures.Text(".linux", "only here"),
	}}.Bytes())
	a, err := m.Profile(0)
	require.NoError(t, err)
	for _, name := range []string{".cmdline", ".initrd", ".linux"} {
		_, ok := a.Section(name)
		assert.False(t, ok, name)
	}
	b, err := m.Profile(1)
	require.NoError(t, err)
	_, ok := b.Section(".linux")
	assert.True(t, ok)
	_, ok = uki.Profile{}.Section(".linux")
	assert.False(t, ok, "zero value")
}

// systemd looks no further than 256 profiles; the 256th still ends where the
// next begins.
func TestProfileLimit(t *testing.T) {
	var pe fixtures.PE
	for n := range 1000 {
		pe.Sections = append(pe.Sections,
			fixtures.Text(".profile", fmt.Sprintf("ID=p%d", n)),
			fixtures.Text(".cmdline", fmt.Sprint(n)))
	}
	m := parse(t, pe.Bytes())
	require.Equal(t, 256, m.Profiles())
	p, err := m.Profile(255)
	require.NoError(t, err)
	assert.Equal(t, "p255", p.ID)
	text, err := p.Text(".cmdline")
	require.NoError(t, err)
	assert.Equal(t, "255", text)
	_, err = m.Profile(256)
	require.ErrorIs(t, err, uki.ErrNoProfile)
}

func TestProfileUnreadable(t *testing.T) {
	far := uint32(1 << 30)
	m := parse(t, fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".profile", "ID=a"),
		{Name: ".profile", Data: []byte("ID=b"), Offset: &far},
		fixtures.Text(".profile", strings.Repeat("#", uki.TextLimit/3+1)),
	}}.Bytes())
	_, err := m.Profile(0)
	require.NoError(t, err)
	_, err = m.Profile(1)
	require.ErrorIs(t, err, uki.ErrTruncated)
	assert.ErrorContains(t, err, "profile 1: section .profile")
	_, err = m.Profile(2)
	require.ErrorIs(t, err, uki.ErrTooLarge)
}

// The profiles share the limit for text, so that an image cannot make its
// readers hold a file's worth of it for each.
func TestProfileTextLimit(t *testing.T) {
	pe := fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".osrel", strings.Repeat("x", uki.TextLimit/2)),
		fixtures.Text(".cmdline", strings.Repeat("x", uki.TextLimit/2+1)),
		fixtures.Text(".profile", "ID=a"),
	}}
	p, err := parse(t, pe.Bytes()).Profile(0)
	require.NoError(t, err)
	_, err = p.Text(".cmdline")
	require.NoError(t, err)

	pe.Sections = append(pe.Sections, fixtures.Text(".profile", "ID=b"))
	p, err = parse(t, pe.Bytes()).Profile(0)
	require.NoError(t, err)
	_, err = p.Text(".osrel")
	require.NoError(t, err)
	_, err = p.Text(".cmdline")
	require.ErrorIs(t, err, uki.ErrTooLarge)
}
