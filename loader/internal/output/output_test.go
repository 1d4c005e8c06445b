package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

func text(s string) func(*os.File) error {
	return func(f *os.File) error {
		_, err := f.WriteString(s)
		return err
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new/deep")
	_, err := OpenDir(path)
	require.ErrorIs(t, err, fs.ErrNotExist, "a name with a typing error is no directory")
	d, err := MakeDir(path)
	require.NoError(t, err)
	defer d.Close()
	for _, content := range []string{"first", "second"} {
		require.NoError(t, d.Write("initrd", text(content)))
		b, err := os.ReadFile(filepath.Join(path, "initrd"))
		require.NoError(t, err)
		assert.Equal(t, content, string(b))
	}
	info, err := os.Stat(filepath.Join(path, "initrd"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode())
	require.NoError(t, d.Remove("initrd"))
	require.NoError(t, d.Remove("initrd"), "there is none")
}

func TestWriteLeavesNothingHalfDone(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(path, "x"), []byte("old"), 0o600))
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	broken := errors.New("disk full")
	err = d.Write("x", func(f *os.File) error { return errors.Join(text("half")(f), broken) })
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, path+"/x: ")
	left, err := os.ReadDir(path)
	require.NoError(t, err)
	require.Len(t, left, 1)
	b, err := os.ReadFile(filepath.Join(path, "x"))
	require.NoError(t, err)
	assert.Equal(t, "old", string(b))
	require.NoError(t, os.Mkdir(filepath.Join(path, "dir"), 0o755))
	require.ErrorIs(t, d.Write("dir", text("x")), syscall.EISDIR)
}

// TestForeignDirectories are those that another user could have prepared.
func TestForeignDirectories(t *testing.T) {
	me := uint32(os.Geteuid())
	for name, v := range map[string]struct {
		mode fs.FileMode
		uid  uint32
		ok   bool
	}{
		"own":                  {0o755, me, true},
		"own, group writes":    {0o775, me, false},
		"own, others write":    {0o757, me, false},
		"another's":            {0o755, me + 4711, false},
		"sticky, others":       {0o777 | fs.ModeSticky, me, true},
		"another's, sticky":    {0o777 | fs.ModeSticky, me + 4711, false},
		"own, nobody can read": {0o700, me, true},
	} {
		path := t.TempDir()
		require.NoError(t, os.Chmod(path, v.mode))
		if me == 0 && v.uid != me {
			require.NoError(t, os.Chown(path, int(v.uid), -1))
		}
		uid := me
		if me != 0 {
			uid = v.uid // as if somebody else looked
		}
		d, err := openDir(path, uid)
		if v.ok {
			require.NoError(t, err, name)
			require.NoError(t, d.Close())
			continue
		}
		require.ErrorIs(t, err, ErrForeign, name)
		assert.NotEmpty(t, hint.Of(err))
	}
}

// TestPipes are written to by their owner alone, and links are replaced.
func TestPipes(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	fifo := filepath.Join(path, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	reader, err := os.OpenFile(fifo, os.O_RDWR, 0)
	require.NoError(t, err)
	defer reader.Close()
	require.NoError(t, d.Write("fifo", text("hello")))
	b := make([]byte, 5)
	_, err = reader.Read(b)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(b))

	d.uid += 4711
	require.ErrorIs(t, d.Write("fifo", text("secret")), ErrForeign)
	d.uid -= 4711

	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("old"), 0o600))
	require.NoError(t, os.Symlink(victim, filepath.Join(path, "link")))
	require.NoError(t, d.Write("link", text("new")))
	b, err = os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, "old", string(b))
}

// TestOutputFails names the file, and leaves nothing beside it.
func TestOutputFails(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := OpenDir(filepath.Join(file, "x"))
	require.ErrorIs(t, err, syscall.ENOTDIR)
	_, err = OpenDir(file)
	require.Error(t, err, "a file is no directory")

	d, err := OpenDir(dir)
	require.NoError(t, err)
	require.Error(t, d.Write("a/b", text("x")))
	require.Error(t, d.Write("../a", text("x")), "nothing is written outside")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "full"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "full/x"), nil, 0o600))
	require.Error(t, d.Remove("full"))
	require.NoError(t, d.Close())
	require.ErrorContains(t, d.Write("x", text("x")), dir+"/x: ")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 2)
	assert.NoFileExists(t, filepath.Join(filepath.Dir(dir), "a"))
}
