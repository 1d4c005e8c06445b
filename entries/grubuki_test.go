package entries

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// upstream are the files of a /boot of GRUB 2.14 that lists entries and images.
func upstream(env string) map[string]string {
	return with(loaderVar(bli.Info, "GRUB 2.14"), map[string]string{
		"boot/grub2/grub.cfg": "load_env\ndefault=$saved_entry\ninsmod blsuki\nblscfg\nuki\n", "boot/grub2/grubenv": grubenv(env), "boot/vmlinuz": "k", "boot/initrd": "i",
		"boot/loader/entries/a.conf": "title A\nlinux /vmlinuz\ninitrd /initrd\ninitrd /gone.img\noptions x\n",
		"boot/EFI/Linux/good.efi":    string(image("Good").Bytes()), "boot/EFI/Linux/text.efi": "MZ",
		"boot/EFI/Linux/plain.efi": string(fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".text", "x")}}.Bytes()),
	})
}

// TestGrubImages: GRUB 2.14 lists unified kernel images, and what is none is not on
// its menu.
func TestGrubImages(t *testing.T) {
	for env, want := range map[string]string{"saved_entry=good.efi\n": "good.efi", "saved_entry=Good\n": "good.efi", "saved_entry=text.efi\n": "a.conf", "saved_entry=plain.efi\n": "a.conf"} {
		dir, o := grubMachine(t, upstream(env))
		s := open(t, o)
		c, err := s.Default()
		require.NoError(t, err, env)
		assert.Equal(t, want, c.Entry.ID, env)
		e, err := s.Pick("good.efi")
		require.NoError(t, err)
		assert.Equal(t, bls.Type2, e.Type)
		assert.Equal(t, "Good", e.Title)
		assert.Equal(t, "quiet", e.Cmdline())
		assert.Empty(t, e.KexecBlocker())
		assert.Equal(t, filepath.Join(dir, "boot/EFI/Linux/good.efi"), e.Where(e.Linux))
	}
}

// TestGrubMissingInitrds: what GRUB would boot without, or fail for, is named.
func TestGrubMissingInitrds(t *testing.T) {
	dir, o := grubMachine(t, upstream(""))
	e, err := open(t, o).Pick("a.conf")
	require.NoError(t, err)
	assert.Empty(t, e.Initrds, "upstream's GRUB drops all of them")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "boot/gone.img"), []byte("g"), 0o600))
	e, err = open(t, o).Pick("a.conf")
	require.NoError(t, err)
	assert.Equal(t, []string{"/initrd", "/gone.img"}, e.Initrds)
	assert.Empty(t, e.MissingInitrds())
	require.NoError(t, os.Remove(filepath.Join(dir, "boot/gone.img")))
	assert.Equal(t, []string{"/gone.img"}, e.MissingInitrds(), "gone since the menu was read")
}

// TestGrubProblems: lines that GRUB passes over are said with the path that the user
// knows.
func TestGrubProblems(t *testing.T) {
	tree := fedora("")
	tree["boot/loader/entries/9-9-9.conf"] = "title Lost\nlinux /vmlinuz\nbogus 1\n\noptions ro\n"
	_, o := grubMachine(t, tree)
	s := open(t, o)
	var said []string
	for _, p := range s.Problems() {
		said = append(said, p.Error())
	}
	where := filepath.Join(o.Boot, "loader/entries/9-9-9.conf")
	assert.Equal(t, []string{
		where + ":3: bogus: unknown key, ignored",
		where + ": GRUB does not read what follows a blank line, or a key without a value",
	}, said)
	e, err := s.Pick("9-9-9")
	require.NoError(t, err)
	assert.NotContains(t, e.Cmdline(), "ro")
}
