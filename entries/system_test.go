package entries

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// machine lays out the files of a machine and opens its system; the ESP is
// efi/.
func machine(t *testing.T, files map[string]string) (dir string, o Options) {
	t.Helper()
	dir = t.TempDir()
	put(t, dir, map[string]string{"proc/cmdline": "root=x\n", "efi/v": "kernel"})
	put(t, dir, files)
	h := host.At(dir)
	h.GOARCH = "amd64"
	return dir, Options{ESP: filepath.Join(dir, "efi"), Host: h, Vars: efivar.Vars{Dir: filepath.Join(dir, "vars")}, Getenv: func(string) string { return "" }}
}

func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// loaderVar is a file of efivarfs with a text.
func loaderVar(name, text string) map[string]string {
	data := []byte{7, 0, 0, 0}
	for _, c := range utf16.Encode([]rune(text + "\x00")) {
		data = append(data, byte(c), byte(c>>8))
	}
	return map[string]string{"vars/" + name + "-" + bli.LoaderVendor: string(data)}
}

func open(t *testing.T, o Options) *System {
	t.Helper()
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func abc() map[string]string {
	return map[string]string{
		"efi/loader/entries/a.conf": plain + "options root=x\n", "efi/loader/entries/b.conf": plain, "efi/loader/entries/c.conf": "linux /gone\n",
		"efi/loader/loader.conf": "default b*\nbogus 1\n",
	}
}

func TestOpen(t *testing.T) {
	_, o := machine(t, abc())
	s := open(t, o)
	assert.Len(t, s.Entries(), 3)
	assert.Len(t, s.Titles(), 3)
	require.Len(t, s.Problems(), 1)
	assert.ErrorContains(t, s.Problems()[0], "loader.conf:2: bogus")
	c, err := s.Default()
	require.NoError(t, err)
	assert.Equal(t, "b.conf", c.Entry.ID)
	assert.Equal(t, "loader.conf default b*", c.Rule)
	assert.Equal(t, "a.conf", s.Running().ID, "the only one with the running command line")
	assert.False(t, s.GRUB())
	assert.False(t, s.Offline())
	assert.Len(t, s.Volumes(), 1)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "twice")
}

func TestOpenNamesWhatItAsks(t *testing.T) {
	_, o := machine(t, abc())
	var asked []string
	waiting := 0
	o.Asking = func(what string) func() {
		asked = append(asked, what)
		waiting++
		return func() { waiting-- }
	}
	open(t, o)
	assert.Contains(t, asked, "EFI variable LoaderInfo")
	assert.Contains(t, asked, "EFI variable LoaderEntries")
	assert.Equal(t, "the boot partitions", asked[len(asked)-1])
	assert.Zero(t, waiting, "all have answered")
}

func TestOpenWithoutAPartition(t *testing.T) {
	dir, o := machine(t, nil)
	o.ESP = filepath.Join(dir, "nosuch")
	_, err := Open(t.Context(), o)
	require.ErrorIs(t, err, esp.ErrNotFound)
}

func TestOpenWithoutEntries(t *testing.T) {
	_, o := machine(t, nil)
	_, err := open(t, o).Default()
	require.ErrorIs(t, err, ErrNoEntry)
	assert.Contains(t, hint.Of(err), "loader/entries/")
	_, o = machine(t, map[string]string{"efi/loader/entries/c.conf": "linux /gone\n"})
	_, err = open(t, o).Pick("")
	require.ErrorIs(t, err, ErrNoEntry)
	require.ErrorContains(t, err, "none of 1 entries can be booted")
}

func TestPick(t *testing.T) {
	dir, o := machine(t, abc())
	put(t, dir, loaderVar(bli.EntryOneShot, "a.conf"))
	put(t, dir, loaderVar(bli.EntryLastBooted, "a.conf"))
	s := open(t, o)
	for name, want := range map[string]struct{ id, rule string }{
		"":         {"a.conf", "LoaderEntryOneShot"},
		"@default": {"b.conf", "loader.conf default b*"},
		"@oneshot": {"a.conf", named},
		"@saved":   {"a.conf", named},
		"@current": {"a.conf", named},
		"B":        {"b.conf", named},
		"c.conf":   {"c.conf", named},
	} {
		c, err := s.Choose(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, struct{ id, rule string }{c.Entry.ID, c.Rule}, name)
		e, err := s.Pick(name)
		require.NoError(t, err)
		assert.Same(t, c.Entry, e)
	}
	for name, want := range map[string]struct{ err, hint string }{
		"nosuch": {"no entry matches 'nosuch'", ""}, "@deflt": {"no entry matches '@deflt'", "names with an @ are @default, @oneshot, @saved, @current"},
	} {
		_, err := s.Pick(name)
		require.ErrorIs(t, err, ErrNoEntry, name)
		require.ErrorContains(t, err, want.err)
		assert.Equal(t, want.hint, hint.Of(err))
	}
}

// TestWhatOthersMayRead decides the next boot: without it none is known.
func TestWhatOthersMayRead(t *testing.T) {
	for _, name := range []string{"efi/loader/loader.conf", "efi/loader/entries/c.conf"} {
		dir, o := machine(t, abc())
		require.NoError(t, os.Chmod(filepath.Join(dir, name), 0))
		require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
		fixtures.AsNobody(t, func() {
			s := open(t, o)
			_, err := s.Default()
			require.ErrorIs(t, err, ErrNoEntry)
			require.ErrorContains(t, err, "not all of the boot partitions can be read: ")
			require.ErrorContains(t, err, ": permission denied")
			assert.Equal(t, "run as root, or name the entry", hint.Of(err))
			_, err = s.Pick("b")
			assert.NoError(t, err)
		})
	}
}

func TestPickWhatIsNotKnown(t *testing.T) {
	dir, o := machine(t, abc())
	put(t, dir, map[string]string{"proc/cmdline": "other"})
	s := open(t, o)
	for name, want := range map[string]string{
		"@oneshot": "no one-shot entry is set", "@saved": "@saved cannot be determined", "@current": "@current cannot be determined",
	} {
		_, err := s.Pick(name)
		require.ErrorIs(t, err, ErrNoEntry, name)
		require.ErrorContains(t, err, want)
	}
}

func TestRunningIsBelieved(t *testing.T) {
	_, o := machine(t, abc())
	id := "B.conf"
	o.Running = &id
	assert.Equal(t, "b.conf", open(t, o).Running().ID)
	for _, id := range []string{"gone.conf", ""} {
		o.Running = &id
		assert.Nil(t, open(t, o).Running())
	}
}

func TestConsumeOneShot(t *testing.T) {
	dir, o := machine(t, abc())
	undo, err := open(t, o).ConsumeOneShot()
	require.NoError(t, err)
	require.NoError(t, undo(), "there is none")
	put(t, dir, loaderVar(bli.EntryOneShot, "a.conf"))
	path := filepath.Join(dir, "vars", bli.EntryOneShot+"-"+bli.LoaderVendor)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	undo, err = open(t, o).ConsumeOneShot()
	require.NoError(t, err)
	assert.NoFileExists(t, path)
	require.NoError(t, undo())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

// TestOffline is a system that does not run: nothing of the machine counts.
func TestOffline(t *testing.T) {
	dir, o := machine(t, abc())
	put(t, dir, loaderVar(bli.EntryOneShot, "a.conf"))
	o.Root, o.ESP = dir, "/efi"
	s := open(t, o)
	c, err := s.Default()
	require.NoError(t, err)
	assert.Equal(t, "b.conf", c.Entry.ID)
	assert.True(t, s.Offline())
	assert.Nil(t, s.Running())
}
