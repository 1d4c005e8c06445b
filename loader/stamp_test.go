package loader_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
)

func TestFolders(t *testing.T) {
	files := map[string]string{
		"EFI/Linux/u.efi": image(".linux", "k"), "EFI/Linux/u.efi.extra.d/a.CRED": "a", "EFI/Linux/u.efi.extra.d/readme.txt": "", "loader/addons/.b.addon.efi": "",
	}
	src, _ := source(t, files) // where it says
	src.Names = partition(t, files).Names
	p := make1(t, src, "uki /EFI/Linux/u.efi\n", loader.Firmware{})
	own := src.Where("EFI/Linux/u.efi.extra.d")
	byPath := map[string]loader.FolderStamp{}
	for _, f := range p.Folders() {
		byPath[f.Path] = f
		assert.Empty(t, f.Added(), f.Path)
	}
	assert.Equal(t, []string{"a.CRED"}, byPath[own].Files, "nothing that a stub would not see")
	assert.Len(t, byPath, 4, "addons, credentials, extensions, and the image's own")
	for _, name := range []string{"b.raw", "c.addon.efi", "d.txt", ".e.cred"} {
		require.NoError(t, os.WriteFile(filepath.Join(own, name), nil, 0o644))
	}
	assert.Equal(t, []string{"b.raw", "c.addon.efi"}, byPath[own].Added())
	credentials := src.Where("loader/credentials")
	require.NoError(t, os.MkdirAll(filepath.Join(credentials, "folder.cred"), 0o755))
	assert.Empty(t, byPath[credentials].Added())
	require.NoError(t, os.WriteFile(filepath.Join(credentials, "x.cred"), nil, 0o644))
	assert.Equal(t, []string{"x.cred"}, byPath[credentials].Added(), "a folder that was not there")

	plain, err := plan(t, map[string]string{"v": kernel()}, "linux /v\n")
	require.NoError(t, err)
	assert.Empty(t, plain.Folders(), "a plain kernel takes nothing")
}

func TestStampOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.conf")
	require.NoError(t, os.WriteFile(path, []byte("aaa"), 0o644))
	f, err := os.Open(path)
	require.NoError(t, err)
	s, err := loader.Stamp("/efi/x.conf", f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.Equal(t, "/efi/x.conf", s.Path)
	assert.EqualValues(t, 3, s.Size)
	assert.Equal(t, "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0", s.SHA256)
	_, err = loader.Stamp("/efi/x.conf", f)
	require.ErrorContains(t, err, "/efi/x.conf: ")
}
