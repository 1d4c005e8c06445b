package uki_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// Offsets in what fixtures.PE builds.
const (
	peSectionCount  = 0x40 + 6
	peOptionalSize  = 0x40 + 20
	peSizeOfHeaders = 0x40 + 24 + 60
	peChecksum      = 0x40 + 24 + 64
	peDirectories   = 0x40 + 24 + 108
	peSecurity      = 0x40 + 24 + 112 + 4*8
	peSections      = 0x40 + 24 + 0xf0
)

func covered(t *testing.T, b []byte) []byte {
	t.Helper()
	a, err := uki.OpenAuthenticode(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	var out bytes.Buffer
	n, err := a.WriteTo(&out)
	require.NoError(t, err)
	assert.EqualValues(t, out.Len(), n)
	return out.Bytes()
}

func twoSections() []byte {
	return fixtures.Program(fixtures.Text(".first", strings.Repeat("1", 600)), fixtures.Text(".second", "2"))
}

// The CheckSum field, the directory entry and the table are left out.
func TestAuthenticode(t *testing.T) {
	b := append(twoSections(), "trailing"...)
	want := slices.Concat(b[:peChecksum], b[peChecksum+4:peSecurity], b[peSecurity+8:])
	assert.Equal(t, want, covered(t, b))
	assert.NotContains(t, string(want[:peChecksum+100]), "trailing")

	signed := fixtures.SetCertificateTable(b, fixtures.Certificate(2, []byte("signature")), 24)
	assert.Equal(t, want, covered(t, signed))
	binary.LittleEndian.PutUint32(signed[peChecksum:], 0x12345678)
	assert.Equal(t, want, covered(t, signed))
}

// Sections count in the order of the file, not of the table.
func TestAuthenticodeOrder(t *testing.T) {
	b := twoSections()
	row := func(n int) []byte { return b[peSections+40*n : peSections+40*(n+1)] }
	second := slices.Clone(row(2))
	copy(row(2), row(1))
	copy(row(1), second)
	want := slices.Concat(b[:peChecksum], b[peChecksum+4:peSecurity], b[peSecurity+8:])
	assert.Equal(t, want, covered(t, b))
}

// With a gap between sections, what follows is counted from the sum of sizes:
// the bytes of the gap are left out, and as many at the end come twice.
func TestAuthenticodeGap(t *testing.T) {
	b := append(twoSections(), strings.Repeat("t", 512)...)
	row := b[peSections+40:]
	binary.LittleEndian.PutUint32(row[16:], 512) // .first without its second half
	got := covered(t, b)
	end := len(b) - 512
	assert.Equal(t, slices.Concat(b[end-512:end], b[end-512:]), got[len(got)-1536:])
}

// An image with four directories has no place for a signature.
func TestAuthenticodeFewDirectories(t *testing.T) {
	b := fixtures.PE{}.Bytes()
	binary.LittleEndian.PutUint16(b[peOptionalSize:], 112+4*8)
	binary.LittleEndian.PutUint32(b[peDirectories:], 4)
	assert.Equal(t, slices.Concat(b[:peChecksum], b[peChecksum+4:]), covered(t, b))
	a, err := uki.OpenAuthenticode(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	assert.False(t, a.Signed())
	list, err := a.Certificates()
	require.NoError(t, err)
	assert.Empty(t, list)
}

func TestAuthenticodeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		at    int
		value uint32
		want  error
	}{
		"headers end in the section table":   {peSizeOfHeaders, peSections + 40, uki.ErrNotHashable},
		"headers end before the table":       {peSizeOfHeaders, peSections, uki.ErrNotHashable},
		"headers beyond the file":            {peSizeOfHeaders, 1 << 30, uki.ErrTruncated},
		"more directories than the header":   {peDirectories, 17, uki.ErrNotHashable},
		"fewer directories than the header":  {peDirectories, 15, uki.ErrNotHashable},
		"section in the headers":             {peSections + 20, 0x100, uki.ErrNotHashable},
		"section loaded over the headers":    {peSections + 12, 0x100, uki.ErrNotHashable},
		"section over another":               {peSections + 40 + 20, 0x200, uki.ErrNotHashable},
		"section beyond the file":            {peSections + 40 + 16, 1 << 30, uki.ErrTruncated},
		"section whose end does not fit":     {peSections + 40 + 16, 1<<32 - 1, uki.ErrTruncated},
		"section table beyond the file":      {peSectionCount, 0xffff, uki.ErrNotHashable},
		"certificate table beyond the file":  {peSecurity + 4, 1 << 20, uki.ErrTruncated},
		"certificate table before the end":   {peSecurity + 4, 8, uki.ErrNotHashable},
		"certificate table over the headers": {peSecurity, 0, uki.ErrNotHashable},
	} {
		b := fixtures.SetCertificateTable(twoSections(), fixtures.Certificate(2, []byte("signature")), 24)
		if name == "section table beyond the file" {
			binary.LittleEndian.PutUint16(b[c.at:], uint16(c.value))
		} else {
			binary.LittleEndian.PutUint32(b[c.at:], c.value)
		}
		a, err := uki.OpenAuthenticode(bytes.NewReader(b), int64(len(b)))
		assert.ErrorIs(t, err, c.want, name)
		assert.Nil(t, a, name)
	}
}

func TestAuthenticodeShrinks(t *testing.T) {
	b := append(twoSections(), make([]byte, 8192)...)
	a, err := uki.OpenAuthenticode(bytes.NewReader(b[:len(b)-1]), int64(len(b)))
	require.NoError(t, err)
	_, err = a.WriteTo(io.Discard)
	assert.ErrorIs(t, err, uki.ErrTruncated)
}

func certificates(t *testing.T, table []byte) ([]uki.Certificate, error) {
	b := fixtures.SetCertificateTable(twoSections(), table, len(table))
	a, err := uki.OpenAuthenticode(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	assert.True(t, a.Signed())
	return a.Certificates()
}

func TestCertificates(t *testing.T) {
	list, err := certificates(t, slices.Concat(fixtures.Certificate(2, []byte("one")), fixtures.Certificate(0xef1, []byte("eight..."))))
	require.NoError(t, err)
	assert.Equal(t, []uki.Certificate{{uki.CertificatePKCS, []byte("one")}, {uki.CertificateGUID, []byte("eight...")}}, list)

	for name, table := range map[string][]byte{
		"zeros":             make([]byte, 8),
		"more zeros":        make([]byte, 32),
		"rest":              append(fixtures.Certificate(2, []byte("one")), 0, 0, 0, 0, 0, 0, 0, 0),
		"empty":             append(fixtures.Certificate(2, nil), fixtures.Certificate(2, nil)...),
		"longer than table": fixtures.Certificate(2, make([]byte, 64))[:64],
		"not padded":        fixtures.Certificate(2, []byte("one"))[:11],
		"length of 4 GiB":   {0xff, 0xff, 0xff, 0xff, 0, 2, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8},
	} {
		list, err := certificates(t, table)
		assert.ErrorIs(t, err, uki.ErrNotHashable, name)
		assert.Nil(t, list, name)
	}
	_, err = certificates(t, bytes.Repeat(fixtures.Certificate(2, []byte("one")), 17))
	assert.ErrorIs(t, err, uki.ErrTooLarge)
	_, err = certificates(t, fixtures.Certificate(2, make([]byte, 1<<20)))
	assert.ErrorIs(t, err, uki.ErrTooLarge)
}

// FuzzAuthenticode holds: what a signature covers, or an error; never more than
// twice the file; certificates do not change it, and are parts of the file.
func FuzzAuthenticode(f *testing.F) {
	f.Add(twoSections())
	f.Add(fixtures.SetCertificateTable(twoSections(), fixtures.Certificate(2, []byte("signature")), 24))
	f.Add(fixtures.PE{}.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := uki.OpenAuthenticode(bytes.NewReader(b), int64(len(b)))
		if (err != nil) != (a == nil) {
			t.Fatalf("%v with error %v", a, err)
		}
		if err != nil {
			return
		}
		before := sha256.New()
		n, err := a.WriteTo(before)
		if err != nil || n > 2*int64(len(b)) {
			t.Fatalf("%d bytes of %d: %v", n, len(b), err)
		}
		list, err := a.Certificates()
		if err != nil || !a.Signed() {
			return
		}
		if len(list) == 0 {
			t.Fatal("a table without entries")
		}
		changed := slices.Clone(b)
		changed[len(b)-1] ^= 1
		m, err := uki.OpenAuthenticode(bytes.NewReader(changed), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		after := sha256.New()
		if _, err := m.WriteTo(after); err != nil || !bytes.Equal(before.Sum(nil), after.Sum(nil)) {
			t.Fatal("a certificate is covered", err)
		}
	})
}
