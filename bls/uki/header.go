package uki

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	dosHeaderSize     = 64
	coffHeaderSize    = 4 + 20 // signature and file header
	optionalMinSize   = 70     // up to and including the subsystem
	sectionHeaderSize = 40

	magicPE32     = 0x10b
	magicPE32Plus = 0x20b

	// firstRead covers all headers of the usual image in one read.
	firstRead = 4096
)

var le = binary.LittleEndian

// A header is the start of a PE file up to the subsystem field, checked to be
// that long. pe is the offset of the PE signature.
type header struct {
	head []byte // the first bytes of the file
	pe   int64  // offset in the file
	coff []byte // from the PE signature on
}

// readHeader finds the PE header through the DOS header. It must be located after
// the DOS header, as systemd-boot asks too.
func readHeader(r io.ReaderAt, size int64) (header, error) {
	head, err := readAt(r, 0, min(firstRead, size))
	if err != nil {
		return header{}, err
	}
	if len(head) < 2 || string(head[:2]) != "MZ" {
		return header{}, ErrNotPE
	}
	if len(head) < dosHeaderSize {
		return header{}, ErrTruncated
	}
	h := header{head: head, pe: int64(le.Uint32(head[0x3c:]))}
	if h.pe < dosHeaderSize {
		return header{}, fmt.Errorf("%w: no PE header after the DOS header", ErrNotPE)
	}
	if h.coff, err = h.bytes(r, h.pe, coffHeaderSize+optionalMinSize, size); err != nil {
		return header{}, err
	}
	if string(h.coff[:4]) != "PE\x00\x00" {
		return header{}, fmt.Errorf("%w: no PE signature at byte %d", ErrNotPE, h.pe)
	}
	return h, h.check()
}

// check holds the optional header to what PE32 and PE32+ images have.
func (h header) check() error {
	if n := h.optionalSize(); n < optionalMinSize {
		return fmt.Errorf("%w: optional header of %d bytes", ErrNotPE, n)
	}
	if magic := le.Uint16(h.coff[coffHeaderSize:]); magic != magicPE32 && magic != magicPE32Plus {
		return fmt.Errorf("%w: optional header magic %#x", ErrNotPE, magic)
	}
	return nil
}

func (h header) machine() uint16     { return le.Uint16(h.coff[4:]) }
func (h header) sections() int64     { return int64(le.Uint16(h.coff[6:])) }
func (h header) optionalSize() int64 { return int64(le.Uint16(h.coff[20:])) }
func (h header) subsystem() uint16   { return le.Uint16(h.coff[coffHeaderSize+68:]) }

// signature returns where the certificate table lies: entry 4 of the data
// directory, the one that holds a file offset. Zeros: the image is not signed.
func (h header) signature(r io.ReaderAt, size int64) (at, n int64, err error) {
	directory := h.directoryAt()
	if h.optionalSize() < directory+5*8 {
		return 0, 0, nil
	}
	b, err := h.bytes(r, h.pe+coffHeaderSize+directory-4, 4+5*8, size)
	if err != nil || le.Uint32(b) < 5 {
		return 0, 0, err
	}
	entry := b[4+4*8:]
	return int64(le.Uint32(entry)), int64(le.Uint32(entry[4:])), nil
}

// sectionTable returns the section headers. There are at most 65535, so that
// the table remains below 2.6 MB for any file.
func (h header) sectionTable(r io.ReaderAt, size int64) ([]byte, error) {
	at := h.pe + coffHeaderSize + h.optionalSize()
	return h.bytes(r, at, h.sections()*sectionHeaderSize, size)
}

// bytes returns n bytes at offset at, out of what has been read already where
// they are part of it.
func (h header) bytes(r io.ReaderAt, at, n, size int64) ([]byte, error) {
	if at+n > size {
		return nil, fmt.Errorf("%d bytes at %d, but the file has %d: %w", n, at, size, ErrTruncated)
	}
	if at+n <= int64(len(h.head)) {
		return h.head[at : at+n], nil
	}
	return readAt(r, at, n)
}

// A sectionHeader is one 40-byte row of the section table.
type sectionHeader []byte

func (h sectionHeader) section() Section {
	name, _, _ := bytes.Cut(h[:8], []byte{0})
	s := Section{
		Name:    string(name),
		Size:    int64(le.Uint32(h[8:])),
		RawSize: int64(le.Uint32(h[16:])),
		Offset:  int64(le.Uint32(h[20:])),
		address: int64(le.Uint32(h[12:])),
	}
	s.FileSize = min(s.Size, s.RawSize)
	return s
}

// readAt reads exactly n bytes. The caller has bounded n.
func readAt(r io.ReaderAt, at, n int64) ([]byte, error) {
	buf := make([]byte, n)
	got, err := r.ReadAt(buf, at)
	if int64(got) == n {
		return buf, nil
	}
	if err == nil || err == io.EOF { //nolint:errorlint // ReaderAt promises io.EOF itself
		err = ErrTruncated
	}
	return nil, fmt.Errorf("read %d bytes at %d: %w", n, at, err)
}
