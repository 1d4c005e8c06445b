package host_test

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// failing is a root directory whose files of one name have size bytes "x" and then
// end with an error. It counts their reads.
type failing struct {
	fs.FS
	name  string
	size  int
	end   error
	reads *int
	mode  fs.FileMode // as stat has it
}

func (f failing) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || name != f.name {
		return file, err
	}
	return &failingFile{File: file, f: f, left: f.size}, nil
}

// Stat describes a file.
func (f failing) Stat(name string) (fs.FileInfo, error) {
	if name == f.name {
		return fs.Stat(fstest.MapFS{name: {Mode: f.mode}}, name)
	}
	return fs.Stat(f.FS, name)
}

type failingFile struct {
	fs.File
	f    failing
	left int
}

// Read reads what is left, then fails.
func (f *failingFile) Read(b []byte) (int, error) {
	*f.f.reads++
	if f.left == 0 {
		return 0, f.f.end
	}
	n := min(len(b), f.left)
	f.left -= n
	return copy(b, strings.Repeat("x", n)), nil
}

// ReadAt reads below the size, and fails at its end.
func (f *failingFile) ReadAt(b []byte, at int64) (int, error) {
	n := copy(b, strings.Repeat("x", max(0, min(len(b), f.f.size-int(at)))))
	if n < len(b) {
		return n, f.f.end
	}
	return n, nil
}

// failingMachine has one file, which ends with an error after size bytes.
func failingMachine(name string, size int, end error) (host.Machine, *int) {
	reads := new(int)
	return host.Machine{FS: failing{FS: fstest.MapFS{name: {}}, name: name, size: size, end: end, reads: reads}}, reads
}

var errMedium = errors.New("input/output error")

// TestReadsThatFail: what was read before an error is no fact.
func TestReadsThatFail(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 1 << 20} {
		m, _ := failingMachine("proc/keys", size, errMedium)
		b, err := m.ReadFile("proc/keys", 1<<20)
		assert.ErrorIs(t, err, errMedium, size)
		assert.Nil(t, b, size)
		assert.Empty(t, m.Text("proc/keys"), size)
		_, known := m.TrustedKeys()
		assert.False(t, known, size)
	}
	m, _ := failingMachine("proc/self/mountinfo", 100, errMedium)
	mounts, err := m.Mounts()
	assert.Equal(t, errMedium, err)
	assert.Nil(t, mounts)
	m, _ = failingMachine("sys/firmware/dmi/tables/DMI", 100, errMedium)
	_, err = m.OEMStrings()
	assert.Equal(t, errMedium, err)
}

// TestReadsAreFew: most files take one read, and one to see the end; an endless file
// is read as far as its bound.
func TestReadsAreFew(t *testing.T) {
	for size, most := range map[int]int{0: 1, 1: 2, 3000: 2, 1 << 20: 12} {
		m, reads := failingMachine("file", size, io.EOF)
		b, err := m.ReadFile("file", 1<<20)
		require.NoError(t, err)
		assert.Len(t, b, size)
		assert.LessOrEqual(t, *reads, most, size)
	}
	m, reads := failingMachine("file", 1<<40, errMedium)
	_, err := m.ReadFile("file", 1<<20)
	assert.EqualError(t, err, "file: file too large: over 1048576 bytes")
	assert.LessOrEqual(t, *reads, 12)
}

// TestReadFileBounds: a file as large as its bound is whole.
func TestReadFileBounds(t *testing.T) {
	for size, ok := range map[int]bool{0: true, 9: true, 10: true, 11: false, 1000: false} {
		m, _ := failingMachine("file", size, io.EOF)
		b, err := m.ReadFile("file", 10)
		assert.Equal(t, ok, err == nil, size)
		assert.Equal(t, ok, len(b) == size, size)
		assert.Equal(t, !ok, errors.Is(err, host.ErrTooLarge), size)
	}
	whole, over := strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20+1)
	assert.Equal(t, whole, machine("a", whole).Text("a"))
	assert.Empty(t, machine("a", over).Text("a"))
}

// TestReadAtOfDevices: a block device is read, and one with characters is not.
func TestReadAtOfDevices(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		0: "xxx", fs.ModeDevice: "xxx", fs.ModeDevice | fs.ModeCharDevice: "", fs.ModeNamedPipe: "", fs.ModeSocket: "", fs.ModeDir: "", fs.ModeIrregular: "",
	} {
		m := host.Machine{FS: failing{FS: fstest.MapFS{"dev/x": {}}, name: "dev/x", size: 10, end: io.EOF, reads: new(int), mode: mode}}
		assert.Equal(t, want, string(m.ReadAt("dev/x", 7, 3)), mode.String())
		assert.Nil(t, m.ReadAt("dev/x", 8, 3), "past the end")
	}
	m, _ := failingMachine("dev/x", 10, errMedium)
	assert.Nil(t, m.ReadAt("dev/x", 8, 3))
	assert.Nil(t, m.ReadAt("dev/none", 0, 1))
	m.FS = struct{ fs.FS }{noReadAt{fstest.MapFS{"dev/x": {Data: []byte("xxx")}}}}
	assert.Nil(t, m.ReadAt("dev/x", 0, 1), "a file that is read from its beginning only")
}

// noReadAt has files without ReadAt.
type noReadAt struct{ fs.FS }

func (n noReadAt) Open(name string) (fs.File, error) {
	f, err := n.FS.Open(name)
	return struct{ fs.File }{f}, err
}

// TestText: blanks, line ends and NULs go from both ends, and nothing else.
func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"\x00a\x00": "a", " \t\na b\n\t ": "a b", "a\x00b": "a\x00b", "\ra\r": "\ra\r", "\v": "\v", " \n\x00": "", "\xa0": "\xa0",
	} {
		assert.Equal(t, want, machine("x", text).Text("x"), "%q", text)
	}
}

// TestIsProgram: one bit for execution is enough, whoever has it.
func TestIsProgram(t *testing.T) {
	for mode, want := range map[fs.FileMode]bool{
		0o755: true, 0o100: true, 0o010: true, 0o001: true, 0o666: false, 0: false, fs.ModeSetuid | 0o644: false, fs.ModeDir | 0o755: false, fs.ModeNamedPipe | 0o777: false,
	} {
		m := host.Machine{FS: fstest.MapFS{"bin/x": {Mode: mode}}}
		assert.Equal(t, want, m.IsProgram("bin/x"), mode.String())
	}
}

// TestFileSystemWithoutLinks: a file system that knows no links has none.
func TestFileSystemWithoutLinks(t *testing.T) {
	m := host.Machine{FS: struct{ fs.FS }{fstest.MapFS{"a": {Data: []byte("b"), Mode: fs.ModeSymlink}}}}
	assert.Empty(t, m.Link("a")+m.LinkName("a"))
	assert.Equal(t, host.Unknown, m.PIDNamespace())
}
