package secureboot

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

func TestParseSignatureLists(t *testing.T) {
	a, b := fixtures.SignatureList(typeSHA256, make([]byte, 32), bytes.Repeat([]byte{1}, 32)), fixtures.SignatureList(typeX509, []byte("der"))
	lists, err := parseSignatureLists(slices.Concat(a, b))
	require.NoError(t, err)
	require.Len(t, lists, 2)
	assert.Equal(t, signatureList{typeSHA256, [][]byte{make([]byte, 32), bytes.Repeat([]byte{1}, 32)}}, lists[0])
	assert.Equal(t, signatureList{typeX509, [][]byte{[]byte("der")}}, lists[1])

	empty := slices.Clone(a[:listHeaderSize])
	empty[16] = listHeaderSize
	lists, err = parseSignatureLists(slices.Concat(empty, b))
	require.NoError(t, err, "a list without entries is one")
	assert.Equal(t, []signatureList{{guid: typeSHA256}, {typeX509, [][]byte{[]byte("der")}}}, lists)

	lists, err = parseSignatureLists(nil)
	require.NoError(t, err)
	assert.Empty(t, lists)
}

func TestParseSignatureListsRefuses(t *testing.T) {
	list := fixtures.SignatureList(typeSHA256, make([]byte, 32))
	set := func(at int, v byte) []byte {
		b := slices.Clone(list)
		b[at] = v
		return b
	}
	for name, b := range map[string][]byte{
		"cut":                      list[:len(list)-1],
		"rest":                     append(slices.Clone(list), 0),
		"list below its header":    set(16, 27),
		"list beyond the end":      set(19, 0x7f),
		"header beyond the list":   set(20, 255),
		"no room for the owner":    set(24, 16),
		"entries of size 0":        set(24, 0),
		"not a number of entries":  set(24, 47),
		"entry larger than a list": set(26, 1),
	} {
		lists, err := parseSignatureLists(b)
		assert.ErrorIs(t, err, errSignatureList, name)
		assert.Nil(t, lists, name)
	}
}

// What cannot be used forbids everything in dbx and allows nothing in db.
func TestParseDatabaseUnusable(t *testing.T) {
	good := fixtures.SignatureList(typeSHA256, make([]byte, 32))
	for name, list := range map[string][]byte{
		"unknown type":                      fixtures.SignatureList("3c5766e8-269c-4e34-aa14-ed776e85b3b6", make([]byte, 256)),
		"no certificate":                    fixtures.SignatureList(typeX509, []byte("der")),
		"SHA-256 of 31 bytes":               fixtures.SignatureList(typeSHA256, make([]byte, 31)),
		"SHA-256 of a certificate, no time": fixtures.SignatureList(typeX509SHA256, make([]byte, 32)),
	} {
		_, err := parseDatabase("dbx", slices.Concat(good, list), true)
		assert.ErrorContains(t, err, "EFI variable dbx: entry 1 of type ", name)
		d, err := parseDatabase("db", slices.Concat(good, list), false)
		require.NoError(t, err, name)
		assert.Len(t, d.images, 1, name)
		assert.Empty(t, d.certificates, name)
	}
}

func TestParseDatabaseTypes(t *testing.T) {
	for guid, size := range map[string]int{typeSHA1: 20, typeSHA224: 28, typeSHA256: 32, typeSHA384: 48, typeSHA512: 64} {
		d, err := parseDatabase("dbx", fixtures.SignatureList(guid, make([]byte, size)), true)
		require.NoError(t, err)
		assert.Len(t, d.images, 1, guid)
	}
	for guid, size := range map[string]int{typeX509SHA256: 32, typeX509SHA384: 48, typeX509SHA512: 64} {
		d, err := parseDatabase("dbx", fixtures.SignatureList(guid, make([]byte, size+16)), true)
		require.NoError(t, err)
		assert.Len(t, d.revoked, 1, guid)
	}
}

func TestParseSBATLevel(t *testing.T) {
	level, err := parseSBATLevel([]byte("sbat,1,2024010900\r\nshim,4\ngrub,3\ngrub,5\n\x00"))
	require.NoError(t, err)
	assert.Equal(t, map[string]uint64{"sbat": 1, "shim": 4, "grub": 5}, level)
	for _, text := range []string{"shim\n", "shim,x\n", "shim,-1\n", "shim,65536\n"} {
		_, err := parseSBATLevel([]byte(text))
		assert.ErrorContains(t, err, "EFI variable SbatLevelRT: line 1", text)
	}
}

// The library reads constructed values with recursion, and copies each level.
func TestCheckNesting(t *testing.T) {
	nested := func(depth int) []byte {
		b := []byte{5, 0}
		for range depth {
			b = append([]byte{0x30, byte(len(b))}, b...)
		}
		return b
	}
	assert.NoError(t, checkNesting(nested(maxNesting)))
	for name, b := range map[string][]byte{
		"deep":              nested(maxNesting + 1),
		"indefinite":        {0x30, 0x80, 0, 0},
		"long tag":          {0x3f, 0x81, 1, 0},
		"longer than rest":  {0x30, 3, 5, 0},
		"longer than outer": {0x30, 2, 4, 1, 0},
		"cut":               {0x30},
		"length of 4 bytes": {0x30, 0x84, 0, 0, 0, 2, 5, 0},
	} {
		assert.ErrorIs(t, checkNesting(b), errNested, name)
	}
}
