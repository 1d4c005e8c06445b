package grub

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// A corpusCase is a disk that a real GRUB booted.
type corpusCase struct {
	N      int
	Grub   string
	Vendor string
	Parts  map[string]struct {
		FS, UUID string
		Files    map[string]json.RawMessage
	}
	Env     []string
	EFIVars struct{ LoaderInfo string }
	Booted  string
	Title   *string // of the entry, as GRUB printed it
	How     string
	Kernel  string
	Cmdline string
	Initrd  string
	After   *string `json:"env_after"`
	Size    int     `json:"env_after_size"`
}

// A corpusFile is the content of a file that is no text.
type corpusFile struct {
	Hex, Kernel, UKI, Cpio, Link, Env *string
	Osrel, Cmdline, Pad               string
	Gz                                bool
	Size                              int
	Dir                               int
}

func corpus(t testing.TB) []corpusCase {
	t.Helper()
	var all struct{ Cases []corpusCase }
	require.NoError(t, json.Unmarshal(fixtures.JSON(t, "grub-handed.json.zst"), &all))
	require.Len(t, all.Cases, 60)
	return all.Cases
}

// content returns a file as it was on the disk. A kernel is its stamp.
func content(t testing.TB, raw json.RawMessage) *fstest.MapFile {
	t.Helper()
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	var f corpusFile
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&f))
	m := &fstest.MapFile{Mode: 0o644}
	switch {
	case f.Hex != nil:
		m.Data, _ = hex.DecodeString(*f.Hex)
	case f.Kernel != nil:
		m.Data = []byte(*f.Kernel)
	case f.UKI != nil:
		m.Data = []byte(*f.UKI + "\n" + f.Osrel)
	case f.Cpio != nil:
		m.Data = cpio(*f.Cpio)
	case f.Link != nil:
		m.Data, m.Mode = []byte(*f.Link), fs.ModeSymlink|0o777
	case f.Env != nil:
		pad := f.Pad
		if pad == "" {
			pad = "#"
		}
		m.Data = []byte(latin1(*f.Env) + strings.Repeat(pad, f.Size))[:f.Size]
	default:
		m.Mode = fs.ModeDir | 0o755
	}
	return m
}

func latin1(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
	}
	return b.String()
}

// cpio makes an archive of one file whose content is its name.
func cpio(name string) []byte {
	var b bytes.Buffer
	one := func(n string, mode int, data string) {
		fmt.Fprintf(&b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(n)+1, 0)
		b.WriteString(n + "\x00")
		b.Write(make([]byte, -b.Len()&3))
		b.WriteString(data)
		b.Write(make([]byte, -b.Len()&3))
	}
	one(name, 0o100644, name)
	one("TRAILER!!!", 0, "")
	return b.Bytes()
}

// machine lays a case out in memory as the disk had it.
func (c *corpusCase) machine(t testing.TB) *Machine {
	t.Helper()
	m := &Machine{Dir: "EFI/" + c.Vendor, LoaderInfo: c.EFIVars.LoaderInfo, FirmwareSetup: true, Image: corpusTitle}
	for i, name := range []string{"esp", "fs"} {
		part, ok := c.Parts[name]
		if !ok {
			continue
		}
		files := fstest.MapFS{}
		for p, raw := range part.Files {
			files[p] = content(t, raw)
		}
		d := &Device{Name: fmt.Sprintf("hd0,gpt%d", i+1), UUID: part.UUID, FS: files, FAT: part.FS == "vfat"}
		m.Devices = append(m.Devices, d)
		if name == "esp" {
			m.Start = d
		}
	}
	return m
}

func corpusTitle(fsys fs.FS, name string) (string, bool) {
	data, err := fs.ReadFile(fsys, name)
	_, osrel, ok := strings.Cut(string(data), "PRETTY_NAME=")
	return strings.Trim(osrel, "\"\n"), ok && err == nil
}

// mislabelled is the case whose Booted was taken from the kernel that two
// entries share; title, command line and initrd are those of the other one.
const mislabelled = 42

func TestCorpus(t *testing.T) {
	for _, c := range corpus(t) {
		t.Run(fmt.Sprint(c.N), func(t *testing.T) {
			b := Next(c.machine(t))
			require.Equal(t, map[string]Flavor{"fedora": Fedora, "upstream": Upstream}[c.Grub], b.Flavor)
			if c.Booted == "" || strings.HasPrefix(c.Booted, "other:") {
				require.Error(t, b.Err)
				require.Nil(t, b.Default)
				return
			}
			require.NoError(t, b.Err)
			if c.N != mislabelled {
				require.Equal(t, c.Booted, b.Default.ID)
			}
			if c.Title != nil && *c.Title != "" { // it is empty where it is not ASCII
				require.Equal(t, *c.Title, b.Chosen.Title)
			}
			c.assertCommand(t, b.Command)
			c.assertWrites(t, b)
		})
	}
}

func (c *corpusCase) assertCommand(t *testing.T, command *Command) {
	t.Helper()
	kernel := read(t, command.Kernel)
	assert.Equal(t, c.Kernel, strings.SplitN(string(kernel), "\n", 2)[0])
	if command.EFI {
		return
	}
	assert.Equal(t, c.Cmdline, command.Cmdline)
	var initrd []byte
	for _, f := range command.Initrds {
		initrd = append(initrd, read(t, f)...)
	}
	assert.Equal(t, flat(t, c.Initrd), string(initrd))
}

// flat decompresses a blob of archives, without the zeros between them.
func flat(t *testing.T, blob string) string {
	t.Helper()
	data, err := hex.DecodeString(blob)
	require.NoError(t, err)
	var out bytes.Buffer
	for len(data) > 0 {
		switch data[0] {
		case 0:
			data = data[1:]
		case '0':
			end := bytes.Index(data, []byte("TRAILER!!!")) + 14
			end += -end & 3
			out.Write(data[:end])
			data = data[end:]
		default:
			r := bytes.NewReader(data)
			z, err := gzip.NewReader(r)
			require.NoError(t, err)
			z.Multistream(false)
			_, err = out.ReadFrom(z)
			require.NoError(t, err)
			data = data[len(data)-r.Len():]
		}
	}
	return out.String()
}

func read(t testing.TB, f File) []byte {
	t.Helper()
	data, err := fs.ReadFile(f.Device.FS, strings.TrimPrefix(path.Clean(f.Path), "/"))
	require.NoError(t, err)
	return data
}

// assertWrites compares the environment block with the one that GRUB left.
func (c *corpusCase) assertWrites(t *testing.T, b *Boot) {
	t.Helper()
	if c.After == nil {
		for _, w := range b.Writes {
			assert.Equal(t, string(read(t, w.File)), string(w.Block), "GRUB writes nothing")
		}
		return
	}
	require.Len(t, b.Writes, 1)
	assert.Equal(t, c.Size, len(b.Writes[0].Block))
	assert.Equal(t, latin1(*c.After), strings.TrimRight(string(b.Writes[0].Block), "#"))
}
