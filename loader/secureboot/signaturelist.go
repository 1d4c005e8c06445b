package secureboot

import (
	"crypto"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// Signature types of the UEFI specification (32.4.1, EFI_SIGNATURE_DATA).
const (
	typeX509       = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
	typeSHA1       = "826ca512-cf10-4ac9-b187-be01496631bd"
	typeSHA224     = "0b6e5233-a65c-44c9-9407-d9ab83bfc8bd"
	typeSHA256     = "c1c41626-504c-4092-aca9-41f936934328"
	typeSHA384     = "ff3e5307-9fd0-48c9-85f1-8ad56c701e01"
	typeSHA512     = "093e0fae-a6c4-4f50-9f1b-d41e2b89c19a"
	typeX509SHA256 = "3bd2a492-96c0-4079-b420-fcf98ef103ed"
	typeX509SHA384 = "7076876e-80c2-4ee6-aad2-28b349a6865b"
	typeX509SHA512 = "446dbf63-2502-4cda-bcfa-2465d2b0fe9d"
	typePKCS7      = "4aafd29d-68df-49ee-8aa9-347d375665a7"
)

const (
	guidSize       = 16
	listHeaderSize = guidSize + 3*4
	efiTimeSize    = 16
)

// A kind is what an entry of a database holds.
type kind int

const (
	unknown     kind = iota
	certificate      // an X.509 certificate
	imageHash        // the Authenticode digest of an image
	revokedHash      // the digest of a certificate's signed part, then a time
)

// A signatureType is a signature type as this package uses it.
type signatureType struct {
	kind kind
	hash crypto.Hash // of imageHash and revokedHash
}

func lookUpType(guid string) signatureType {
	switch guid {
	case typeX509:
		return signatureType{kind: certificate}
	case typeSHA1:
		return signatureType{imageHash, crypto.SHA1}
	case typeSHA224:
		return signatureType{imageHash, crypto.SHA224}
	case typeSHA256:
		return signatureType{imageHash, crypto.SHA256}
	case typeSHA384:
		return signatureType{imageHash, crypto.SHA384}
	case typeSHA512:
		return signatureType{imageHash, crypto.SHA512}
	case typeX509SHA256:
		return signatureType{revokedHash, crypto.SHA256}
	case typeX509SHA384:
		return signatureType{revokedHash, crypto.SHA384}
	case typeX509SHA512:
		return signatureType{revokedHash, crypto.SHA512}
	}
	return signatureType{}
}

// A signatureList is an EFI_SIGNATURE_LIST: entries of one type and one size.
type signatureList struct {
	guid    string // of the type
	entries [][]byte
}

var errSignatureList = errors.New("not an EFI signature list")

// parseSignatureLists reads the content of db, dbx and their like. The lists
// must fill b exactly. The entries, without their owners, are parts of b.
func parseSignatureLists(b []byte) ([]signatureList, error) {
	var lists []signatureList
	for at := 0; at < len(b); {
		list, n, err := cutSignatureList(b[at:])
		if err != nil {
			return nil, fmt.Errorf("byte %d: %w", at, err)
		}
		lists, at = append(lists, list), at+n
	}
	return lists, nil
}

// cutSignatureList returns the first list of b and its length.
func cutSignatureList(b []byte) (signatureList, int, error) {
	if len(b) < listHeaderSize {
		return signatureList{}, 0, fmt.Errorf("%w: %d bytes are left", errSignatureList, len(b))
	}
	le := binary.LittleEndian
	size, header, entry := uint64(le.Uint32(b[16:])), uint64(le.Uint32(b[20:])), uint64(le.Uint32(b[24:]))
	switch {
	case size > uint64(len(b)) || size < listHeaderSize+header:
		return signatureList{}, 0, fmt.Errorf("%w: list of %d bytes with a header of %d, %d are left", errSignatureList, size, header, len(b))
	case entry <= guidSize || (size-listHeaderSize-header)%entry != 0:
		return signatureList{}, 0, fmt.Errorf("%w: list of %d bytes with entries of %d", errSignatureList, size, entry)
	}
	list := signatureList{guid: guidString(b)}
	for rest := b[listHeaderSize+header : size]; len(rest) > 0; rest = rest[entry:] {
		list.entries = append(list.entries, rest[guidSize:entry])
	}
	return list, int(size), nil
}

// guidString is a GUID as text; its first three fields are little-endian.
func guidString(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%s-%s", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), hex.EncodeToString(b[8:10]), hex.EncodeToString(b[10:16]))
}
