package entries

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

func grubenv(text string) string {
	block := "# GRUB Environment Block\n" + text
	return block + strings.Repeat("#", 1024-len(block))
}

func fedora(t *testing.T, env string) *esp.Volume {
	return volume(t, esp.XBOOTLDR, map[string]string{
		"vmlinuz": "k", "grub2/grubenv": grubenv(env),
		"loader/entries/0123-6.9.5-100.fc39.x86_64.conf":  "title Fedora 6.9.5\nlinux /vmlinuz\noptions $kernelopts $tuned_params\ngrub_class fedora\n",
		"loader/entries/0123-6.10.2-200.fc40.x86_64.conf": "title Fedora 6.10.2\nlinux /vmlinuz\n",
		"loader/entries/0123-0-rescue.conf":               "title Rescue\nlinux /vmlinuz\n",
	})
}

func TestChooseGrub(t *testing.T) {
	for name, v := range map[string]struct{ env, id, rule string }{
		"newest first":        {"", "0123-6.10.2-200.fc40.x86_64.conf", "first in GRUB's order"},
		"saved_entry":         {"saved_entry=0123-6.9.5-100.fc39.x86_64\n", "0123-6.9.5-100.fc39.x86_64.conf", "grubenv saved_entry"},
		"by title":            {"saved_entry=Fedora 6.9.5\n", "0123-6.9.5-100.fc39.x86_64.conf", "grubenv saved_entry"},
		"by place":            {"saved_entry=1\n", "0123-6.9.5-100.fc39.x86_64.conf", "grubenv saved_entry"},
		"next_entry first":    {"saved_entry=1\nnext_entry=0123-0-rescue\n", "0123-0-rescue.conf", "grubenv next_entry"},
		"one that is gone":    {"saved_entry=gone\n", "0123-6.10.2-200.fc40.x86_64.conf", "first in GRUB's order"},
		"a place too far":     {"saved_entry=99\n", "0123-6.10.2-200.fc40.x86_64.conf", "first in GRUB's order"},
		"an empty next_entry": {"next_entry=\nsaved_entry=1\n", "0123-6.9.5-100.fc39.x86_64.conf", "grubenv saved_entry"},
	} {
		t.Run(name, func(t *testing.T) {
			volumes := []*esp.Volume{fedora(t, v.env)}
			g, err := findGrub(volumes)
			require.NoError(t, err)
			c := readMenu(volumes, "x64", bls.CompareGrub).chooseGrub(g.Env)
			require.NotNil(t, c.Entry)
			assert.Equal(t, v.id, c.Entry.ID)
			assert.Equal(t, v.rule, c.Rule)
			assert.Equal(t, v.rule == "grubenv next_entry", c.OneShot)
		})
	}
}

func TestFindGrub(t *testing.T) {
	g, err := findGrub([]*esp.Volume{volume(t, esp.ESP, map[string]string{"EFI/fedora/grubenv": grubenv("a=b\n")})})
	require.NoError(t, err)
	assert.Equal(t, "b", g.Env["a"])
	assert.True(t, strings.HasSuffix(g.Path, "/EFI/fedora/grubenv"))
	g, err = findGrub([]*esp.Volume{volume(t, esp.ESP, nil)})
	require.NoError(t, err)
	assert.Nil(t, g)
	g, err = findGrub([]*esp.Volume{volume(t, esp.ESP, map[string]string{"grub/grubenv": "junk"})})
	require.ErrorIs(t, err, bls.ErrNotGrubEnv)
	assert.Nil(t, g)
}

func TestUseUpNext(t *testing.T) {
	v := fedora(t, "saved_entry=1\nnext_entry=0123-0-rescue\n")
	path := filepath.Join(v.Dir, "grub2/grubenv")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	g, err := findGrub([]*esp.Volume{v})
	require.NoError(t, err)
	undo, err := g.consumeNext()
	require.NoError(t, err)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Len(t, after, 1024)
	env, err := bls.ParseGrubEnv(after)
	require.NoError(t, err)
	assert.Equal(t, bls.GrubEnv{"saved_entry": "1", "next_entry": ""}, env)
	require.NoError(t, undo())
	restored, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, restored)
}
