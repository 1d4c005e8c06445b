package policy

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
)

// Algorithms and attributes (TPM 2.0 Library, Part 2).
const (
	algRSA    = 0x0001
	algSHA256 = 0x000b
	algNull   = 0x0010
	// userWithAuth, decrypt, sign: what systemd gives a key that it loads.
	keyAttributes = 1<<6 | 1<<17 | 1<<18
	nvWritten     = 1 << (29 - 24) // TPMA_NV_WRITTEN, in the first byte of the attributes
)

// ErrKey is the error of a public key that cannot be read or is not RSA, the
// one kind whose signatures systemd passes to a TPM.
var ErrKey = errors.New("not an RSA public key")

// A Key signs policies.
type Key struct {
	key *rsa.PublicKey
	// Names are the names that a TPM may know it by: with its exponent, and with
	// 0 for the default one, as systemd wrote it until 256 (issue 30546).
	Names [][]byte
	// Fingerprint is the SHA-256 of its PKCS#1 DER.
	Fingerprint [sha256.Size]byte
}

// ParseKey reads a public key in PEM.
func ParseKey(text []byte) (Key, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return Key{}, fmt.Errorf("%w: no PEM", ErrKey)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok || key.Size() < 128 || key.Size() > 512 || key.Size()*8 != key.N.BitLen() {
		return Key{}, fmt.Errorf("%w of 1024 to 4096 bits", ErrKey)
	}
	return Key{
		key:         key,
		Names:       [][]byte{rsaName(key, uint32(key.E)), rsaName(key, 0)},
		Fingerprint: sha256.Sum256(x509.MarshalPKCS1PublicKey(key)),
	}, nil
}

// rsaName is the name of an RSA key: the algorithm of its digest, the digest of
// its TPMT_PUBLIC.
func rsaName(key *rsa.PublicKey, exponent uint32) []byte {
	var b []byte
	b = binary.BigEndian.AppendUint16(b, algRSA)
	b = binary.BigEndian.AppendUint16(b, algSHA256)
	b = binary.BigEndian.AppendUint32(b, keyAttributes)
	b = binary.BigEndian.AppendUint16(b, 0) // no policy
	b = binary.BigEndian.AppendUint16(b, algNull)
	b = binary.BigEndian.AppendUint16(b, algNull)
	b = binary.BigEndian.AppendUint16(b, uint16(key.N.BitLen()))
	b = binary.BigEndian.AppendUint32(b, exponent)
	b = binary.BigEndian.AppendUint16(b, uint16(key.Size()))
	return name(append(b, key.N.Bytes()...))
}

// name is the name of an object or NV index whose name algorithm is SHA-256.
func name(public []byte) []byte {
	sum := sha256.Sum256(public)
	return append(binary.BigEndian.AppendUint16(nil, algSHA256), sum[:]...)
}

// NVName is the name of an NV index that holds something, from its TPM2B_NV_PUBLIC;
// nil where that is malformed or its name algorithm is not SHA-256. The first write
// changes the name: it sets an attribute, which systemd-pcrlock does not store.
func NVName(public []byte) []byte {
	area, ok := sized(public)
	if !ok || len(area) < 10 || binary.BigEndian.Uint16(area[4:]) != algSHA256 {
		return nil
	}
	area = bytes.Clone(area)
	area[6] |= nvWritten
	return name(area)
}

// ObjectPolicy is the policy of a sealed object, from its TPM2B_PUBLIC. It is
// false where that is malformed or its name algorithm is not SHA-256.
func ObjectPolicy(public []byte) (d Digest, ok bool) {
	area, ok := sized(public)
	if !ok || len(area) < 10 || binary.BigEndian.Uint16(area[2:]) != algSHA256 {
		return Digest{}, false
	}
	n := int(binary.BigEndian.Uint16(area[8:]))
	if n == 0 { // no policy: the zero digest
		return Digest{}, true
	}
	if n != len(d) || len(area) < 10+n {
		return Digest{}, false
	}
	return Digest(area[10 : 10+n]), true
}

// sized takes the size off a TPM2B structure; it must be that of the rest.
func sized(b []byte) ([]byte, bool) {
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) != len(b)-2 {
		return nil, false
	}
	return b[2:], true
}
