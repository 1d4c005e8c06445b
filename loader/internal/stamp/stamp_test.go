package stamp_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
)

const sumOfAAA = "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"

func file(t *testing.T, text string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.conf")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestOf(t *testing.T) {
	f := file(t, "aaa")
	s, err := stamp.Of("/efi/x.conf", f)
	require.NoError(t, err)
	assert.EqualValues(t, "/efi/x.conf", s.Path)
	assert.EqualValues(t, 3, s.Size)
	assert.Equal(t, sumOfAAA, s.SHA256)
	require.NoError(t, f.Close())
	_, err = stamp.Of("/efi/x.conf", f)
	require.ErrorContains(t, err, "/efi/x.conf: ")
}

// TestWriteWithinATick is a file that is overwritten in place, so soon that its
// time does not change.
func TestWriteWithinATick(t *testing.T) {
	f := file(t, "aaa")
	now := time.Now()
	require.NoError(t, os.Chtimes(f.Name(), now, now))
	s, err := stamp.Begin(f.Name(), f)
	require.NoError(t, err)
	assert.Equal(t, sumOfAAA, s.SHA256)
	same, err := s.Finish(f)
	require.NoError(t, err)
	assert.Equal(t, s, same)
	require.NoError(t, os.WriteFile(f.Name(), []byte("bbb"), 0o644))
	require.NoError(t, os.Chtimes(f.Name(), now, now))
	_, err = s.Finish(f)
	require.ErrorContains(t, err, "x.conf: the file changed while it was loaded")
	assert.Contains(t, hint.Of(err), "try again")
}

func TestOldFileIsHashedOnce(t *testing.T) {
	f := file(t, "aaa")
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(f.Name(), old, old))
	s, err := stamp.Begin(f.Name(), f)
	require.NoError(t, err)
	assert.Equal(t, stamp.NoSum, s.SHA256)
	done, err := s.Finish(f)
	require.NoError(t, err)
	assert.Equal(t, sumOfAAA, done.SHA256)
	require.NoError(t, os.WriteFile(f.Name(), []byte("bbb"), 0o644))
	_, err = s.Finish(f)
	require.ErrorContains(t, err, "changed while", "its time shows that")
	require.NoError(t, os.Chtimes(f.Name(), old, old))
	_, err = s.Finish(f)
	require.ErrorContains(t, err, "changed while", "its time was set to what it was, and that shows too")
	require.NoError(t, os.WriteFile(f.Name(), []byte("bbbb"), 0o644))
	require.NoError(t, os.Chtimes(f.Name(), old, old))
	_, err = s.Finish(f)
	require.ErrorContains(t, err, "changed while", "its size shows that")
	require.NoError(t, os.Truncate(f.Name(), 0))
	_, err = s.Finish(f)
	require.ErrorContains(t, err, "changed while")
}

func TestChanged(t *testing.T) {
	f := file(t, "aaa")
	path := f.Name()
	s, err := stamp.Of(path, f)
	require.NoError(t, err)
	assert.Empty(t, s.Changed(os.Open, true))
	require.NoError(t, os.Chtimes(path, time.Now(), time.Unix(1, 0)))
	assert.Empty(t, s.Changed(os.Open, false), "touched, but the same")
	require.NoError(t, os.WriteFile(path, []byte("bbb"), 0o644))
	assert.Equal(t, "has other content", s.Changed(os.Open, false))
	require.NoError(t, os.Chtimes(path, time.Now(), s.MTime))
	assert.Empty(t, s.Changed(os.Open, false), "size and time are the same, and nobody asked to verify")
	assert.Equal(t, "has other content", s.Changed(os.Open, true))
	require.NoError(t, os.WriteFile(path, []byte("bbbb"), 0o644))
	assert.Equal(t, "has 4 bytes, had 3", s.Changed(os.Open, false))
	require.NoError(t, os.Remove(path))
	assert.Equal(t, "is gone", s.Changed(os.Open, false))
	refuse := func(string) (*os.File, error) { return nil, os.ErrPermission }
	assert.Contains(t, s.Changed(refuse, false), "cannot be read: permission denied")
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "u.efi.extra.d")
	absent := stamp.FolderNow(dir)
	assert.Empty(t, absent.Files)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "folder.cred"), 0o755))
	assert.Empty(t, absent.Added())
	for _, name := range []string{"a.CRED", "readme.txt", ".b.addon.efi", "\xc3\xa9.raw"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	assert.Equal(t, []raw.String{"a.CRED"}, absent.Added(), "a folder that was not there")
	s := stamp.FolderNow(dir)
	assert.Equal(t, []raw.String{"a.CRED"}, s.Files, "nothing that a stub would not see")
	assert.Empty(t, s.Added())
	for _, name := range []string{"b.raw", "c.addon.efi", "d.txt", ".e.cred"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	assert.Equal(t, []raw.String{"b.raw", "c.addon.efi"}, s.Added())
}

// TestUnreadable: a file that cannot be read to its end has no stamp, and is not the
// same as one that has.
func TestUnreadable(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	info, err := dir.Stat()
	require.NoError(t, err)
	_, err = stamp.Of("/efi/x", dir)
	require.ErrorContains(t, err, "/efi/x: ")
	record := stamp.File{Path: "/efi/x", Size: info.Size(), MTime: info.ModTime()}
	_, err = record.Finish(dir)
	require.ErrorContains(t, err, "/efi/x: ")
	assert.Contains(t, record.Changed(func(string) (*os.File, error) { return os.Open(dir.Name()) }, true), "cannot be read: ")

	gone := file(t, "aaa")
	require.NoError(t, gone.Close())
	assert.Contains(t, record.Changed(func(string) (*os.File, error) { return gone, nil }, false), "cannot be read: ")
}
