package secureboot

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
)

// maxKeyBits bounds the time that one signature takes. It is OpenSSL's limit
// (OPENSSL_RSA_MAX_MODULUS_BITS), which EDK2 and shim verify with.
const maxKeyBits = 16384

var errKeySize = errors.New("public key is too large")

// checkKey refuses a key that would take long to verify with.
func checkKey(c *x509.Certificate) error {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxKeyBits {
		return fmt.Errorf("%w: %d bits, at most %d", errKeySize, key.N.BitLen(), maxKeyBits)
	}
	return nil
}

// A link is a certificate of a chain. depth is how many certificates are below
// it: 0 for the signer.
type link struct {
	certificate *x509.Certificate
	depth       int
}

// chain returns the signer and every certificate of pool that it leads to, as
// EDK2 and shim have OpenSSL build chains: without regard to time and purpose.
// Each certificate is in it once, with its smallest depth.
func chain(signer *x509.Certificate, pool []*x509.Certificate) []link {
	links := []link{{signer, 0}}
	for i := 0; i < len(links); i++ {
		for _, c := range pool {
			known := slices.ContainsFunc(links, func(l link) bool { return l.certificate.Equal(c) })
			if !known && links[i].issuedBy(c) {
				links = append(links, link{c, links[i].depth + 1})
			}
		}
	}
	return links
}

// issuedBy reports whether the issuer's key signed the certificate and the
// issuer may sign certificates at this place of a chain.
func (l link) issuedBy(issuer *x509.Certificate) bool {
	c := l.certificate
	return bytes.Equal(c.RawIssuer, issuer.RawSubject) && isCA(issuer) && !tooDeep(issuer, l.depth) &&
		len(c.UnhandledCriticalExtensions) == 0 && len(issuer.UnhandledCriticalExtensions) == 0 &&
		issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// isCA follows OpenSSL's X509_check_ca: a certificate of version 1 that signs
// itself counts, and one with a key usage alone.
func isCA(c *x509.Certificate) bool {
	maySign := c.KeyUsage&x509.KeyUsageCertSign != 0
	switch {
	case c.KeyUsage != 0 && !maySign:
		return false
	case c.BasicConstraintsValid:
		return c.IsCA
	case c.Version == 1:
		return bytes.Equal(c.RawSubject, c.RawIssuer)
	}
	return maySign
}

// tooDeep reports whether more certificates are between the issuer and the
// signer than the issuer's basic constraints allow.
func tooDeep(issuer *x509.Certificate, between int) bool {
	limited := issuer.MaxPathLen > 0 || issuer.MaxPathLenZero
	return limited && between > issuer.MaxPathLen
}
