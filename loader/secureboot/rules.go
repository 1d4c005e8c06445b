package secureboot

import (
	"bytes"
	"crypto"
)

// checkSignatures applies the rules to every signature. Firmware starts an
// image that one signature allows and none forbids; shim starts one that one
// signature allows without being forbidden itself.
func (d Databases) checkSignatures(i image) error {
	allowed := false
	var blocking error
	untrusted := refuse(Untrusted, "its certificate table has no Authenticode signature")
	for _, message := range i.messages {
		err := d.checkSignature(i, message)
		switch reason := reasonOf(err); {
		case err == nil:
			allowed = true
		case reason == Untrusted:
			untrusted = err
		case blocking == nil:
			blocking = err
		}
	}
	switch {
	case blocking != nil && (!d.shim || !allowed):
		return blocking
	case !allowed:
		return untrusted
	}
	return nil
}

// checkSignature returns nil for a signature that allows the image, a
// RefusedError that is Untrusted for one that does not, and one that is
// Forbidden or Malformed for one that forbids it.
func (d Databases) checkSignature(i image, message []byte) error {
	algorithm, signed := signedHash(message)
	if algorithm == 0 || d.shim && algorithm != crypto.SHA256 {
		return refuse(Untrusted, "its signature is no Authenticode signature of a supported algorithm")
	}
	s, err := parseSignature(message)
	if err != nil {
		// EDK2 cannot list the signers then, and forbids the image.
		return refuse(Malformed, "its signature cannot be read: %w", err)
	}
	valid := s.valid && bytes.Equal(signed, i.digests[algorithm])
	if err := d.checkForbidden(s, valid); err != nil {
		return err
	}
	switch {
	case d.allowsDigest(i, algorithm):
		return nil
	case !s.valid:
		return refuse(Untrusted, "its signature by %s is invalid", name(s.signer()))
	case !valid:
		return refuse(Untrusted, "it was changed after %s signed it", name(s.signer()))
	}
	return d.checkAllowed(s)
}

// checkForbidden refuses a signature that leads to a forbidden certificate, or
// has one whose digest is forbidden.
func (d Databases) checkForbidden(s signature, valid bool) error {
	for _, forbidden := range d.forbidden() {
		if anchor := forbidden.issuer(s.links); valid && anchor != nil {
			return refuse(Forbidden, "signed by %s, and %s has the certificate %s", name(s.signer()), forbidden.name, name(anchor))
		}
		for _, l := range s.links {
			if forbidden.revokes(l.certificate) {
				return refuse(Forbidden, "signed by %s, and %s revokes the certificate %s", name(s.signer()), forbidden.name, name(l.certificate))
			}
		}
	}
	return nil
}

// checkAllowed wants a valid signature to lead to an allowed certificate whose
// digest is not forbidden.
func (d Databases) checkAllowed(s signature) error {
	for _, allowed := range d.allowed() {
		anchor := allowed.issuer(s.links)
		if anchor == nil {
			continue
		}
		for _, forbidden := range d.forbidden() {
			if forbidden.revokes(anchor) {
				return refuse(Forbidden, "signed by %s, and %s revokes the certificate %s", name(s.signer()), forbidden.name, name(anchor))
			}
		}
		return nil
	}
	return refuse(Untrusted, "signed by %s, which no certificate in %s has issued", name(s.signer()), d.allowedNames())
}
