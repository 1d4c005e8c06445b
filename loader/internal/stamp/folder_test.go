package stamp_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
)

// TestIsCompanion is pack_cpio of systemd-stub.
func TestIsCompanion(t *testing.T) {
	for name, want := range map[string]bool{
		"a.cred": true, "a.CRED": true, "A.b.Cred": true, ".cred": false, ".a.cred": false, "cred": false, "a.cred2": false, "acred": false, "": false,
		strings.Repeat("a", 250) + ".cred": true, strings.Repeat("a", 251) + ".cred": false,
		"ä.cred": false, "a\x80.cred": false, "a\x7f.cred": true, "a b.cred": true,
	} {
		assert.Equal(t, want, stamp.IsCompanion(name, ".cred"), "%q", name)
	}
	assert.False(t, stamp.IsCompanion("a.addon.efi", ".cred"))
}

// TestFolderOfFiles: only files count, and what is gone again is not added.
func TestFolderOfFiles(t *testing.T) {
	dir := t.TempDir()
	before := stamp.FolderNow(dir)
	assert.Equal(t, stamp.Folder{Path: raw.String(dir), Files: []raw.String{}}, before)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "target"), nil, 0o644))
	require.NoError(t, os.Symlink("target", filepath.Join(dir, "link.cred")))
	assert.Empty(t, before.Added(), "a link is no file of a boot partition")
	for _, name := range []string{"b.raw", "a.cred"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	assert.Equal(t, []raw.String{"a.cred", "b.raw"}, before.Added(), "sorted")
	full := stamp.FolderNow(dir)
	require.NoError(t, os.RemoveAll(dir))
	assert.Empty(t, before.Added())
	assert.Empty(t, full.Added())
}

// TestJSON: a receipt has these keys, and lists of no file are lists.
func TestJSON(t *testing.T) {
	f := stamp.File{Path: "/a\xff", Size: 3, MTime: time.Unix(1, 5).UTC(), SHA256: stamp.NoSum}
	for want, v := range map[string]any{
		`{"path":"\\2f61ff","size":3,"mtime":"1970-01-01T00:00:01.000000005Z","sha256":"` + strings.Repeat("0", 64) + `"}`: f,
		`{"path":"/none","files":[]}`: stamp.FolderNow("/none"),
	} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(b))
	}
}

// TestBeginInTheFuture: a clock that was wrong proves nothing about the next write.
func TestBeginInTheFuture(t *testing.T) {
	f := file(t, "aaa")
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(f.Name(), later, later))
	s, err := stamp.Begin("/efi/x.conf", f)
	require.NoError(t, err)
	assert.Equal(t, sumOfAAA, s.SHA256)
	assert.True(t, s.MTime.Equal(later))
	assert.EqualValues(t, "/efi/x.conf", s.Path)
	require.NoError(t, f.Close())
	_, err = stamp.Begin("/efi/x.conf", f)
	require.ErrorIs(t, err, os.ErrClosed)
	_, err = s.Finish(f)
	require.ErrorContains(t, err, "/efi/x.conf: ")
}
