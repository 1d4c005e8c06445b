package bli_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
)

// utf16le encodes a string without a NUL.
func utf16le(s string) []byte {
	var data []byte
	for _, u := range utf16.Encode([]rune(s)) {
		data = binary.LittleEndian.AppendUint16(data, u)
	}
	return data
}

func TestDecode(t *testing.T) {
	const odd, half = "an odd number of bytes, not UTF-16", "half a surrogate pair, not UTF-16"
	for name, tt := range map[string]struct {
		data []byte
		want string
		list []string
		err  string // of Decode
		lerr string // of DecodeList
	}{
		"with NUL":        {data: utf16le("arch.conf\x00"), want: "arch.conf", list: []string{"arch.conf"}},
		"without NUL":     {data: utf16le("arch.conf"), want: "arch.conf", list: []string{"arch.conf"}},
		"two":             {data: utf16le("a\x00\x00b\x00"), want: "a", list: []string{"a", "b"}},
		"none":            {data: nil},
		"only a NUL":      {data: utf16le("\x00")},
		"beyond the BMP":  {data: utf16le("a\U0001F427b"), want: "a\U0001F427b", list: []string{"a\U0001F427b"}},
		"odd":             {data: []byte("a\x00\x00\x00x"), err: odd, lerr: odd},
		"half before NUL": {data: []byte{0x3d, 0xd8, 'a', 0}, err: half, lerr: half},
		"half after NUL":  {data: []byte{'a', 0, 0, 0, 0x3d, 0xd8}, want: "a", lerr: half},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := bli.Decode(tt.data)
			assert.Equal(t, tt.want, got)
			assertError(t, tt.err, err)
			list, err := bli.DecodeList(tt.data)
			assert.ElementsMatch(t, tt.list, list)
			assertError(t, tt.lerr, err)
		})
	}
}

// assertError compares the text of an error; "" is none.
func assertError(t *testing.T, want string, err error) {
	t.Helper()
	if want == "" {
		assert.NoError(t, err)
		return
	}
	assert.EqualError(t, err, want)
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "arch.conf\x00", "a\x00b\x00", "\x00\x00", "\U0001F427", strings.Repeat("x", 300)} {
		f.Add(utf16le(s))
	}
	f.Add([]byte{0x3d, 0xd8})
	f.Add([]byte{'a'})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := bli.Decode(data)
		if err != nil {
			require.Empty(t, s)
		} else {
			// What is accepted encodes to the bytes it came from.
			want := utf16le(s)
			require.True(t, bytes.HasPrefix(data, want))
			rest := data[len(want):]
			require.True(t, len(rest) == 0 || rest[0] == 0 && rest[1] == 0)
		}
		list, err := bli.DecodeList(data)
		if err != nil {
			require.Nil(t, list)
			return
		}
		require.NotContains(t, list, "")
		again, err := bli.DecodeList(utf16le(strings.Join(append(list, ""), "\x00")))
		require.NoError(t, err)
		require.Equal(t, len(list), len(again))
		for i := range list {
			require.Equal(t, list[i], again[i])
		}
	})
}

// TestEncode is read again, here and by another decoder.
func TestEncode(t *testing.T) {
	for _, text := range []string{"", "arch.conf", "\u00e9\u4e2d", "a\U0001F427b"} {
		data := bli.Encode(text)
		assert.Equal(t, utf16le(text+"\x00"), data)
		got, err := bli.Decode(data)
		require.NoError(t, err)
		assert.Equal(t, text, got)
	}
}
