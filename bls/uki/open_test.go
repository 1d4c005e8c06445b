package uki_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"testing"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpen(t *testing.T) {
	pe := fixtures.PE{
		Machine: uki.MachineAA64,
		Sections: []fixtures.Section{
			fixtures.Text(".osrel", "ID=a\n"),
			fixtures.Text(".cmdline", "quiet"),
			fixtures.Text(".pcrpkey", "eight bytes of name"),
		},
	}
	m := parse(t, pe.Bytes())

	assert.Equal(t, uki.MachineAA64, m.Machine)
	assert.EqualValues(t, uki.SubsystemEFI, m.Subsystem)
	require.Len(t, m.Sections, 3)
	s := m.Sections[1]
	assert.Equal(t, ".cmdline", s.Name)
	assert.EqualValues(t, 5, s.Size)
	assert.EqualValues(t, 5, s.FileSize)
	assert.EqualValues(t, 512, s.RawSize)
	assert.EqualValues(t, 1024, s.Offset)
	assert.Equal(t, ".pcrpkey", m.Sections[2].Name)
	assert.True(t, m.Has(".osrel"))
	assert.False(t, m.Has(".linux"))
	assert.Zero(t, m.SignatureSize)
	assert.NoError(t, m.Check())
}

// Fields that tests break, by their place in what fixtures.PE builds.
const (
	peHeaderAt     = 0x3c
	peAt           = 0x40
	sectionCountAt = peAt + 6
	optionalSizeAt = peAt + 20
	magicAt        = peAt + 24
	directoriesAt  = magicAt + 108
	signatureAt    = magicAt + 112 + 4*8
	tableAt        = magicAt + 0xf0
)

func TestOpenRefuses(t *testing.T) {
	put16 := func(at int, v uint16) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint16(b[at:], v); return b }
	}
	put32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b }
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	for _, tt := range []struct {
		name   string
		change func([]byte) []byte
		want   error
	}{
		{"empty file", cut(0), uki.ErrNotPE},
		{"one byte", cut(1), uki.ErrNotPE},
		{"text", func([]byte) []byte { return []byte("title x\n") }, uki.ErrNotPE},
		{"cut in the DOS header", cut(63), uki.ErrTruncated},
		{"cut behind the DOS header", cut(64), uki.ErrTruncated},
		{"cut in the optional header", cut(magicAt + 69), uki.ErrTruncated},
		{"cut before the data directory", cut(directoriesAt + 3), uki.ErrTruncated},
		{"cut in the section table", cut(tableAt + 39), uki.ErrTruncated},
		{"header inside the DOS header", func(b []byte) []byte {
			b = append(b[:0x10:0x10], b[peAt:]...)
			return put32(peHeaderAt, 0x10)(b)
		}, uki.ErrNotPE},
		{"header far outside", put32(peHeaderAt, math.MaxUint32), uki.ErrTruncated},
		{"no signature", put16(peAt, 0), uki.ErrNotPE},
		{"no optional header", put16(optionalSizeAt, 0), uki.ErrNotPE},
		{"odd magic", put16(magicAt, 0x107), uki.ErrNotPE},
		{"table outside", put16(optionalSizeAt, 0xffff), uki.ErrTruncated},
		{"more sections than bytes", put16(sectionCountAt, 0xffff), uki.ErrTruncated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.change(fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".linux", "x")}}.Bytes())
			m, err := uki.Open(bytes.NewReader(b), int64(len(b)))
			require.ErrorIs(t, err, tt.want)
			assert.Nil(t, m)
		})
	}
}

func TestOpenPE32(t *testing.T) {
	b := fixtures.PE{Machine: uki.MachineIA32, Sections: []fixtures.Section{fixtures.Text(".linux", "x")}}.Bytes()
	binary.LittleEndian.PutUint16(b[magicAt:], 0x10b)
	assert.True(t, parse(t, b).IsUKI(uki.MachineIA32))
}

// A table behind the first read has to be found too, and as many sections as
// a profile-rich image has.
func TestOpenManySections(t *testing.T) {
	for _, n := range []int{0, 1, 96, 97, 300, 3000} {
		var pe fixtures.PE
		for range n {
			pe.Sections = append(pe.Sections, fixtures.Text(".same", "x"))
		}
		m := parse(t, pe.Bytes())
		assert.Len(t, m.Sections, n)
		assert.NoError(t, m.Check())
	}
}

func TestOpenReadError(t *testing.T) {
	broken := errors.New("input/output error")
	_, err := uki.Open(failing{broken}, 1<<20)
	require.ErrorIs(t, err, broken)
}

// A file that shrinks while it is read is cut short, not a panic.
func TestOpenShrunkFile(t *testing.T) {
	b := fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".linux", "x")}}.Bytes()
	_, err := uki.Open(bytes.NewReader(b[:200]), int64(len(b)))
	require.ErrorIs(t, err, uki.ErrTruncated)
	_, err = uki.Open(bytes.NewReader(b), -1)
	require.ErrorIs(t, err, uki.ErrNotPE)
}

func TestCheck(t *testing.T) {
	far := uint32(math.MaxUint32)
	for _, tt := range []struct {
		name    string
		section fixtures.Section
		whole   bool
	}{
		{"inside", fixtures.Text(".linux", "x"), true},
		{"no bytes stored, offset wild", fixtures.Section{Name: ".bss", VirtualSize: &far, Offset: &far}, true},
		{"as many bytes as the file has left", fixtures.Section{Name: ".linux", Data: make([]byte, 512)}, true},
		{"offset outside", fixtures.Section{Name: ".linux", Data: []byte("x"), Offset: &far}, false},
		{"raw size outside", fixtures.Section{Name: ".linux", Data: []byte("x"), RawSize: &far}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := parse(t, fixtures.PE{Sections: []fixtures.Section{tt.section}}.Bytes()).Check()
			if tt.whole {
				assert.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, uki.ErrTruncated)
			assert.ErrorContains(t, err, ".linux")
		})
	}
}

// Firmware loads sections one over the other where their addresses say so, as
// those of UKIs made manually with too little room for the kernel.
func TestCheckOverlap(t *testing.T) {
	const addressAt = tableAt + 40 + 12 // of the second section
	build := func(first, second string) []byte {
		return fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".linux", first), fixtures.Text(".initrd", second)}}.Bytes()
	}
	for _, tt := range []struct {
		name, first, second string
		address             uint32
		bad                 bool
	}{
		{"next to each other", "kernel", "initrd", 0x1006, false},
		{"a byte shared", "kernel", "initrd", 0x1005, true},
		{"the same place", "kernel", "initrd", 0x1000, true},
		{"in the wrong order", "kernel", "initrd", 0x0ffa, false},
		{"in the wrong order, a byte shared", "kernel", "initrd", 0x0ffb, true},
		{"empty one first", "", "initrd", 0x1000, false},
		{"empty one inside", "kernel", "", 0x1003, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := build(tt.first, tt.second)
			binary.LittleEndian.PutUint32(b[addressAt:], tt.address)
			err := parse(t, b).Check()
			if !tt.bad {
				assert.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, uki.ErrOverlap)
			assert.ErrorContains(t, err, ".initrd")
		})
	}
}

// A signature is after all sections, so that its place shows a cut
// which no section shows.
func TestCheckSignature(t *testing.T) {
	b := fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".linux", "x")}}.Bytes()
	end := uint32(len(b))
	b = append(b, "certificates"...)
	binary.LittleEndian.PutUint32(b[signatureAt:], end)
	binary.LittleEndian.PutUint32(b[signatureAt+4:], 12)

	m := parse(t, b)
	assert.EqualValues(t, end, m.Signature)
	assert.EqualValues(t, 12, m.SignatureSize)
	assert.NoError(t, m.Check())
	assert.ErrorIs(t, parse(t, b[:len(b)-1]).Check(), uki.ErrTruncated)

	binary.LittleEndian.PutUint32(b[directoriesAt:], 4) // the directory ends before
	assert.Zero(t, parse(t, b).SignatureSize)
}

// TestCutAnywhere cuts a UKI at every length there is: it opens or it does
// not, and only a whole one passes for whole.
func TestCutAnywhere(t *testing.T) {
	whole := sampleUKI().Bytes()
	for n := range len(whole) {
		m, err := uki.Open(bytes.NewReader(whole[:n]), int64(n))
		require.Equal(t, err != nil, m == nil)
		if err == nil {
			require.ErrorIs(t, m.Check(), uki.ErrTruncated, "%d bytes", n)
			use(m)
		}
	}
	require.NoError(t, parse(t, whole).Check())
}

// TestMemory opens the worst tables that a file can have: memory must go with
// the file, never with the numbers in it.
func TestMemory(t *testing.T) {
	var before, after runtime.MemStats
	for name, pe := range hostile() {
		t.Run(name, func(t *testing.T) {
			b := pe.Bytes()
			runtime.ReadMemStats(&before)
			use(parse(t, b))
			runtime.ReadMemStats(&after)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(40<<20))
		})
	}
}

// hostile describes images that are made to hurt.
func hostile() map[string]fixtures.PE {
	huge, start := uint32(math.MaxUint32), uint32(0)
	all := make(map[string]fixtures.PE)
	add := func(name string, n int, s fixtures.Section) {
		pe := fixtures.PE{}
		for range n {
			pe.Sections = append(pe.Sections, s)
		}
		all[name] = pe
	}
	add("1000 profiles", 1000, fixtures.Section{Name: ".profile", VirtualSize: &start})
	add("65535 sections", 65535, fixtures.Section{Name: ".linux", VirtualSize: &start})
	add("overlapping", 300, fixtures.Section{Name: ".osrel", Data: []byte("ID=a\n"), Offset: &start})
	add("huge virtual size", 10, fixtures.Section{Name: ".cmdline", Data: []byte("x"), VirtualSize: &huge})
	add("huge sizes", 10, fixtures.Section{Name: ".initrd", VirtualSize: &huge, RawSize: &huge, Offset: &huge})
	return all
}

// use touches all that there is to an image, for panics and memory.
func use(m *uki.Image) {
	_ = m.LoaderInfo()
	_ = m.IsUKI(uki.MachineX64)
	_ = m.IsAddon(uki.MachineX64)
	for n := range m.Profiles() {
		p, err := m.Profile(n)
		if err != nil {
			continue
		}
		for _, name := range []string{".osrel", ".cmdline", ".uname", ".initrd"} {
			text, _ := p.Text(name)
			_, _ = uki.ParseOSRelease(text)
		}
	}
	for _, s := range m.Sections[:min(len(m.Sections), 32)] {
		if r, err := s.Reader(); err == nil && s.Size < 1<<20 {
			_, _ = io.Copy(io.Discard, r)
		}
	}
}

// sampleUKI is a whole image with all that a UKI may have, profiles too.
func sampleUKI() fixtures.PE {
	return fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".sdmagic", "#### LoaderInfo: systemd-stub 262.1 ####"),
		fixtures.Text(".osrel", "ID=arch\nPRETTY_NAME='Arch Linux'\n"),
		fixtures.Text(".cmdline", "root=x"),
		fixtures.Text(".uname", "6.12.1"),
		fixtures.Text(".linux", "kernel"),
		fixtures.Text(".initrd", "initrd"),
		fixtures.Text(".profile", "ID=main\n"),
		fixtures.Text(".profile", "ID=debug\nTITLE=\"Debug mode\"\n"),
		fixtures.Text(".cmdline", "root=x debug"),
		fixtures.Text(".profile", "TITLE=Bare\n"),
		fixtures.Masked(".cmdline"),
		fixtures.Masked(".initrd"),
		fixtures.Text(".ucode", "microcode"),
	}}
}

func parse(t testing.TB, b []byte) *uki.Image {
	t.Helper()
	m, err := uki.Open(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return m
}

// failing is a file whose every read fails.
type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }
