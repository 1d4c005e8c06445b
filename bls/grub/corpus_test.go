package grub

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// machine lays a case out in memory as the disk had it.
func corpusMachine(t testing.TB, c *fixtures.GrubCase) *Machine {
	t.Helper()
	m := &Machine{Dir: "EFI/" + c.Vendor, LoaderInfo: c.EFIVars.LoaderInfo, FirmwareSetup: true, Image: corpusTitle}
	for i, name := range []string{"esp", "fs"} {
		files := c.Part(t, name)
		if files == nil {
			continue
		}
		part := c.Parts[name]
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

func TestCorpus(t *testing.T) {
	for _, c := range fixtures.GrubCorpus(t) {
		t.Run(fmt.Sprint(c.N), func(t *testing.T) {
			b := Next(corpusMachine(t, &c))
			require.Equal(t, map[string]Flavor{"fedora": Fedora, "upstream": Upstream}[c.Grub], b.Flavor)
			if c.Booted == "" || strings.HasPrefix(c.Booted, "other:") {
				require.Error(t, b.Err)
				require.Nil(t, b.Default)
				return
			}
			require.NoError(t, b.Err)
			if c.N != fixtures.GrubMislabelled {
				require.Equal(t, c.Booted, b.Default.ID)
			}
			if c.Title != nil && *c.Title != "" { // it is empty where it is not ASCII
				require.Equal(t, *c.Title, b.Chosen.Title)
			}
			assertCommand(t, &c, b.Command)
			assertWrites(t, &c, b)
		})
	}
}

func assertCommand(t *testing.T, c *fixtures.GrubCase, command *Command) {
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
func assertWrites(t *testing.T, c *fixtures.GrubCase, b *Boot) {
	t.Helper()
	if c.After == nil {
		for _, w := range b.Writes {
			assert.Equal(t, string(read(t, w.File)), string(w.Block), "GRUB writes nothing")
		}
		return
	}
	require.Len(t, b.Writes, 1)
	assert.Equal(t, c.Size, len(b.Writes[0].Block))
	assert.Equal(t, fixtures.Latin1(*c.After), strings.TrimRight(string(b.Writes[0].Block), "#"))
}
