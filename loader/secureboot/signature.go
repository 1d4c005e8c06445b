package secureboot

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/kexec-bls/kexec-bls/bls/uki"
)

const (
	maxEmbedded = 16 // certificates in a signature
	maxNesting  = 32 // of ASN.1; signatures with time stamps have about 20
	maxName     = 80 // bytes of a certificate's name in messages

	contentType = "1.3.6.1.4.1.311.2.1.4" // SPC_INDIRECT_DATA_OBJID
)

var errNested = errors.New("nested too deeply, or a length that is not definite")

// A signature is one Authenticode signature of an image.
type signature struct {
	valid bool   // the signer signed what the message holds
	links []link // the signer first
}

// These are the parts of PKCS#7 and Authenticode that pkcs7 does not return.
type (
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0"`
	}
	signedData struct {
		Version int
		Digests []pkix.AlgorithmIdentifier `asn1:"set"`
		Content contentInfo
	}
	indirectData struct {
		Type   asn1.RawValue
		Digest struct {
			Algorithm pkix.AlgorithmIdentifier
			Digest    []byte
		}
	}
)

// pkcs7Data returns the PKCS#7 message of a certificate table entry; none for
// an entry that firmware skips. Some signers count padding as part of the
// entry, which OpenSSL does not read.
func pkcs7Data(c uki.Certificate) ([]byte, bool) {
	message := c.Data
	switch {
	case c.Type == uki.CertificatePKCS:
	case c.Type == uki.CertificateGUID && len(c.Data) > guidSize && guidString(c.Data) == typePKCS7:
		message = c.Data[guidSize:]
	default:
		return nil, false
	}
	if length, n := derLength(message); n > 0 {
		message = message[:n+length]
	}
	return message, true
}

// signedHash returns the hash algorithm of the image that a message names, and
// the digest; 0 for one that is not known. EDK2 skips such a signature
// (HashPeImageByType).
func signedHash(message []byte) (crypto.Hash, []byte) {
	var data contentInfo
	var signed signedData
	var indirect indirectData
	if _, err := asn1.Unmarshal(message, &data); err != nil {
		return 0, nil
	}
	if _, err := asn1.Unmarshal(data.Content.Bytes, &signed); err != nil || len(signed.Digests) != 1 {
		return 0, nil
	}
	if signed.Content.Type.String() != contentType {
		return 0, nil
	}
	if _, err := asn1.Unmarshal(signed.Content.Content.Bytes, &indirect); err != nil {
		return 0, nil
	}
	hash := hashOf(signed.Digests[0].Algorithm)
	if hash != hashOf(indirect.Digest.Algorithm.Algorithm) || hash == 0 || len(indirect.Digest.Digest) != hash.Size() {
		return 0, nil
	}
	return hash, indirect.Digest.Digest
}

func hashOf(oid asn1.ObjectIdentifier) crypto.Hash {
	switch oid.String() {
	case "1.3.14.3.2.26":
		return crypto.SHA1
	case "2.16.840.1.101.3.4.2.4":
		return crypto.SHA224
	case "2.16.840.1.101.3.4.2.1":
		return crypto.SHA256
	case "2.16.840.1.101.3.4.2.2":
		return crypto.SHA384
	case "2.16.840.1.101.3.4.2.3":
		return crypto.SHA512
	}
	return 0
}

// parseSignature reads a message and verifies it by the signer's key. It
// compares no digest with the image and knows no trust.
func parseSignature(message []byte) (signature, error) {
	if err := checkNesting(message); err != nil {
		return signature{}, err
	}
	p, err := pkcs7.Parse(message)
	if err != nil {
		return signature{}, err
	}
	if len(p.Certificates) > maxEmbedded {
		return signature{}, fmt.Errorf("%d certificates, at most %d", len(p.Certificates), maxEmbedded)
	}
	for _, c := range p.Certificates {
		if err := checkKey(c); err != nil {
			return signature{}, err
		}
		// Firmware has no trusted clock and accepts expired certificates;
		// the library would compare the time of signing.
		c.NotBefore, c.NotAfter = time.Time{}, time.Unix(1<<40, 0)
	}
	signer := p.GetOnlySigner()
	if signer == nil {
		return signature{}, errors.New("not exactly one signer with its certificate")
	}
	// OpenSSL refuses a chain with a critical extension that it does not know.
	valid := len(signer.UnhandledCriticalExtensions) == 0 && p.Verify() == nil
	return signature{valid, chain(signer, p.Certificates)}, nil
}

// signer returns the certificate that signed.
func (s signature) signer() *x509.Certificate { return s.links[0].certificate }

// name is a certificate's name in messages, on one line whatever it holds.
func name(c *x509.Certificate) string {
	text := c.Subject.CommonName
	if text == "" {
		text = c.Subject.String()
	}
	return strconv.Quote(text[:min(len(text), maxName)])
}

// checkNesting refuses messages that the library would read with deep
// recursion: it does so for every constructed value.
func checkNesting(b []byte) error {
	ends := []int{len(b)}
	for at := 0; at < len(b); {
		for at == ends[len(ends)-1] {
			ends = ends[:len(ends)-1]
		}
		length, n := derLength(b[at:ends[len(ends)-1]])
		if n == 0 {
			return errNested
		}
		constructed := b[at]&0x20 != 0
		at += n
		if !constructed {
			at += length
			continue
		}
		if len(ends) > maxNesting {
			return errNested
		}
		if length > 0 {
			ends = append(ends, at+length)
		}
	}
	return nil
}

// derLength returns the length of the value that b begins with, and that of
// its tag and length; n is 0 where they are not DER with a tag of one byte, or
// the value is longer than b.
func derLength(b []byte) (length, n int) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, 0
	}
	length, n = int(b[1]), 2
	if length >= 0x80 {
		count := length - 0x80
		if count == 0 || count > 3 || len(b) < 2+count {
			return 0, 0
		}
		length, n = 0, 2+count
		for _, digit := range b[2:n] {
			length = length<<8 | int(digit)
		}
	}
	if length > len(b)-n {
		return 0, 0
	}
	return length, n
}
