package secureboot

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// issue makes a certificate that signs itself.
func issue(t *testing.T, serial int64, subject pkix.Name) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: subject, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c, key
}

// message is a PKCS#7 message of these signers with more certificates.
func message(t *testing.T, signers, more int) []byte {
	t.Helper()
	signed, err := pkcs7.NewSignedData([]byte("content"))
	require.NoError(t, err)
	for i := range signers + more {
		c, key := issue(t, int64(i+1), pkix.Name{CommonName: "signer"})
		if i < signers {
			require.NoError(t, signed.AddSigner(c, key, pkcs7.SignerInfoConfig{}))
		} else {
			signed.AddCertificate(c)
		}
	}
	b, err := signed.Finish()
	require.NoError(t, err)
	return b
}

func TestParseSignature(t *testing.T) {
	s, err := parseSignature(message(t, 1, maxEmbedded-1))
	require.NoError(t, err)
	assert.True(t, s.valid)
	assert.Equal(t, `"signer"`, name(s.signer()))
	for want, b := range map[string][]byte{
		"17 certificates, at most 16":                 message(t, 1, maxEmbedded),
		"not exactly one signer with its certificate": message(t, 2, 0),
		"nested too deeply":                           {0x30, 0x80, 0, 0},
		"asn1":                                        {0x30, 0},
	} {
		_, err := parseSignature(b)
		assert.ErrorContains(t, err, want)
	}
	whole := message(t, 1, 0)
	for n := range len(whole) {
		_, err := parseSignature(whole[:n])
		require.Error(t, err, "%d bytes", n)
	}
}

// TestCheckKey: a key that takes seconds to verify with is not tried.
func TestCheckKey(t *testing.T) {
	bits := func(n uint) *x509.Certificate {
		return &x509.Certificate{PublicKey: &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), n-1), E: 65537}}
	}
	assert.NoError(t, checkKey(bits(maxKeyBits)))
	assert.EqualError(t, checkKey(bits(maxKeyBits+1)), "public key is too large: 16385 bits, at most 16384")
	assert.NoError(t, checkKey(&x509.Certificate{PublicKey: &ecdsa.PublicKey{}}))
}

// TestIsCA is X509_check_ca of OpenSSL for the kinds of certificates that there are.
func TestIsCA(t *testing.T) {
	self := []byte("self")
	for name, tt := range map[string]struct {
		c    x509.Certificate
		want bool
	}{
		"CA":                         {x509.Certificate{Version: 3, BasicConstraintsValid: true, IsCA: true}, true},
		"no CA":                      {x509.Certificate{Version: 3, BasicConstraintsValid: true}, false},
		"CA that may not sign":       {x509.Certificate{Version: 3, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature}, false},
		"CA that may sign":           {x509.Certificate{Version: 3, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, true},
		"version 1, signs itself":    {x509.Certificate{Version: 1, RawSubject: self, RawIssuer: self}, true},
		"version 1 of another":       {x509.Certificate{Version: 1, RawSubject: self, RawIssuer: []byte("other")}, false},
		"version 3 without anything": {x509.Certificate{Version: 3, RawSubject: self, RawIssuer: self}, false},
		"usage alone":                {x509.Certificate{Version: 3, KeyUsage: x509.KeyUsageCertSign}, true},
	} {
		assert.Equal(t, tt.want, isCA(&tt.c), name)
	}
}

// TestNameIsOneLine whatever a certificate has for one.
func TestNameIsOneLine(t *testing.T) {
	for want, subject := range map[string]pkix.Name{
		`"a\nb"`:                            {CommonName: "a\nb"},
		`"O=Example"`:                       {Organization: []string{"Example"}},
		`""`:                                {},
		`"` + strings.Repeat("x", 80) + `"`: {CommonName: strings.Repeat("x", 200)},
	} {
		assert.Equal(t, want, name(&x509.Certificate{Subject: subject}))
	}
}

func TestHashes(t *testing.T) {
	for oid, want := range map[string]crypto.Hash{
		"1.3.14.3.2.26": crypto.SHA1, "2.16.840.1.101.3.4.2.4": crypto.SHA224, "2.16.840.1.101.3.4.2.1": crypto.SHA256,
		"2.16.840.1.101.3.4.2.2": crypto.SHA384, "2.16.840.1.101.3.4.2.3": crypto.SHA512, "1.2.840.113549.2.5": 0, // MD5
	} {
		var id asn1.ObjectIdentifier
		for part := range strings.SplitSeq(oid, ".") {
			n, ok := new(big.Int).SetString(part, 10)
			require.True(t, ok)
			id = append(id, int(n.Int64()))
		}
		assert.Equal(t, want, hashOf(id), oid)
		assert.True(t, want == 0 || want.Available(), oid)
	}
}

// TestSignedHashOfOthers: a message that signs something else than an image names no
// hash of one.
func TestSignedHashOfOthers(t *testing.T) {
	whole := message(t, 1, 0)
	hash, digest := signedHash(whole)
	assert.Zero(t, hash)
	assert.Nil(t, digest)
	for n := range len(whole) {
		hash, _ := signedHash(whole[:n])
		assert.Zero(t, hash, n)
	}
}
