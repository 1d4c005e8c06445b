package secureboot

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
)

var errType = errors.New("unknown type of signature")

// A database is the content of one variable of signature lists.
type database struct {
	name         string // of the variable
	certificates []*x509.Certificate
	images       map[crypto.Hash]map[string]bool // digests of images
	revoked      map[crypto.Hash]map[string]bool // digests of certificates
}

// parseDatabase reads the content of a variable. An entry that cannot be used,
// because of its type or because it cannot be parsed, allows nothing and is
// left out; where the database forbids, it might forbid anything and is an
// error.
func parseDatabase(name string, b []byte, forbids bool) (database, error) {
	d := database{name: name, images: map[crypto.Hash]map[string]bool{}, revoked: map[crypto.Hash]map[string]bool{}}
	lists, err := parseSignatureLists(b)
	if err != nil {
		return database{}, fmt.Errorf("EFI variable %s: %w", name, err)
	}
	for _, list := range lists {
		for i, entry := range list.entries {
			if err := d.add(lookUpType(list.guid), entry); err != nil && forbids {
				return database{}, fmt.Errorf("EFI variable %s: entry %d of type %s: %w", name, i+1, list.guid, err)
			}
		}
	}
	return d, nil
}

func (d *database) add(t signatureType, entry []byte) error {
	switch t.kind {
	case certificate:
		c, err := x509.ParseCertificate(entry)
		if err == nil {
			err = checkKey(c)
		}
		if err != nil {
			return err
		}
		d.certificates = append(d.certificates, c)
		return nil
	case imageHash:
		return put(d.images, t.hash, entry, t.hash.Size())
	case revokedHash:
		// From the time of revocation on only signatures with an older,
		// trusted time stamp count. Time stamps are not verified here, so
		// that the certificate counts as revoked whatever the time is.
		return put(d.revoked, t.hash, entry, t.hash.Size()+efiTimeSize)
	case unknown:
	}
	return errType
}

// put adds the digest that an entry of the given size begins with.
func put(set map[crypto.Hash]map[string]bool, hash crypto.Hash, entry []byte, size int) error {
	if len(entry) != size {
		return fmt.Errorf("%d bytes long, want %d", len(entry), size)
	}
	if set[hash] == nil {
		set[hash] = map[string]bool{}
	}
	set[hash][string(entry[:hash.Size()])] = true
	return nil
}

// hasImage reports whether one of the digests is in the database.
func (d database) hasImage(digests map[crypto.Hash][]byte) bool {
	for hash, digest := range digests {
		if d.images[hash][string(digest)] {
			return true
		}
	}
	return false
}

// revokes reports whether the digest of the certificate is in the database.
// What is hashed is the signed part (UEFI specification, EFI_CERT_X509_SHA256).
func (d database) revokes(c *x509.Certificate) bool {
	for hash, digests := range d.revoked {
		h := hash.New()
		_, _ = h.Write(c.RawTBSCertificate) // a hash returns no error
		if digests[string(h.Sum(nil))] {
			return true
		}
	}
	return false
}

// issuer returns the certificate of the database that the chain leads to, or
// nil: one of its certificates or the issuer of one.
func (d database) issuer(chain []link) *x509.Certificate {
	for _, anchor := range d.certificates {
		for _, l := range chain {
			if bytes.Equal(anchor.Raw, l.certificate.Raw) || l.issuedBy(anchor) {
				return anchor
			}
		}
	}
	return nil
}
