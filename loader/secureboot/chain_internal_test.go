package secureboot

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// An authority is a certificate with its key.
type authority struct {
	*x509.Certificate
	key crypto.Signer
}

// certify makes a certificate of a name; issuer nil signs itself. The change is made
// before it is signed.
func certify(t *testing.T, name string, issuer *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Unix(1<<31, 0),
		BasicConstraintsValid: true, IsCA: true, PublicKey: key.Public(),
	}
	if change != nil {
		change(template)
	}
	if issuer == nil {
		issuer = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.Certificate, template.PublicKey, issuer.key)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{c, key}
}

// names are those of a chain, with the depth of each.
func names(links []link) map[string]int {
	depth := map[string]int{}
	for _, l := range links {
		depth[l.certificate.Subject.CommonName] = l.depth
	}
	return depth
}

// TestChain: from the signer up, each certificate once, whatever the order of the pool.
func TestChain(t *testing.T) {
	root := certify(t, "root", nil, nil)
	middle := certify(t, "middle", root, nil)
	leaf := certify(t, "leaf", middle, nil)
	stranger := certify(t, "stranger", nil, nil)
	namesake := certify(t, "middle", nil, nil) // of the same name, with another key
	pool := []*x509.Certificate{stranger.Certificate, root.Certificate, namesake.Certificate, middle.Certificate, leaf.Certificate, middle.Certificate}
	links := chain(leaf.Certificate, pool)
	assert.Equal(t, map[string]int{"leaf": 0, "middle": 1, "root": 2}, names(links))
	assert.Len(t, links, 3)
	assert.Same(t, leaf.Certificate, links[0].certificate, "the signer first")
	assert.Equal(t, map[string]int{"leaf": 0}, names(chain(leaf.Certificate, []*x509.Certificate{root.Certificate})), "a gap ends it")
	assert.Equal(t, map[string]int{"root": 0}, names(chain(root.Certificate, pool)), "one that signs itself is no chain without end")
}

// TestChainStops at an issuer that may not sign there.
func TestChainStops(t *testing.T) {
	critical := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}
	for name, tt := range map[string]struct {
		middle, leaf func(*x509.Certificate)
		want         bool
	}{
		"a CA":                        {nil, nil, true},
		"no CA":                       {func(c *x509.Certificate) { c.IsCA = false }, nil, false},
		"a critical extension":        {func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{critical} }, nil, false},
		"a critical one of the other": {nil, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{critical} }, false},
		"no certificate below":        {func(c *x509.Certificate) { c.MaxPathLenZero = true }, nil, true},
		"expired":                     {func(c *x509.Certificate) { c.NotAfter = time.Unix(1, 0) }, nil, true},
	} {
		root := certify(t, "root", nil, nil)
		middle := certify(t, "middle", root, tt.middle)
		leaf := certify(t, "leaf", middle, tt.leaf)
		assert.Equal(t, tt.want, link{leaf.Certificate, 0}.issuedBy(middle.Certificate), name)
		assert.False(t, link{leaf.Certificate, 0}.issuedBy(root.Certificate), "%s: another issuer", name)
	}
}

// TestTooDeep is pathLenConstraint of RFC 5280, 4.2.1.9: how many certificates may be
// between the issuer and the signer.
func TestTooDeep(t *testing.T) {
	for _, tt := range []struct {
		length  int
		zero    bool
		between int
		want    bool
	}{
		{0, false, 100, false}, {-1, false, 100, false},
		{0, true, 0, false}, {0, true, 1, true},
		{2, false, 2, false}, {2, false, 3, true},
	} {
		assert.Equal(t, tt.want, tooDeep(&x509.Certificate{MaxPathLen: tt.length, MaxPathLenZero: tt.zero}, tt.between), "%+v", tt)
	}
}

// TestIssuer: a database has the signer, one that it leads to, or the issuer of one.
func TestIssuer(t *testing.T) {
	root := certify(t, "root", nil, nil)
	middle := certify(t, "middle", root, nil)
	leaf := certify(t, "leaf", middle, func(c *x509.Certificate) { c.IsCA = false })
	below := certify(t, "below", leaf, nil)
	stranger := certify(t, "stranger", nil, nil)
	links := chain(leaf.Certificate, []*x509.Certificate{middle.Certificate})
	for name, tt := range map[string]struct {
		anchors []*authority
		want    *authority
	}{
		"the signer":        {[]*authority{stranger, leaf}, leaf},
		"of the chain":      {[]*authority{middle}, middle},
		"issuer of its end": {[]*authority{stranger, root}, root},
		"the first of two":  {[]*authority{root, leaf}, root},
		"one below":         {[]*authority{below}, nil},
		"a stranger":        {[]*authority{stranger}, nil},
		"none":              {nil, nil},
	} {
		var d database
		for _, a := range tt.anchors {
			d.certificates = append(d.certificates, a.Certificate)
		}
		var want *x509.Certificate
		if tt.want != nil {
			want = tt.want.Certificate
		}
		assert.Equal(t, want, d.issuer(links), name)
	}
	assert.Nil(t, database{certificates: []*x509.Certificate{leaf.Certificate}}.issuer(chain(below.Certificate, nil)), "a leaf that signed is no issuer")
}

// TestRevokes: the digest is that of the signed part, by the algorithm of its type.
func TestRevokes(t *testing.T) {
	c := certify(t, "revoked", nil, nil).Certificate
	part256, part384, part512 := sha256.Sum256(c.RawTBSCertificate), sha512.Sum384(c.RawTBSCertificate), sha512.Sum512(c.RawTBSCertificate)
	whole := sha256.Sum256(c.Raw)
	for name, tt := range map[string]struct {
		guid   string
		digest []byte
		want   bool
	}{
		"SHA-256":             {typeX509SHA256, part256[:], true},
		"SHA-384":             {typeX509SHA384, part384[:], true},
		"SHA-512":             {typeX509SHA512, part512[:], true},
		"of the whole":        {typeX509SHA256, whole[:], false},
		"of another":          {typeX509SHA256, make([]byte, 32), false},
		"of another, SHA-512": {typeX509SHA512, append(part256[:], make([]byte, 32)...), false},
	} {
		d, err := parseDatabase("dbx", fixtures.SignatureList(tt.guid, append(tt.digest[:len(tt.digest):len(tt.digest)], make([]byte, efiTimeSize)...)), true)
		require.NoError(t, err, name)
		assert.Equal(t, tt.want, d.revokes(c), name)
	}
}

// TestCheckAllowed: an issuer whose digest is forbidden allows nothing, although it is not
// in the signature.
func TestCheckAllowed(t *testing.T) {
	root := certify(t, "root", nil, nil)
	leaf := certify(t, "leaf", root, nil)
	digest := sha256.Sum256(root.RawTBSCertificate)
	revoked := fixtures.SignatureList(typeX509SHA256, append(digest[:], make([]byte, efiTimeSize)...))
	list := fixtures.SignatureList(typeX509, root.Raw)
	s := signature{true, chain(leaf.Certificate, nil)}
	for want, v := range map[string]Variables{
		"": {DB: list},
		`signed by "leaf", and dbx revokes the certificate "root"`:             {DB: list, DBX: revoked},
		`signed by "leaf", and MokListXRT revokes the certificate "root"`:      {Shim: true, MokList: list, MokListX: revoked},
		`signed by "leaf", which no certificate in db has issued`:              {MokList: list},
		`signed by "leaf", which no certificate in MokListRT has issued`:       {Shim: true, IgnoreDB: true, DB: list},
		`signed by "leaf", which no certificate in db or MokListRT has issued`: {Shim: true},
	} {
		d, err := New(v)
		require.NoError(t, err)
		require.NoError(t, d.checkForbidden(s, true), want)
		if err := d.checkAllowed(s); want != "" {
			assert.EqualError(t, err, want)
		} else {
			assert.NoError(t, err)
		}
	}
}

// TestParseDatabaseHugeKey: a certificate that takes long to verify with allows nothing,
// and where it forbids nobody can tell what.
func TestParseDatabaseHugeKey(t *testing.T) {
	huge := certify(t, "huge", certify(t, "root", nil, nil), func(c *x509.Certificate) {
		c.PublicKey = &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), maxKeyBits, 1), E: 65537}
	})
	list := fixtures.SignatureList(typeX509, huge.Raw)
	_, err := parseDatabase("dbx", list, true)
	require.EqualError(t, err, "EFI variable dbx: entry 1 of type "+typeX509+": public key is too large: 16385 bits, at most 16384")
	d, err := parseDatabase("db", list, false)
	require.NoError(t, err)
	assert.Empty(t, d.certificates)
}
