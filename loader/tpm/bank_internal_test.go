package tpm

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAlgorithmsOfBanks have the number of TPM_ALG_ID and hash as their name says; the
// sums of "abc" are those of FIPS 180.
func TestAlgorithmsOfBanks(t *testing.T) {
	for name, c := range map[string]struct {
		id   uint16
		size int
		abc  string // its first bytes
	}{
		"sha1":   {0x0004, 20, "a9993e364706816a"},
		"sha256": {0x000b, 32, "ba7816bf8f01cfea"},
		"sha384": {0x000c, 48, "cb00753f45a35e8b"},
		"sha512": {0x000d, 64, "ddaf35a193617aba"},
	} {
		a, ok := algorithmOf(name)
		require.True(t, ok, name)
		assert.Equal(t, c.id, a.id, name)
		sum := a.sum([]byte("a"), nil, []byte("bc"))
		assert.Len(t, sum, c.size, name)
		assert.Equal(t, c.abc, hex.EncodeToString(sum[:8]), name)
	}
	for _, name := range []string{"", "SHA256", "sha3-256", "sm3_256", "sha224"} {
		_, ok := algorithmOf(name)
		assert.False(t, ok, name)
	}
}

// TestReadBanks: a file has one value in hexadecimal, of the size of its bank.
func TestReadBanks(t *testing.T) {
	file := func(bank, n string) string { return "sys/class/tpm/tpm0/pcr-" + bank + "/" + n }
	value := func(bytes int) string { return strings.Repeat("0f", bytes) }
	for name, c := range map[string]struct {
		path, text string
		want       string // "bank PCR", "" for nothing
	}{
		"sha1":             {file("sha1", "0"), value(20), "sha1 0"},
		"sha256":           {file("sha256", "23"), value(32) + "\n", "sha256 23"},
		"sha384":           {file("sha384", "7"), value(48), "sha384 7"},
		"sha512":           {file("sha512", "9"), " " + strings.ToUpper(value(64)) + " \n", "sha512 9"},
		"PCR 24":           {file("sha256", "24"), value(32), ""},
		"another number":   {file("sha256", "07"), value(32), ""},
		"of another bank":  {file("sha256", "7"), value(20), ""},
		"longer":           {file("sha256", "7"), value(33), ""},
		"shorter":          {file("sha256", "7"), value(31), ""},
		"half a byte":      {file("sha256", "7"), value(32) + "0", ""},
		"no hexadecimal":   {file("sha256", "7"), value(31) + "0x", ""},
		"empty":            {file("sha256", "7"), "", ""},
		"a bank not known": {file("sm3-256", "7"), value(32), ""},
		"another TPM":      {"sys/class/tpm/tpm1/pcr-sha256/7", value(32), ""},
	} {
		var got []string
		for bank, values := range readBanks(fstest.MapFS{c.path: {Data: []byte(c.text)}}) {
			for n, v := range values {
				if v != nil {
					got = append(got, fmt.Sprintf("%s %d", bank, n))
					assert.Equal(t, strings.ToLower(strings.TrimSpace(c.text)), hex.EncodeToString(v), name)
				}
			}
		}
		assert.Equal(t, c.want, strings.Join(got, ", "), name)
	}
}

// TestBanksThatAreRefused: one PCR that cannot be read leaves the others.
func TestBanksThatAreRefused(t *testing.T) {
	root := refusing{fstest.MapFS{}, "pcr-sha256/3"}
	for n := range NumPCRs {
		root.MapFS[fmt.Sprintf("sys/class/tpm/tpm0/pcr-sha256/%d", n)] = &fstest.MapFile{Data: fmt.Appendf(nil, "%064x", n)}
	}
	banks := readBanks(root)
	require.Len(t, banks, 1)
	for n, value := range banks["sha256"] {
		if n == 3 {
			assert.Nil(t, value)
			continue
		}
		assert.Equal(t, append(make([]byte, 31), byte(n)), value)
	}
}

// refusing is a file system that refuses to open one file.
type refusing struct {
	fstest.MapFS
	suffix string
}

// Open refuses.
func (r refusing) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, r.suffix) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return r.MapFS.Open(name)
}

// ReadFile refuses too.
func (r refusing) ReadFile(name string) ([]byte, error) {
	if strings.HasSuffix(name, r.suffix) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return r.MapFS.ReadFile(name)
}

// TestInitialized: a reset leaves zeros, or ones in those of the dynamic launch.
func TestInitialized(t *testing.T) {
	for name, c := range map[string]struct {
		value []byte
		want  bool
	}{
		"nothing":        {nil, false},
		"zeros":          {make([]byte, 32), false},
		"ones":           {bytes.Repeat([]byte{0xff}, 32), false},
		"a bit":          {append(make([]byte, 31), 1), true},
		"the first bit":  {append([]byte{0x80}, make([]byte, 31)...), true},
		"no UTF-8":       {bytes.Repeat([]byte{0x80, 0xff}, 16), true},
		"one zero bit":   {append(bytes.Repeat([]byte{0xff}, 31), 0xfe), true},
		"zeros and ones": {append(make([]byte, 16), bytes.Repeat([]byte{0xff}, 16)...), true},
	} {
		assert.Equal(t, c.want, initialized(c.value), name)
	}
}
