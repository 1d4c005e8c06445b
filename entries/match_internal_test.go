package entries

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// menuOf is a menu of ids with titles.
func menuOf(pairs ...string) *menu {
	m := &menu{}
	for i := 0; i < len(pairs); i += 2 {
		m.entries = append(m.entries, &Entry{Entry: &bls.Entry{ID: pairs[i], Title: pairs[i+1]}})
	}
	return m
}

func TestMisspelledEntry(t *testing.T) {
	m := menuOf("lab-one.conf", "One", "lab-two.conf", "Two", "arch-lts.conf", "Arch")
	for name, want := range map[string]string{
		"lab-oen": "did you mean lab-one.conf?", "LAB-ONR.CONF": "did you mean lab-one.conf?", "larch-lts": "did you mean arch-lts.conf?",
		"lab-xxe": "did you mean lab-one.conf?", "x": "", "zz": "", "nosuch": "", strings.Repeat("lab-one", 1000): "",
	} {
		_, err := m.find(name)
		require.ErrorIs(t, err, ErrNoEntry, name)
		require.ErrorContains(t, err, "no entry matches '"+name+"'")
		assert.Equal(t, want, hint.Of(err), name)
	}
}

// TestWholeTitleWins over one that begins with it.
func TestWholeTitleWins(t *testing.T) {
	m := menuOf("b.conf", "Arch Linux LTS", "a.conf", "Arch Linux")
	e, err := m.find("arch linux")
	require.NoError(t, err)
	assert.Equal(t, "a.conf", e.ID)
	_, err = m.find("Arch")
	require.ErrorContains(t, err, "is ambiguous")
	_, err = menuOf("b.conf", "Arch", "a.conf", "Arch").find("arch")
	require.ErrorContains(t, err, "is ambiguous: b.conf, a.conf")
}
