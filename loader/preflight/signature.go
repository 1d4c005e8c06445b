package preflight

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// A Signature is what the certificate table of a kernel file has. Nothing here
// verifies it. The zero value is a kernel of which it is not known.
type Signature struct {
	Known  bool // the file is of a format that can be signed, and was read
	Signed bool
	// Signer is the common name of the certificate, "" where it is not known.
	Signer string
	// Keys are the identifiers, in hexadecimal, of the certificates in the
	// signature and of those that issued them: to verify it, the kernel needs
	// one of them. Partial reports that there may be others, since a certificate
	// lacks an identifier, is unreadable or is not in the signature.
	Keys    []string
	Partial bool
}

// MaxSignature bounds a certificate table, in bytes; real ones have a few KiB.
const MaxSignature = 1 << 20

var errSignature = errors.New("malformed signature")

// ParseSignature reads the certificate table of a PE image: WIN_CERTIFICATE
// structures (PE/COFF specification, "The Attribute Certificate Table") with
// PKCS#7 inside. An empty table is a kernel that is not signed. On error the
// signature is the zero value.
func ParseSignature(table []byte) (Signature, error) {
	s := Signature{Known: true}
	const header, pkcs7 = 8, 2 // WIN_CERT_TYPE_PKCS_SIGNED_DATA
	for len(table) >= header {
		size := int(binary.LittleEndian.Uint32(table))
		if size < header || size > len(table) {
			return Signature{}, fmt.Errorf("%w: certificate of %d bytes, %d left", errSignature, size, len(table))
		}
		if binary.LittleEndian.Uint16(table[6:]) == pkcs7 {
			if err := s.add(table[header:size]); err != nil {
				return Signature{}, err
			}
		}
		table = table[min((size+7)&^7, len(table)):] // quadwords
	}
	return s, nil
}

// contentInfo and signedData are those of RFC 2315 (PKCS#7), as far as the
// certificates.
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version      int
	Digests      asn1.RawValue
	Content      asn1.RawValue
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      asn1.RawValue
}

// add reads one PKCS#7 message.
func (s *Signature) add(der []byte) error {
	var outer contentInfo
	var data signedData
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	if _, err := asn1.Unmarshal(outer.Content.Bytes, &data); err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	certificates, err := x509.ParseCertificates(data.Certificates.Bytes)
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	s.Signed = true
	s.Partial = s.Partial || len(certificates) == 0
	for _, c := range certificates {
		s.Partial = s.Partial || len(c.SubjectKeyId) == 0 || len(c.AuthorityKeyId) == 0
		s.Keys = append(s.Keys, hex.EncodeToString(c.SubjectKeyId), hex.EncodeToString(c.AuthorityKeyId))
		if s.Signer == "" {
			s.Signer = c.Subject.CommonName
		}
	}
	s.Keys = slices.DeleteFunc(s.Keys, func(id string) bool { return id == "" })
	return nil
}
