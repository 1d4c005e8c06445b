// Package luks2 reads the header of a LUKS2 volume and the tokens in it (LUKS2
// On-Disk Format Specification). It reads no key slot and keeps no secret: the
// blobs that a TPM encrypted are left in the header.
package luks2

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

var (
	// ErrNotLUKS2 is the error of a volume without the signature of LUKS2: LUKS1,
	// plain dm-crypt, or none of them.
	ErrNotLUKS2 = errors.New("not a LUKS2 volume")
	// ErrHeader is the error of a volume neither of whose headers is valid.
	ErrHeader = errors.New("malformed LUKS2 header")
)

// A Header is what the valid header with the higher sequence number holds.
type Header struct {
	UUID   string
	Tokens []Token // in the order of their numbers
}

const (
	primary    = "LUKS\xba\xbe"
	secondary  = "SKUL\xba\xbe"
	binarySize = 4096
	minSize    = 16 << 10 // of binary header and JSON area; powers of two up to maxSize
	maxSize    = 4 << 20
)

// Read reads both headers of a volume. The one with the higher sequence number
// counts, the primary where they are equal; one invalid header is no error.
func Read(volume io.ReaderAt) (Header, error) {
	best, err := readCopy(volume, 0, primary)
	if errors.Is(err, ErrNotLUKS2) {
		return searchSecondary(volume, err)
	}
	size := best.size
	if size == 0 { // the primary does not show where the other is
		return searchSecondary(volume, err)
	}
	other, otherErr := readCopy(volume, size, secondary)
	switch {
	case err != nil && otherErr != nil:
		return Header{}, err
	case err != nil || otherErr == nil && other.sequence > best.sequence:
		return other.header, nil
	}
	return best.header, nil
}

// searchSecondary tries every place where a secondary header may be; err is what
// is wrong with the primary one.
func searchSecondary(volume io.ReaderAt, err error) (Header, error) {
	for at := int64(minSize); at <= maxSize; at *= 2 {
		if found, err := readCopy(volume, at, secondary); err == nil {
			return found.header, nil
		}
	}
	return Header{}, err
}

// A stored header is one of the two. Its size is set where it is plausible,
// even if the header is invalid.
type stored struct {
	size     int64
	sequence uint64
	header   Header
}

// readCopy reads the header at an offset, which begins with magic.
func readCopy(volume io.ReaderAt, at int64, magic string) (stored, error) {
	head := binaryHeader(make([]byte, binarySize))
	n, err := volume.ReadAt(head, at)
	if n >= len(magic)+2 && (string(head[:len(magic)]) != magic || head.version() != 2) || errors.Is(err, io.EOF) && n < len(magic)+2 {
		return stored{}, ErrNotLUKS2
	}
	if n < binarySize {
		return stored{}, fmt.Errorf("%w: at %d: %w", ErrHeader, at, cmpErr(err))
	}
	size := head.size()
	if size < minSize || size > maxSize || size&(size-1) != 0 || head.offset() != uint64(at) {
		return stored{}, fmt.Errorf("%w: at %d: size %d, offset %d", ErrHeader, at, size, head.offset())
	}
	s := stored{size: int64(size), sequence: head.sequence()}
	area, err := io.ReadAll(io.NewSectionReader(volume, at+binarySize, int64(size)-binarySize))
	if err == nil && len(area) != int(size)-binarySize {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return s, fmt.Errorf("%w: at %d: %w", ErrHeader, at, err)
	}
	if !head.matches(area) {
		return s, fmt.Errorf("%w: at %d: wrong checksum", ErrHeader, at)
	}
	if end := bytes.IndexByte(area, 0); end >= 0 {
		area = area[:end]
	}
	tokens, err := parseTokens(area)
	if err != nil {
		return s, fmt.Errorf("%w: at %d: %w", ErrHeader, at, err)
	}
	s.header = Header{UUID: head.uuid(), Tokens: tokens}
	return s, nil
}

// cmpErr is the error of a short read.
func cmpErr(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A binaryHeader is the first 4096 bytes of a header; numbers are big-endian.
type binaryHeader []byte

const checksumAt, checksumSize = 448, 64

func (b binaryHeader) version() uint16   { return binary.BigEndian.Uint16(b[6:]) }
func (b binaryHeader) size() uint64      { return binary.BigEndian.Uint64(b[8:]) }
func (b binaryHeader) sequence() uint64  { return binary.BigEndian.Uint64(b[16:]) }
func (b binaryHeader) algorithm() string { return text(b[72:104]) }
func (b binaryHeader) uuid() string      { return text(b[168:208]) }
func (b binaryHeader) offset() uint64    { return binary.BigEndian.Uint64(b[256:]) }

// matches compares the checksum, which covers the binary header with zeros in
// place of the checksum, and the JSON area.
func (b binaryHeader) matches(area []byte) bool {
	h := newHash(b.algorithm())
	if h == nil {
		return false
	}
	h.Write(b[:checksumAt])
	h.Write(make([]byte, checksumSize))
	h.Write(b[checksumAt+checksumSize:])
	h.Write(area)
	return subtle.ConstantTimeCompare(h.Sum(nil), b[checksumAt:checksumAt+h.Size()]) == 1
}

// newHash is nil for an algorithm that cryptsetup does not use here.
func newHash(name string) hash.Hash {
	switch name {
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// text is a field up to its first NUL.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}
