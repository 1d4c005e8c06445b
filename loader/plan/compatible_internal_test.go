package plan

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// words are big-endian, as all numbers of a flattened device tree.
func words(values ...uint32) string {
	var b []byte
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return string(b)
}

// property is one whose name is at an offset of the strings, padded to 4 bytes.
func property(name uint32, value string) string {
	return words(fdtProp, uint32(len(value)), name) + value + strings.Repeat("\x00", -len(value)&3)
}

// flat is a device tree of a structure block and strings, which follow the header.
func flat(structure, names string) string {
	const header = 40
	head := words(fdtMagic, uint32(header+len(structure)+len(names)), header, uint32(header+len(structure)))
	return head + strings.Repeat("\x00", header-len(head)) + structure + names
}

const compatibleName = "model\x00compatible\x00" // compatible is at 6

// TestFirstCompatible is the property of the root node, wherever it is among others
// (Devicetree Specification 0.4, chapter 5).
func TestFirstCompatible(t *testing.T) {
	root, compatible := words(fdtBeginNode, 0), property(6, "vendor,a\x00vendor,b\x00")
	for name, tt := range map[string]struct {
		structure, want string
	}{
		"alone":                  {root + compatible, "vendor,a"},
		"after no operations":    {root + words(fdtNop, fdtNop) + compatible, "vendor,a"},
		"after a model":          {root + property(0, "M\x00") + compatible, "vendor,a"},
		"after a model of 4":     {root + property(0, "Mod\x00") + compatible, "vendor,a"},
		"after a model of 5":     {root + property(0, "Mode\x00") + compatible, "vendor,a"},
		"after an empty one":     {root + property(0, "") + compatible, "vendor,a"},
		"the first of two":       {root + compatible + property(6, "vendor,c\x00"), "vendor,a"},
		"in a node below":        {root + words(fdtBeginNode) + "cpu\x00" + compatible, ""},
		"after the end of root":  {root + words(2) + compatible, ""},
		"after the end of all":   {root + words(9) + compatible, ""},
		"a root with a name":     {words(fdtBeginNode) + "a\x00\x00\x00" + compatible, ""},
		"no node":                {compatible, ""},
		"an end of a node":       {words(2, 0) + compatible, ""},
		"empty":                  {root + property(6, "\x00"), ""},
		"254 bytes":              {root + property(6, strings.Repeat("v", 254)+"\x00"), strings.Repeat("v", 254)},
		"255 bytes":              {root + property(6, strings.Repeat("v", 255)+"\x00"), strings.Repeat("v", 255)},
		"256 bytes":              {root + property(6, strings.Repeat("v", 256)+"\x00"), ""},
		"a name outside":         {root + property(1<<31, "x\x00") + compatible, "vendor,a"},
		"longer than the tree":   {root + words(fdtProp, 1<<31, 0) + compatible, ""},
		"1023 before it":         {root + strings.Repeat(words(fdtNop), maxRootTokens-1) + compatible, "vendor,a"},
		"1024 before it, no end": {root + strings.Repeat(words(fdtNop), maxRootTokens) + compatible, ""},
	} {
		assert.Equal(t, tt.want, firstCompatible(strings.NewReader(flat(tt.structure, compatibleName))), name)
	}
}

// TestFirstCompatibleCut: of a tree that is cut short, or on a disk that fails, there is
// the whole text or none.
func TestFirstCompatibleCut(t *testing.T) {
	whole := flat(words(fdtBeginNode, 0)+property(0, "Board\x00")+property(6, "vendor,a\x00")+words(2, 9), compatibleName)
	require.Equal(t, "vendor,a", firstCompatible(strings.NewReader(whole)))
	for n := range len(whole) {
		assert.Empty(t, firstCompatible(strings.NewReader(whole[:n])), "%d bytes", n)
		assert.Empty(t, firstCompatible(fixtures.BadDisk{ReaderAt: strings.NewReader(whole), From: n}), "bad from byte %d", n)
	}
	for at, b := range map[int]byte{0: 0, 3: 0xee, 8: 0xff, 12: 0xff} {
		damaged := []byte(whole)
		damaged[at] = b
		assert.Empty(t, firstCompatible(strings.NewReader(string(damaged))), "byte %d", at)
	}
}
