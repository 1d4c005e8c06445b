package secureboot_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/secureboot"
)

// TestVerifyFlippedSignature: no change of one byte of a certificate table makes an
// image start that did not.
func TestVerifyFlippedSignature(t *testing.T) {
	c := openCorpus(t)
	d := databases(t, c.firmware(t))
	for _, name := range []string{"signed-stranger", "signed-hash-in-dbx", "changed-section"} {
		b := bytes.Clone(c.images[name])
		m, err := uki.Open(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		for i := m.Signature; i < m.Signature+m.SignatureSize; i++ {
			b[i] ^= 1 << (i % 8)
			require.NotEqual(t, ok, verify(t, d, b), "%s, byte %d", name, i-m.Signature)
			b[i] ^= 1 << (i % 8)
		}
	}
}

// TestVerifyCutAnywhere: half an image does not start.
func TestVerifyCutAnywhere(t *testing.T) {
	c := openCorpus(t)
	d := databases(t, c.firmware(t))
	for _, name := range []string{"signed", "hash-in-db"} {
		whole := c.images[name]
		require.Equal(t, ok, verify(t, d, whole))
		for n := 0; n < len(whole); n += 7 {
			require.NotEqual(t, ok, verify(t, d, whole[:n]), "%s, %d bytes", name, n)
		}
	}
}

// TestVerifySBAT has sections that shim refuses, and what it takes for 0.
func TestVerifySBAT(t *testing.T) {
	far := uint32(1 << 30)
	sbat := func(text string) fixtures.Section { return fixtures.Text(".sbat", text) }
	const whole = "sbat,1,a,b,1,u\nuki,2,a,b,1,u\n"
	for name, tt := range map[string]struct {
		sections []fixtures.Section
		want     secureboot.Reason
	}{
		"none":           {nil, unsigned}, // that is all that is wrong
		"whole":          {[]fixtures.Section{sbat(whole)}, unsigned},
		"CR LF, NULs":    {[]fixtures.Section{sbat("\ufeffsbat,1,a,b,1,u\r\nuki,2,a,b,1,u\r\n\x00\x00")}, unsigned},
		"older":          {[]fixtures.Section{sbat("sbat,1,a,b,1,u\nuki,1,a,b,1,u\n")}, outdated},
		"no number":      {[]fixtures.Section{sbat("uki,two,a,b,1,u\n")}, outdated},
		"too large":      {[]fixtures.Section{sbat("uki,65536,a,b,1,u\n")}, outdated},
		"other unknown":  {[]fixtures.Section{sbat("other,x,a,b,1,u\n")}, unsigned},
		"a field less":   {[]fixtures.Section{sbat("uki,2,a,b,1\n")}, malformed},
		"two sections":   {[]fixtures.Section{sbat(whole), sbat(whole)}, malformed},
		"cannot be read": {[]fixtures.Section{{Name: ".sbat", Data: []byte(whole), Offset: &far}}, malformed},
		"NUL inside":     {[]fixtures.Section{sbat("uki,2,a\x00,b,1,u\n")}, malformed},
	} {
		t.Run(name, func(t *testing.T) {
			d := databases(t, secureboot.Variables{Shim: true, SBATLevel: []byte("sbat,1,2024010100\nuki,2\n")})
			assert.Equal(t, tt.want, verify(t, d, fixtures.Program(append(tt.sections, fixtures.Text(".text", "x"))...)))
		})
	}
}

// TestReadDatabasesManyParts: a list that never ends is an error, and not a list that
// is cut, which could lack the entry that forbids.
func TestReadDatabasesManyParts(t *testing.T) {
	for parts, fails := range map[int]bool{16: false, 17: true} {
		files := map[string][]byte{"MokListXRT" + shimLock: {}}
		for i := 1; i <= parts; i++ {
			files[fmt.Sprintf("MokListXRT%d%s", i, shimLock)] = []byte{}
		}
		_, err := secureboot.ReadDatabases(efivars(t, files))
		if fails {
			assert.EqualError(t, err, "EFI variable MokListXRT: more than 16 parts")
		} else {
			assert.NoError(t, err)
		}
	}
}
