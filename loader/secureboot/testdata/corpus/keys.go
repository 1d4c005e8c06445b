package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

type key struct {
	private *rsa.PrivateKey
	cert    *x509.Certificate
}

func (k key) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.cert.Raw})
}

func (c corpus) keyFile(name string) string  { return filepath.Join(c.dir, "keys", name+".key") }
func (c corpus) certFile(name string) string { return filepath.Join(c.dir, "keys", name+".pem") }

// A request describes a certificate. No issuer: signed by itself.
type request struct {
	name, issuer string
	ca           bool
	bits         int // 0: 2048
	first, last  int // years; 0: 2020 to 2099
	pathLength   int // -1: a limit of 0
	critical     bool
}

// makeKeys makes all certificates, issuers first.
func (c corpus) makeKeys() {
	for _, r := range []request{
		{name: "db", ca: true},
		{name: "db4096", ca: true, bits: 4096},
		{name: "intermediate", issuer: "db", ca: true},
		{name: "leaf", issuer: "intermediate"},
		{name: "grandchild", issuer: "leaf"},
		{name: "short", issuer: "db", ca: true, pathLength: -1},
		{name: "short-child", issuer: "short", ca: true},
		{name: "below-short", issuer: "short-child"},
		{name: "stranger", ca: true},
		{name: "pinned", issuer: "stranger"},
		{name: "revoked", issuer: "db", ca: true},
		{name: "child", issuer: "revoked"},
		{name: "revoked-hash", issuer: "db"},
		{name: "anchor-hash", ca: true},
		{name: "expired", ca: true, first: 2001, last: 2002},
		{name: "expired-leaf", issuer: "db", first: 2001, last: 2002},
		{name: "future", issuer: "db", first: 2090},
		{name: "critical", ca: true, critical: true},
		{name: "mok", ca: true},
		{name: "mokx", issuer: "mok"},
	} {
		c.keys[r.name] = c.issue(r)
		k := c.keys[r.name]
		block := pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k.private)}
		check(os.WriteFile(c.keyFile(r.name), pem.EncodeToMemory(&block), 0o600))
		check(os.WriteFile(c.certFile(r.name), k.pem(), 0o644))
	}
}

func year(y, standard int) time.Time {
	if y == 0 {
		y = standard
	}
	return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
}

func (c corpus) issue(r request) key {
	private, err := rsa.GenerateKey(rand.Reader, max(r.bits, 2048))
	check(err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(int64(len(c.keys) + 1)),
		Subject:               pkix.Name{CommonName: "kexec-bls test " + r.name},
		NotBefore:             year(r.first, 2020),
		NotAfter:              year(r.last, 2099),
		BasicConstraintsValid: true,
		IsCA:                  r.ca,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		MaxPathLen:            max(r.pathLength, 0),
		MaxPathLenZero:        r.pathLength < 0,
	}
	if r.ca {
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	if r.critical {
		unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Critical: true, Value: []byte{5, 0}}
		template.ExtraExtensions = append(template.ExtraExtensions, unknown)
	}
	parent, signer := template, private
	if r.issuer != "" {
		parent, signer = c.keys[r.issuer].cert, c.keys[r.issuer].private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &private.PublicKey, signer)
	check(err)
	cert, err := x509.ParseCertificate(der)
	check(err)
	return key{private, cert}
}
