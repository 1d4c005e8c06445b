package preflight

import (
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// A Signature is what the certificate table of a kernel file says. Nothing
// here verifies it. The zero value is a kernel of which it is not known.
type Signature struct {
	Known  bool // the file is of a format that can be signed, and was read
	Signed bool
	// Signer is the common name of the certificate, "" where it is not known.
	Signer string
	// Keys are the identifiers, in hexadecimal, of the certificates in the
	// signature and of those that issued them: to verify it, the kernel needs
	// one of them. Partial says that there may be others, since a certificate
	// lacks an identifier or is not in the signature.
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
	s.Signed = true
	s.Partial = s.Partial || len(data.Certificates.Bytes) == 0
	for rest := data.Certificates.Bytes; len(rest) > 0; {
		var c certificate
		var err error
		if rest, err = asn1.Unmarshal(rest, &c); err != nil {
			return fmt.Errorf("%w: %w", errSignature, err)
		}
		own, issuer := c.keyIDs()
		s.Partial = s.Partial || own == "" || issuer == ""
		s.Keys = append(s.Keys, own, issuer)
		if s.Signer == "" {
			s.Signer = c.commonName()
		}
	}
	s.Keys = slices.DeleteFunc(s.Keys, func(id string) bool { return id == "" })
	return nil
}

// certificate is that of RFC 5280, as far as it is needed.
type certificate struct {
	TBS struct {
		Version    int `asn1:"optional,explicit,default:0,tag:0"`
		Serial     asn1.RawValue
		Algorithm  asn1.RawValue
		Issuer     asn1.RawValue
		Validity   asn1.RawValue
		Subject    []asn1.RawValue
		PublicKey  asn1.RawValue
		IssuerID   asn1.RawValue `asn1:"optional,tag:1"`
		SubjectID  asn1.RawValue `asn1:"optional,tag:2"`
		Extensions []extension   `asn1:"optional,explicit,tag:3"`
	}
	Algorithm asn1.RawValue
	Value     asn1.RawValue
}

type extension struct {
	ID       asn1.ObjectIdentifier
	Critical bool `asn1:"optional"`
	Value    []byte
}

// The object identifiers that are looked for.
var (
	oidSubjectKey = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidIssuerKey  = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}
)

// keyIDs are the subject's and the issuer's key identifier in hexadecimal; ""
// for one that the certificate lacks.
func (c *certificate) keyIDs() (own, issuer string) {
	for _, e := range c.TBS.Extensions {
		var id []byte
		var authority struct {
			Key []byte `asn1:"optional,tag:0"`
		}
		switch {
		case e.ID.Equal(oidSubjectKey):
			if _, err := asn1.Unmarshal(e.Value, &id); err == nil {
				own = hex.EncodeToString(id)
			}
		case e.ID.Equal(oidIssuerKey):
			if _, err := asn1.Unmarshal(e.Value, &authority); err == nil {
				issuer = hex.EncodeToString(authority.Key)
			}
		}
	}
	return own, issuer
}

func (c *certificate) commonName() string {
	for _, set := range c.TBS.Subject {
		var name struct {
			Type  asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		if _, err := asn1.Unmarshal(set.Bytes, &name); err == nil && name.Type.Equal(oidCommonName) {
			return string(name.Value.Bytes)
		}
	}
	return ""
}
