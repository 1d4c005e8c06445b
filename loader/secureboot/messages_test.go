package secureboot_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"hash"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/secureboot"
)

// TestVerifySays: a refusal names who signed, and the variable that decided.
func TestVerifySays(t *testing.T) {
	c := openCorpus(t)
	ignoring := c.shim(t)
	ignoring.IgnoreDB = true
	const by = `"kexec-bls test `
	for _, tt := range []struct {
		image string
		v     secureboot.Variables
		want  string
	}{
		{"unsigned", c.firmware(t), "not signed, and its digest is not in db"},
		{"unsigned", secureboot.Variables{DB: c.variable(t, "db"), IgnoreDB: true}, "not signed, and its digest is not in db"}, // shim's alone
		{"unsigned", c.shim(t), "not signed, and its digest is not in db or MokListRT"},
		{"unsigned", ignoring, "not signed, and its digest is not in MokListRT"},
		{"hash-in-dbx", c.shim(t), "its digest is in dbx"},
		{"hash-in-mokx", c.shim(t), "its digest is in MokListXRT"},
		{"signed-mok", c.firmware(t), "signed by " + by + `mok", which no certificate in db has issued`},
		{"signed", ignoring, "signed by " + by + `db", which no certificate in MokListRT has issued`},
		{"signed-revoked", c.firmware(t), "signed by " + by + `revoked", and dbx has the certificate ` + by + `revoked"`},
		{"signed-child-revoked", c.firmware(t), "signed by " + by + `child", and dbx has the certificate ` + by + `revoked"`},
		{"signed-mokx", c.shim(t), "signed by " + by + `mokx", and MokListXRT has the certificate ` + by + `mokx"`},
		{"signed-revoked-hash", c.firmware(t), "signed by " + by + `revoked-hash", and dbx revokes the certificate ` + by + `revoked-hash"`},
		{"changed-section", c.firmware(t), "it was changed after " + by + `db" signed it`},
		{"changed-key", c.firmware(t), "its signature by " + by + `db" is invalid`},
		{"signed-sha512", c.shim(t), "its signature is no Authenticode signature of a supported algorithm"},
		{"table-other-type", c.firmware(t), "its certificate table has no Authenticode signature"},
	} {
		b := c.images[tt.image]
		require.NotEmpty(t, b, tt.image)
		assert.EqualError(t, databases(t, tt.v).Verify(bytes.NewReader(b), int64(len(b))), tt.want, tt.image)
	}
}

// digest is the Authenticode digest of an image.
func digestBy(t *testing.T, image []byte, sum hash.Hash) []byte {
	t.Helper()
	a, err := uki.OpenAuthenticode(bytes.NewReader(image), int64(len(image)))
	require.NoError(t, err)
	_, err = a.WriteTo(sum)
	require.NoError(t, err)
	return sum.Sum(nil)
}

// TestVerifyShortDigest: shim looks for an image's SHA-1 besides, firmware for SHA-256
// alone.
func TestVerifyShortDigest(t *testing.T) {
	image := fixtures.Program(fixtures.Text(".text", "x"))
	list := fixtures.SignatureList("826ca512-cf10-4ac9-b187-be01496631bd", digestBy(t, image, sha1.New()))
	assert.Equal(t, unsigned, verify(t, databases(t, secureboot.Variables{DB: list}), image))
	assert.Equal(t, ok, verify(t, databases(t, secureboot.Variables{DB: list, Shim: true}), image))
	assert.Equal(t, ok, verify(t, databases(t, secureboot.Variables{MokList: list, Shim: true}), image))
	assert.Equal(t, unsigned, verify(t, databases(t, secureboot.Variables{DB: list, Shim: true, IgnoreDB: true}), image))
}

// TestVerifyBadDisk: wherever the medium fails, its error is what is returned: never
// that the image is allowed, and never that it is to blame.
func TestVerifyBadDisk(t *testing.T) {
	c := openCorpus(t)
	for _, v := range []secureboot.Variables{c.firmware(t), c.shim(t)} {
		d := databases(t, v)
		for _, name := range []string{"signed", "hash-in-db", "sbat-new"} {
			b := c.images[name]
			require.Equal(t, ok, verify(t, d, b), name)
			for from := 0; from < len(b); from += 61 {
				err := d.Verify(fixtures.BadDisk{ReaderAt: bytes.NewReader(b), From: from}, int64(len(b)))
				require.ErrorIs(t, err, fixtures.ErrDisk, "%s from byte %d", name, from)
				var refused *secureboot.RefusedError
				require.NotErrorAs(t, err, &refused, "%s from byte %d", name, from)
			}
		}
	}
}

// TestVerifyBadDiskFarIn: the same of an image that is not read whole for its headers.
func TestVerifyBadDiskFarIn(t *testing.T) {
	big := fixtures.Program(fixtures.Section{Name: ".data", Data: make([]byte, 1<<20)})
	d := databases(t, secureboot.Variables{DB: fixtures.SignatureList("c1c41626-504c-4092-aca9-41f936934328", digestBy(t, big, sha256.New()))})
	require.Equal(t, ok, verify(t, d, big))
	for from := 0; from < len(big); from += 1<<16 + 1 {
		require.ErrorIs(t, d.Verify(fixtures.BadDisk{ReaderAt: bytes.NewReader(big), From: from}, int64(len(big))), fixtures.ErrDisk, "from byte %d", from)
	}
}

// A counter counts what is read of a file.
type counter struct {
	io.ReaderAt
	bytes int64
}

// ReadAt counts.
func (c *counter) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, at)
	c.bytes += int64(n)
	return n, err
}

// TestVerifyReadsAtMostTwice, however many databases there are and whatever they say.
func TestVerifyReadsAtMostTwice(t *testing.T) {
	c := openCorpus(t)
	big := fixtures.Program(fixtures.Section{Name: ".data", Data: make([]byte, 4<<20)}, fixtures.Text(".sbat", "sbat,1,a,b,1,u\nuki,9,a,b,1,u\n"))
	for name, v := range map[string]secureboot.Variables{"firmware": c.firmware(t), "shim": c.shim(t)} {
		r := &counter{ReaderAt: bytes.NewReader(big)}
		require.Error(t, databases(t, v).Verify(r, int64(len(big))), name)
		assert.LessOrEqual(t, r.bytes, 2*int64(len(big)), name)
		assert.GreaterOrEqual(t, r.bytes, int64(len(big)), name)
	}
}
