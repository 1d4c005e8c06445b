package uki

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	checksumAt        = coffHeaderSize + 64 // CheckSum, from the PE signature on
	sizeOfHeadersAt   = coffHeaderSize + 60
	maxDirectories    = 16
	certificateEntry  = 4 // of the data directory
	certificateHeader = 8 // dwLength, wRevision, wCertificateType
	certificateAlign  = 8

	// maxCertificates and maxCertificateTable bound the certificate table.
	// Signatures with their certificates have 2 to 10 KiB each.
	maxCertificates     = 16
	maxCertificateTable = 1 << 20

	certificateTable = "certificate table" // in errors
)

// Types of a Certificate (UEFI specification, 32.2.4).
const (
	CertificatePKCS uint16 = 0x0002 // PKCS#7 SignedData: Authenticode
	CertificateGUID uint16 = 0x0ef1 // 16 bytes of GUID, then data of that type
)

// ErrNotHashable means that firmware refuses the layout of an image whatever
// its signature: headers that contradict each other, sections that overlap or
// begin in the headers, a certificate table that is not the end of the file.
var ErrNotHashable = errors.New("layout that no signature can cover")

// Authenticode is what a signature covers of a PE image, and the signatures.
// It reads from the file given to OpenAuthenticode for as long as it is used.
type Authenticode struct {
	r     io.ReaderAt
	spans []span
	table span // the certificate table
}

// A span is a range of bytes of the file.
type span struct{ at, end int64 }

func (s span) size() int64 { return s.end - s.at }

// A Certificate is an entry of the certificate table (WIN_CERTIFICATE).
type Certificate struct {
	Type uint16 // CertificatePKCS, CertificateGUID or one that firmware skips
	Data []byte // without the header of 8 bytes and the padding
}

// OpenAuthenticode reads the headers of a PE image of size bytes and finds what
// Authenticode covers: the file without the CheckSum field, the directory entry
// of the certificate table and that table (Windows Authenticode Portable
// Executable Signature Format, "Calculating the PE Image Hash"). It refuses,
// with ErrNotPE, ErrTruncated or ErrNotHashable, what EDK2 refuses
// (PeCoffLoaderGetPeHeader, HashPeImage) and what shim refuses.
func OpenAuthenticode(r io.ReaderAt, size int64) (*Authenticode, error) {
	size = max(size, 0)
	h, err := readHeader(r, size)
	if err != nil {
		return nil, fmt.Errorf("pe header: %w", err)
	}
	headers, err := h.headersEnd(size)
	if err != nil {
		return nil, fmt.Errorf("pe header: %w", err)
	}
	table, err := h.sectionTable(r, size)
	if err != nil {
		return nil, fmt.Errorf("section table: %w", err)
	}
	a := &Authenticode{r: r, table: span{size, size}}
	if a.table, err = h.certificates(r, size, headers); err != nil {
		return nil, fmt.Errorf("%s: %w", certificateTable, err)
	}
	a.spans = h.headerSpans(headers)
	hashed := headers
	sections, err := sectionSpans(table, headers, a.table.at)
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		hashed += s.size()
	}
	// What follows is counted from the sum, not from the end of the last
	// section: both differ where sections have gaps between them.
	a.spans = append(append(a.spans, sections...), span{hashed, a.table.at})
	return a, nil
}

// headersEnd is SizeOfHeaders, which covers the section table.
func (h header) headersEnd(size int64) (int64, error) {
	end := int64(le.Uint32(h.coff[sizeOfHeadersAt:]))
	table := h.pe + coffHeaderSize + h.optionalSize()
	switch {
	case end <= table || end < table+h.sections()*sectionHeaderSize:
		return 0, fmt.Errorf("%w: headers of %d bytes, a section table at %d", ErrNotHashable, end, table)
	case end > size:
		return 0, fmt.Errorf("headers of %d bytes, but the file has %d: %w", end, size, ErrTruncated)
	}
	return end, nil
}

// directoryAt is the offset of the data directory in the optional header.
func (h header) directoryAt() int64 {
	if le.Uint16(h.coff[coffHeaderSize:]) == magicPE32Plus {
		return 112
	}
	return 96
}

// certificates is the certificate table; empty at the end of the file where
// there is none.
func (h header) certificates(r io.ReaderAt, size, headers int64) (span, error) {
	none := span{size, size}
	at := h.directoryAt()
	if h.optionalSize() < at {
		return none, fmt.Errorf("%w: optional header of %d bytes", ErrNotHashable, h.optionalSize())
	}
	b, err := h.bytes(r, h.pe+coffHeaderSize+at-4, 4, size)
	if err != nil {
		return none, err
	}
	entries := int64(le.Uint32(b))
	if entries > maxDirectories || h.optionalSize() != at+8*entries {
		return none, fmt.Errorf("%w: %d data directories in an optional header of %d bytes", ErrNotHashable, entries, h.optionalSize())
	}
	start, length, err := h.signature(r, size)
	switch {
	case err != nil || length == 0:
		return none, err
	case start+length > size:
		return none, fmt.Errorf("ends at byte %d, the file at %d: %w", start+length, size, ErrTruncated)
	case start+length < size || start < headers:
		return none, fmt.Errorf("%w: bytes %d to %d of %d are not the end of the file", ErrNotHashable, start, start+length, size)
	}
	return span{start, size}, nil
}

// headerSpans are the headers without the CheckSum field and, where it exists,
// the directory entry of the certificate table.
func (h header) headerSpans(headers int64) []span {
	checksum := h.pe + checksumAt
	entry := h.pe + coffHeaderSize + h.directoryAt() + certificateEntry*8
	if h.optionalSize() < h.directoryAt()+(certificateEntry+1)*8 {
		return []span{{0, checksum}, {checksum + 4, headers}}
	}
	return []span{{0, checksum}, {checksum + 4, entry}, {entry + 8, headers}}
}

// sectionSpans are the raw data of the sections by their place in the file.
func sectionSpans(table []byte, headers, end int64) ([]span, error) {
	sections := make([]span, 0, len(table)/sectionHeaderSize)
	for ; len(table) > 0; table = table[sectionHeaderSize:] {
		s := sectionHeader(table[:sectionHeaderSize]).section()
		switch {
		case s.RawSize == 0:
			continue
		case s.Offset < headers || s.address < headers:
			return nil, fmt.Errorf("section %s: %w: it begins in the headers", s.label(), ErrNotHashable)
		case s.Offset+s.RawSize > end:
			return nil, fmt.Errorf("section %s ends at byte %d, the image at %d: %w", s.label(), s.Offset+s.RawSize, end, ErrTruncated)
		}
		sections = append(sections, span{s.Offset, s.Offset + s.RawSize})
	}
	slices.SortStableFunc(sections, func(a, b span) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(sections); i++ {
		if sections[i-1].end > sections[i].at {
			return nil, fmt.Errorf("%w: two sections hold byte %d", ErrNotHashable, sections[i].at)
		}
	}
	return sections, nil
}

// WriteTo writes what a signature covers to w, which is a hash, or several
// through io.MultiWriter. It is at most twice as long as the file. Memory is
// bounded. A file that has become shorter is ErrTruncated.
func (a *Authenticode) WriteTo(w io.Writer) (int64, error) {
	var written int64
	buf := make([]byte, 64<<10)
	for _, s := range a.spans {
		n, err := io.CopyBuffer(w, io.NewSectionReader(a.r, s.at, s.size()), buf)
		written += n
		if err == nil && n < s.size() {
			err = ErrTruncated
		}
		if err != nil {
			return written, fmt.Errorf("read %d bytes at %d: %w", s.size(), s.at, err)
		}
	}
	return written, nil
}

// Signed reports whether the image has a certificate table. Firmware takes one
// that has for signed, whatever the table holds.
func (a *Authenticode) Signed() bool { return a.table.size() > 0 }

// Certificates returns the entries of the certificate table, none for an image
// that is not signed. A table that its entries do not fill exactly, each padded
// to 8 bytes, is ErrNotHashable, as EDK2 refuses it; one of more than 1 MiB or
// 16 entries is ErrTooLarge.
func (a *Authenticode) Certificates() ([]Certificate, error) {
	if a.table.size() > maxCertificateTable {
		return nil, fmt.Errorf("%s: %d bytes, at most %d: %w", certificateTable, a.table.size(), maxCertificateTable, ErrTooLarge)
	}
	b, err := readAt(a.r, a.table.at, a.table.size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certificateTable, err)
	}
	var list []Certificate
	for len(b) > 0 {
		if len(list) == maxCertificates {
			return nil, fmt.Errorf("%s: more than %d entries: %w", certificateTable, maxCertificates, ErrTooLarge)
		}
		c, n, err := cutCertificate(b)
		if err != nil {
			return nil, fmt.Errorf("%s: entry %d: %w", certificateTable, len(list)+1, err)
		}
		list, b = append(list, c), b[n:]
	}
	return list, nil
}

// cutCertificate returns the first entry of b and its length with padding.
func cutCertificate(b []byte) (Certificate, int64, error) {
	if len(b) <= certificateHeader {
		return Certificate{}, 0, fmt.Errorf("%w: %d bytes are left", ErrNotHashable, len(b))
	}
	n := int64(le.Uint32(b))
	padded := (n + certificateAlign - 1) &^ (certificateAlign - 1)
	if n <= certificateHeader || padded > int64(len(b)) {
		return Certificate{}, 0, fmt.Errorf("%w: length %d, %d bytes are left", ErrNotHashable, n, len(b))
	}
	return Certificate{Type: le.Uint16(b[6:]), Data: b[certificateHeader:n]}, padded, nil
}
