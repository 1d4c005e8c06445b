package secureboot_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha512"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/secureboot"
)

const (
	ok        = secureboot.Reason("")
	malformed = secureboot.Malformed
	outdated  = secureboot.Outdated
	forbidden = secureboot.Forbidden
	unsigned  = secureboot.Unsigned
	untrusted = secureboot.Untrusted
)

// answers are what firmware and shim make of the corpus. TestLongOVMF compares
// the first column with firmware.
func answers() map[string][2]secureboot.Reason {
	return map[string][2]secureboot.Reason{
		"unsigned":             {unsigned, unsigned},
		"signed":               {ok, ok},
		"signed-4096":          {ok, ok},
		"signed-leaf":          {ok, ok},
		"signed-lone-leaf":     {untrusted, untrusted},
		"signed-intermediate":  {ok, ok},
		"signed-in-db-by-leaf": {ok, ok},
		"signed-stranger":      {untrusted, untrusted},
		"signed-revoked":       {forbidden, forbidden},
		"signed-child-revoked": {forbidden, forbidden},
		"signed-revoked-hash":  {forbidden, forbidden},
		"signed-anchor-hash":   {forbidden, forbidden},
		"signed-mok":           {untrusted, ok},
		"signed-mokx":          {untrusted, forbidden},
		"signed-expired":       {ok, ok},
		"signed-expired-leaf":  {ok, ok},
		"signed-future":        {ok, ok},
		"signed-by-no-ca":      {untrusted, untrusted},
		"signed-path-length":   {untrusted, untrusted},
		"signed-short":         {ok, ok},
		"signed-critical":      {untrusted, untrusted},
		"signed-sha1":          {ok, untrusted},
		"signed-sha384":        {ok, untrusted},
		"signed-sha512":        {ok, untrusted},
		"hash-in-db":           {ok, ok},
		"hash-in-dbx":          {forbidden, forbidden},
		"hash-in-mok":          {unsigned, ok},
		"hash-in-mokx":         {unsigned, forbidden},
		"signed-hash-in-dbx":   {forbidden, forbidden},
		"stranger-hash-in-db":  {ok, ok},
		"revoked-hash-in-db":   {forbidden, forbidden},
		"two-good-bad":         {ok, ok},
		"two-bad-good":         {ok, ok},
		"two-good-revoked":     {forbidden, ok},
		"two-revoked-good":     {forbidden, ok},
		"three":                {ok, ok},
		"sbat-old":             {ok, outdated},
		"sbat-new":             {ok, ok},
		"sbat-malformed":       {ok, malformed},
		"trailing-data":        {ok, ok},
		"changed-section":      {untrusted, untrusted},
		"changed-header":       {untrusted, untrusted},
		"changed-stub":         {untrusted, untrusted},
		"changed-key":          {untrusted, untrusted},
		"checksum":             {ok, ok},
		"appended":             {malformed, malformed},
		"cut":                  {malformed, malformed},
		"cut-off":              {malformed, malformed},
		"reversed":             {ok, ok},
		"table-zeros":          {malformed, malformed},
		"table-more-zeros":     {malformed, malformed},
		"table-garbage":        {malformed, malformed},
		"table-other-type":     {untrusted, untrusted},
		"table-after-other":    {ok, ok},
		"table-before-other":   {ok, ok},
		"table-before-zeros":   {malformed, malformed},
		"table-guid":           {ok, ok},
		"table-guid-other":     {untrusted, untrusted},
		"table-cut-message":    {untrusted, untrusted},
		"table-no-pkcs7":       {untrusted, untrusted},
		"table-garbage-first":  {ok, ok},
		"table-empty-entry":    {malformed, malformed},
		"table-twice":          {ok, ok},
		"table-size-short":     {malformed, malformed},
		"table-size-long":      {malformed, malformed},
		"table-size-huge":      {malformed, malformed},
		"table-of-other":       {untrusted, untrusted},
	}
}

func TestVerify(t *testing.T) {
	c := openCorpus(t)
	firmware, shim := databases(t, c.firmware(t)), databases(t, c.shim(t))
	require.Len(t, answers(), len(c.images))
	for name, want := range answers() {
		assert.Equal(t, want[0], verify(t, firmware, c.images[name]), "%s without shim", name)
		assert.Equal(t, want[1], verify(t, shim, c.images[name]), "%s with shim", name)
	}
}

// Without variables nothing is allowed; where shim does not verify, everything.
func TestVerifyWithoutKeys(t *testing.T) {
	c := openCorpus(t)
	for name, d := range map[string]secureboot.Databases{"zero": {}, "no variables": databases(t, secureboot.Variables{})} {
		assert.Equal(t, unsigned, verify(t, d, c.images["hash-in-db"]), name)
		assert.Equal(t, untrusted, verify(t, d, c.images["signed"]), name)
	}
	v := c.shim(t)
	v.NoValidation = true
	assert.Equal(t, ok, verify(t, databases(t, v), c.images["signed-revoked"]))
	v.Shim = false
	assert.Equal(t, forbidden, verify(t, databases(t, v), c.images["signed-revoked"]), "only shim reads MokSBState")
}

// MokIgnoreDB leaves db out, and dbx in.
func TestVerifyIgnoreDB(t *testing.T) {
	c := openCorpus(t)
	v := c.shim(t)
	v.IgnoreDB = true
	d := databases(t, v)
	assert.Equal(t, untrusted, verify(t, d, c.images["signed"]))
	assert.Equal(t, unsigned, verify(t, d, c.images["hash-in-db"]))
	assert.Equal(t, ok, verify(t, d, c.images["signed-mok"]))
	assert.Equal(t, forbidden, verify(t, d, c.images["hash-in-dbx"]))
}

// A digest in dbx counts whatever its algorithm, and whatever the signature's.
func TestVerifyForbiddenDigest(t *testing.T) {
	c := openCorpus(t)
	b := c.images["signed"]
	a, err := uki.OpenAuthenticode(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	short, long := sha1.New(), sha512.New384()
	_, err = a.WriteTo(io.MultiWriter(short, long))
	require.NoError(t, err)
	for guid, digest := range map[string][]byte{
		"826ca512-cf10-4ac9-b187-be01496631bd": short.Sum(nil),
		"ff3e5307-9fd0-48c9-85f1-8ad56c701e01": long.Sum(nil),
	} {
		v := c.firmware(t)
		v.DBX = fixtures.SignatureList(guid, digest)
		assert.Equal(t, forbidden, verify(t, databases(t, v), b), guid)
		digest[0]++
		v.DBX = fixtures.SignatureList(guid, digest)
		assert.Equal(t, ok, verify(t, databases(t, v), b), guid)
	}
}

func TestVerifyHint(t *testing.T) {
	c := openCorpus(t)
	d := databases(t, c.shim(t))
	for image, want := range map[string]string{"unsigned": "mokutil --import", "signed-stranger": "sbctl sign", "hash-in-dbx": "update the package", "cut": "install"} {
		err := d.Verify(bytes.NewReader(c.images[image]), int64(len(c.images[image])))
		assert.Contains(t, hint.Of(err), want, image)
	}
	err := d.Verify(bytes.NewReader(c.images["signed-stranger"]), int64(len(c.images["signed-stranger"])))
	assert.EqualError(t, err, `signed by "kexec-bls test stranger", which no certificate in db or MokListRT has issued`)
}

// An error of the medium is not the image's fault.
func TestVerifyReadError(t *testing.T) {
	c := openCorpus(t)
	b := c.images["signed"]
	bad := errors.New("input/output error")
	d := databases(t, c.firmware(t))
	err := d.Verify(broken{bytes.NewReader(b), 1024, bad}, int64(len(b)))
	assert.ErrorIs(t, err, bad)
	var refused *secureboot.RefusedError
	assert.False(t, errors.As(err, &refused))
}

// broken is a file that cannot be read from a byte on.
type broken struct {
	r   *bytes.Reader
	end int64
	err error
}

func (b broken) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > b.end {
		return 0, b.err
	}
	return b.r.ReadAt(p, at)
}

const (
	security = "-d719b2cb-3d3a-4596-a3bc-dad00e67656f"
	shimLock = "-605dab50-e046-4300-abb6-3dd810dd8b23"
)

// efivars is a directory of variables.
func efivars(t *testing.T, files map[string][]byte) efivar.Vars {
	dir := t.TempDir()
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), append([]byte{6, 0, 0, 0}, data...), 0o600))
	}
	return efivar.Vars{Dir: dir}
}

func TestReadDatabases(t *testing.T) {
	c := openCorpus(t)
	files := map[string][]byte{"db" + security: c.variable(t, "db"), "dbx" + security: c.variable(t, "dbx")}
	d, err := secureboot.ReadDatabases(efivars(t, files))
	require.NoError(t, err)
	assert.Equal(t, unsigned, verify(t, d, c.images["hash-in-mok"]))
	assert.Equal(t, ok, verify(t, d, c.images["sbat-old"]))

	for _, name := range []string{"MokListRT", "MokListXRT", "SbatLevelRT"} {
		files[name+shimLock] = c.variable(t, name)
	}
	d, err = secureboot.ReadDatabases(efivars(t, files))
	require.NoError(t, err)
	for name, want := range answers() {
		assert.Equal(t, want[1], verify(t, d, c.images[name]), name)
	}

	files["MokSBStateRT"+shimLock] = []byte{1}
	d, err = secureboot.ReadDatabases(efivars(t, files))
	require.NoError(t, err)
	assert.Equal(t, ok, verify(t, d, c.images["unsigned"]))
}

// shim continues a list that is too long for one variable.
func TestReadDatabasesParts(t *testing.T) {
	c := openCorpus(t)
	files := map[string][]byte{"MokListRT" + shimLock: {}, "MokListRT1" + shimLock: c.variable(t, "MokListRT"), "MokListRT3" + shimLock: c.variable(t, "db")}
	d, err := secureboot.ReadDatabases(efivars(t, files))
	require.NoError(t, err)
	assert.Equal(t, ok, verify(t, d, c.images["signed-mok"]))
	assert.Equal(t, untrusted, verify(t, d, c.images["signed"]))
}

func TestReadDatabasesRefuses(t *testing.T) {
	for name, data := range map[string][]byte{"db": {1}, "dbx": {1}} {
		_, err := secureboot.ReadDatabases(efivars(t, map[string][]byte{name + security: data}))
		assert.ErrorContains(t, err, "EFI variable "+name)
	}
	vars := efivars(t, nil)
	require.NoError(t, os.Mkdir(filepath.Join(vars.Dir, "dbx"+security), 0o700))
	_, err := secureboot.ReadDatabases(vars)
	assert.ErrorContains(t, err, "not a regular file")
}
