//go:build vm

package secureboot_test

import (
	"context"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/secureboot"
)

// TestLongSbverify compares with sbverify, which knows certificates and no dbx.
func TestLongSbverify(t *testing.T) {
	c := openCorpus(t)
	cert := filepath.Join(c.dir, "certificates", "db.pem")
	text, err := os.ReadFile(cert)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	require.NotNil(t, block)
	d := databases(t, secureboot.Variables{DB: fixtures.SignatureList("a5c059a1-94e4-4aa7-87b5-ab155c2bf072", block.Bytes)})
	differs := map[string]string{
		"signed-sha1":         "sbverify knows SHA-256 only",
		"signed-sha384":       "the same",
		"signed-sha512":       "the same",
		"table-before-zeros":  "sbverify stops at the first entry that it likes",
		"table-size-long":     "the same",
		"table-after-other":   "sbverify stops at the first entry of another type",
		"table-guid":          "sbverify knows no GUID types",
		"table-garbage-first": "sbverify stops at the first entry that it cannot read",
	}
	compared := 0
	for name, image := range c.images {
		ours := verify(t, d, image) == ""
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // it loops for ever on some tables
		theirs := exec.CommandContext(ctx, "sbverify", "--cert", cert, filepath.Join(c.dir, name+".efi")).Run() == nil
		cancel()
		if reason, known := differs[name]; known {
			assert.NotEqual(t, theirs, ours, "%s: %s", name, reason)
			continue
		}
		assert.Equal(t, theirs, ours, name)
		compared++
	}
	assert.GreaterOrEqual(t, compared, 50)
	assert.NoError(t, exec.Command("sbverify", "--cert", cert, filepath.Join(c.dir, "signed.efi")).Run(), "install sbsigntool")
}
