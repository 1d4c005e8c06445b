package uki_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// one returns the only section of an image made of it.
func one(t *testing.T, s fixtures.Section) uki.Section {
	t.Helper()
	m := parse(t, fixtures.PE{Sections: []fixtures.Section{s}}.Bytes())
	require.Len(t, m.Sections, 1)
	return m.Sections[0]
}

func TestSectionReader(t *testing.T) {
	four, nine, none := uint32(4), uint32(9), uint32(0)
	for _, tt := range []struct {
		name    string
		section fixtures.Section
		want    string
	}{
		{"as long as it says", fixtures.Text(".initrd", "content"), "content"},
		{"padding of the file left out", fixtures.Section{Data: []byte("content"), VirtualSize: &four}, "cont"},
		{"zeros from the padding", fixtures.Section{Data: []byte("content"), VirtualSize: &nine}, "content\x00\x00"},
		{"zeros that are not stored", fixtures.Section{Data: []byte("content"), VirtualSize: &nine, RawSize: &four}, "cont\x00\x00\x00\x00\x00"},
		{"nothing stored", fixtures.Section{Data: []byte("content"), VirtualSize: &four, RawSize: &none}, "\x00\x00\x00\x00"},
		{"masked", fixtures.Section{Data: []byte("content"), VirtualSize: &none}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := one(t, tt.section)
			r, err := s.Reader()
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(got))
			assert.EqualValues(t, len(tt.want), s.Size)

			stored, err := io.ReadAll(s.Stored())
			require.NoError(t, err)
			assert.Equal(t, tt.want[:s.FileSize], string(stored))
		})
	}
}

func TestSectionReadersAreIndependent(t *testing.T) {
	s := one(t, fixtures.Text(".initrd", "content"))
	a, err := s.Reader()
	require.NoError(t, err)
	b, err := s.Reader()
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, a, 3)
	require.NoError(t, err)
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	assert.Equal(t, "content", string(got))
}

func TestSectionCheck(t *testing.T) {
	far, huge, trap := uint32(1<<20), uint32(0xffffffff), uint32(16<<20+8)
	for _, tt := range []struct {
		name    string
		section fixtures.Section
		want    error
	}{
		{"outside the file", fixtures.Section{Name: ".initrd", Data: []byte("content"), Offset: &far}, uki.ErrTruncated},
		{"longer than the file", fixtures.Section{Name: ".initrd", Data: []byte("content"), VirtualSize: &huge, RawSize: &huge}, uki.ErrTruncated},
		{"gigabytes of zeros", fixtures.Section{Name: ".initrd", Data: []byte("content"), VirtualSize: &huge}, uki.ErrTooLarge},
		{"just too many zeros", fixtures.Section{Name: ".initrd", VirtualSize: &trap}, uki.ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := one(t, tt.section)
			require.ErrorIs(t, s.Check(), tt.want)
			assert.ErrorContains(t, s.Check(), ".initrd")
			r, err := s.Reader()
			require.ErrorIs(t, err, tt.want)
			assert.Nil(t, r)
			_, err = s.Text()
			require.ErrorIs(t, err, tt.want)
			assert.Zero(t, s.Stored().Size())
		})
	}
	assert.Zero(t, uki.Section{}.Stored().Size())
}

func TestSectionText(t *testing.T) {
	large := strings.Repeat("x", uki.TextLimit)
	for _, tt := range []struct{ name, data, want, err string }{
		{name: "plain", data: "a\nb ", want: "a\nb "},
		{name: "empty"},
		{name: "NULs at the end", data: "console=ttyS0\x00\x00", want: "console=ttyS0"},
		{name: "NULs only", data: "\x00\x00"},
		{name: "NUL inside", data: "a\x00b\x00", err: "NUL inside the text at byte 1"},
		{name: "latin-1", data: "\xe4", want: "\xe4"},
		{name: "at the limit", data: large, want: large},
		{name: "above the limit", data: large + "x", err: "4194305 bytes, at most 4194304"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := one(t, fixtures.Text(".cmdline", tt.data)).Text()
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				assert.Empty(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

// Names are bytes out of the file: what a NUL hides is not part of them, and
// what a terminal would obey never reaches one.
func TestSectionName(t *testing.T) {
	far := uint32(1 << 30)
	hidden := one(t, fixtures.Text(".osrel\x00x", "a"))
	assert.Equal(t, ".osrel", hidden.Name)
	escape := one(t, fixtures.Section{Name: "\x1b[31m", Data: []byte("a"), Offset: &far})
	assert.ErrorContains(t, escape.Check(), `"\x1b[31m"`)
	blank := one(t, fixtures.Section{Data: []byte("a"), Offset: &far})
	assert.ErrorContains(t, blank.Check(), `section "":`)
}

func TestSectionShrunkFile(t *testing.T) {
	b := fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".cmdline", strings.Repeat("x", 1<<13))}}.Bytes()
	m, err := uki.Open(bytes.NewReader(b[:len(b)-512]), int64(len(b)))
	require.NoError(t, err)
	_, err = m.Sections[0].Text()
	require.ErrorIs(t, err, uki.ErrTruncated)
}
