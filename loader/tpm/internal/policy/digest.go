// Package policy computes what a TPM 2.0 computes of an authorization policy
// (TPM 2.0 Library, Part 3), without a TPM.
package policy

import (
	"crypto/sha256"
	"encoding/binary"
)

// A Digest is the digest of a policy session whose hash algorithm is SHA-256,
// as systemd's are. The zero value is that of a session with no policy yet.
type Digest [sha256.Size]byte

// Commands (TPM 2.0 Library, Part 2, TPM_CC).
const (
	ccPolicyAuthorizeNV = 0x192
	ccPolicyAuthorize   = 0x16a
	ccPolicyAuthValue   = 0x16b
	ccPolicyPCR         = 0x17f
)

const pcrs = 24 // of a bank

// A Selection is the values of some PCRs of one bank.
type Selection struct {
	Algorithm uint16         // TPM_ALG_ID of the bank
	Values    map[int][]byte // by PCR, 0 to 23
}

// PCR is the digest after TPM2_PolicyPCR. A selection of no PCR is left out, as
// systemd does.
func (d Digest) PCR(s Selection) Digest {
	if len(s.Values) == 0 {
		return d
	}
	var bitmap [pcrs / 8]byte
	values := sha256.New()
	for n := range pcrs {
		if value, ok := s.Values[n]; ok {
			bitmap[n/8] |= 1 << (n % 8)
			values.Write(value)
		}
	}
	b := binary.BigEndian.AppendUint32(d[:], ccPolicyPCR)
	b = binary.BigEndian.AppendUint32(b, 1) // banks
	b = binary.BigEndian.AppendUint16(b, s.Algorithm)
	b = append(b, byte(len(bitmap)))
	b = append(b, bitmap[:]...)
	return sha256.Sum256(values.Sum(b))
}

// AuthValue is the digest after TPM2_PolicyAuthValue, which asks for a PIN.
func (d Digest) AuthValue() Digest {
	return sha256.Sum256(binary.BigEndian.AppendUint32(d[:], ccPolicyAuthValue))
}

// Authorize is the digest after TPM2_PolicyAuthorize: it depends on the name of
// the key that signs policies and on their reference, on nothing before it.
func Authorize(name []byte, ref string) Digest {
	first := sha256.Sum256(append(binary.BigEndian.AppendUint32(make([]byte, sha256.Size), ccPolicyAuthorize), name...))
	return sha256.Sum256(append(first[:], ref...))
}

// AuthorizeNV is the digest after TPM2_PolicyAuthorizeNV: it depends on the name
// of the NV index that holds the approved policy, on nothing before it.
func AuthorizeNV(name []byte) Digest {
	return sha256.Sum256(append(binary.BigEndian.AppendUint32(make([]byte, sha256.Size), ccPolicyAuthorizeNV), name...))
}
