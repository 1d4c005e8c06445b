package bli_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls/bli"
)

// node is one of a device path: type, subtype, length with this header, data.
func node(kind, sub byte, data []byte) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{kind, sub}, uint16(4+len(data))), data...)
}

// fileNode names a file or a part of its path.
func fileNode(name string) []byte { return node(4, 4, wide(name)) }

// option is a load option with these nodes; length is that of its path list, -1 for
// what the nodes come to.
func option(description string, length int, nodes ...[]byte) []byte {
	var path []byte
	for _, n := range nodes {
		path = append(path, n...)
	}
	if length < 0 {
		length = len(path)
	}
	data := binary.LittleEndian.AppendUint16([]byte{4, 3, 2, 1}, uint16(length))
	return append(append(data, wide(description)...), path...)
}

// TestDevicePaths has one case a rule of UEFI's device paths.
func TestDevicePaths(t *testing.T) {
	end, nextPath := node(0x7f, 0xff, nil), node(0x7f, 1, nil)
	a, b := fileNode("\\a"), fileNode("\\b")
	const none = "not an EFI load option with the path of a file"
	for name, tt := range map[string]struct {
		data      []byte
		want, err string
	}{
		"a description with a letter of a low byte 0": {option("\u0100\u0200", -1, a, end), "\\a", ""},
		"no description":                       {option("", -1, a, end), "\\a", ""},
		"the parts of a path":                  {option("x", -1, a, b, end), "\\a\\b", ""},
		"the end hides what follows":           {option("x", -1, a, end, b), "\\a", ""},
		"and so does the end of the first one": {option("x", -1, a, nextPath, b, end), "\\a", ""},
		"no end":                               {option("x", -1, a), "\\a", ""},
		"the length hides what follows":        {option("x", len(a), a, b, end), "\\a", ""},
		"a length over the end of the data":    {option("x", 999, a, end), "\\a", ""},
		"other types of the same subtype":      {option("x", -1, node(1, 4, wide("x")), a, end), "\\a", ""},
		"other subtypes of the same type":      {option("x", -1, node(4, 3, wide("x")), node(4, 5, wide("x")), a, end), "\\a", ""},
		"a node without data":                  {option("x", -1, node(1, 1, nil), node(4, 4, nil), a, end), "\\a", ""},
		"three bytes too many":                 {option("x", -1, a, []byte{4, 4, 8}), "\\a", ""},
		"a text without its NUL":               {option("x", -1, node(4, 4, []byte("a\x00b\x00")), end), "ab", ""},
		"a text after its NUL":                 {option("x", -1, node(4, 4, append(wide("a"), wide("b")...)), end), "a", ""},

		"no nodes":                         {option("x", -1), "", none},
		"only an end":                      {option("x", -1, end, a), "", none},
		"a length of 0":                    {option("x", 0, a, end), "", none},
		"an empty text":                    {option("x", -1, fileNode(""), end), "", none},
		"a node shorter than its header":   {option("x", -1, a, []byte{4, 4, 3, 0}, end), "", none},
		"a node of length 0":               {option("x", -1, a, []byte{4, 4, 0, 0}, end), "", none},
		"a node longer than the rest":      {option("x", -1, []byte{4, 4, 5, 0}), "", none},
		"a node longer than the path list": {option("x", len(a)-1, a, end), "", none},
		"an odd text":                      {option("x", -1, a, node(4, 4, []byte{'a', 0, 0}), end), "", "an odd number of bytes, not UTF-16"},
		"a description without an end":     {option("x", -1)[:8], "", none},
		"half a header":                    {[]byte{1, 0, 0, 0, 0}, "", none},
		"nothing":                          {nil, "", none},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := bli.LoadOptionPath(tt.data)
			assert.Equal(t, tt.want, got)
			assertError(t, tt.err, err)
		})
	}
}

// TestNames are those of systemd's interface and of UEFI, which other programs use.
func TestNames(t *testing.T) {
	assert.Equal(t, []string{
		"LoaderEntryOneShot", "LoaderEntryPreferred", "LoaderEntryDefault", "LoaderEntryLastBooted", "LoaderEntrySelected", "LoaderEntries", "LoaderFeatures",
		"LoaderInfo", "LoaderImageIdentifier", "LoaderDevicePartUUID", "StubDevicePartUUID", "LoaderBootCountPath", "LoaderConfigTimeoutOneShot",
	}, []string{
		bli.EntryOneShot, bli.EntryPreferred, bli.EntryDefault, bli.EntryLastBooted, bli.EntrySelected, bli.Entries, bli.Features,
		bli.Info, bli.ImageIdentifier, bli.DevicePartUUID, bli.StubDevicePartUUID, bli.BootCountPath, bli.ConfigTimeoutOneShot,
	})
	assert.Equal(t, "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", bli.LoaderVendor)
	assert.Equal(t, "8be4df61-93ca-11d2-aa0d-00e098032b8c", bli.GlobalVendor)
	assert.Equal(t, []int{8, 524288}, []int{bli.FeatureOneShot, bli.FeaturePreferred}, "bits 3 and 19")
}

// TestDecodeListOrder: the menu's order is kept, also of ids that are equal.
func TestDecodeListOrder(t *testing.T) {
	for text, want := range map[string][]string{
		"b\x00a\x00b\x00": {"b", "a", "b"}, "\x00\x00a\x00\x00b": {"a", "b"}, "a": {"a"}, "\x00": {}, "": nil,
	} {
		got, err := bli.DecodeList(utf16le(text))
		assert.NoError(t, err)
		assert.Equal(t, want, got, "%q", text)
	}
	for n, data := range [][]byte{{'a'}, {'a', 0, 0, 0, 'b'}, {0, 0xd8}, {0, 0xdc}, {0, 0xd8, 0, 0xd8}, {0, 0xd8, 0, 0}} {
		got, err := bli.DecodeList(data)
		assert.Error(t, err, n)
		assert.Nil(t, got, n)
	}
}
