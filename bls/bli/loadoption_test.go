package bli_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
)

func wide(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}

// loadOption is one as firmware keeps it: a partition and the file on it.
func loadOption(description string, files ...string) []byte {
	disk := append([]byte{4, 1, 42, 0}, make([]byte, 38)...)
	path := disk
	for _, f := range files {
		text := wide(f)
		node := binary.LittleEndian.AppendUint16([]byte{4, 4}, uint16(4+len(text)))
		path = append(path, append(node, text...)...)
	}
	path = append(path, 0x7f, 0xff, 4, 0)
	data := binary.LittleEndian.AppendUint16([]byte{1, 0, 0, 0}, uint16(len(path)))
	data = append(data, wide(description)...)
	return append(append(data, path...), "optional data"...)
}

func TestLoadOptionPath(t *testing.T) {
	for want, data := range map[string][]byte{
		`\EFI\fedora\shimx64.efi`: loadOption("Fedora", `\EFI\fedora\shimx64.efi`),
		`\EFI\x.efi`:              loadOption("", `\EFI`, `\x.efi`),
	} {
		got, err := bli.LoadOptionPath(data)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	whole := loadOption("Fedora", `\EFI\fedora\shimx64.efi`)
	for n := range len(whole) - len("optional data") - 4 {
		_, err := bli.LoadOptionPath(whole[:n])
		assert.Error(t, err, n)
	}
	half := loadOption("", "x")
	copy(half[bytes.Index(half, []byte("x\x00\x00\x00")):], []byte{0x3d, 0xd8})
	_, err := bli.LoadOptionPath(half)
	assert.ErrorContains(t, err, "half a surrogate pair")
	_, err = bli.LoadOptionPath(loadOption("a disk"))
	assert.EqualError(t, err, "not an EFI load option with the path of a file")
}

func FuzzLoadOptionPath(f *testing.F) {
	f.Add(loadOption("Fedora", `\EFI\fedora\shimx64.efi`))
	f.Add(loadOption("", `\EFI`, `\x.efi`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := bli.LoadOptionPath(data)
		require.Equal(t, err != nil, got == "")
		if err == nil {
			again, err := bli.LoadOptionPath(loadOption("", got))
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}
