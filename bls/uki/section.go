package uki

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// TextLimit is the size in bytes above which a section is not text. It is
	// systemd's limit for .osrel, .cmdline and .profile.
	TextLimit = 4 << 20
	// maxZeros bounds the zeros that a section may have after its file
	// bytes. Linkers align to 64 KiB at most; a number far above is a trap
	// that would fill the memory.
	maxZeros = 16 << 20
)

// ErrTooLarge means that a section claims more than it could sensibly hold.
var ErrTooLarge = errors.New("section is too large")

// A Section is a named part of a PE file. Its content is FileSize bytes of the
// file at Offset, then zeros up to Size. All numbers are bytes, and come from
// the file: call Check before copying by them.
type Section struct {
	Name   string // ".linux"; at most 8 bytes, without NULs
	Offset int64  // PointerToRawData
	// FileSize is the part of Size that is stored: the smaller of VirtualSize
	// and SizeOfRawData, so that alignment padding is left out.
	FileSize int64
	Size     int64 // VirtualSize
	RawSize  int64 // SizeOfRawData, padding included

	address int64 // VirtualAddress, where firmware would load it
	r       io.ReaderAt
	end     int64 // size of the file
}

// Check reports whether the content can be read: the bytes are inside the file
// (else ErrTruncated) and the zeros after them are not too many (else
// ErrTooLarge).
func (s Section) Check() error {
	if s.FileSize > 0 && s.Offset+s.FileSize > s.end {
		return fmt.Errorf("section %s: %d bytes at %d, but the file has %d: %w", s.label(), s.FileSize, s.Offset, s.end, ErrTruncated)
	}
	if s.Size-s.FileSize > maxZeros {
		return fmt.Errorf("section %s: claims %d bytes and stores %d: %w", s.label(), s.Size, s.FileSize, ErrTooLarge)
	}
	return nil
}

// Reader returns the content, Size bytes, from its start. Each call starts
// anew and does not disturb others.
func (s Section) Reader() (io.Reader, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	stored := s.Stored()
	if s.Size == s.FileSize {
		return stored, nil
	}
	return io.MultiReader(stored, io.LimitReader(zeros{}, s.Size-s.FileSize)), nil
}

// Stored returns the part of the content that is in the file, FileSize bytes,
// for readers that need to seek. It is empty for a zero Section.
func (s Section) Stored() *io.SectionReader {
	if s.r == nil || s.Check() != nil {
		return io.NewSectionReader(bytes.NewReader(nil), 0, 0)
	}
	return io.NewSectionReader(s.r, s.Offset, s.FileSize)
}

// Text returns the content of a small section without the NULs at its end. A
// section over TextLimit is ErrTooLarge; a NUL before other text is an error,
// because readers disagree about the meaning of such a text.
func (s Section) Text() (string, error) { return s.text(TextLimit) }

func (s Section) text(limit int64) (string, error) {
	if err := s.Check(); err != nil {
		return "", err
	}
	if s.Size > limit {
		return "", fmt.Errorf("section %s: text of %d bytes, at most %d: %w", s.label(), s.Size, limit, ErrTooLarge)
	}
	if s.FileSize == 0 {
		return "", nil
	}
	b, err := readAt(s.r, s.Offset, s.FileSize)
	if err != nil {
		return "", fmt.Errorf("section %s: %w", s.label(), err)
	}
	b = bytes.TrimRight(b, "\x00")
	if at := bytes.IndexByte(b, 0); at >= 0 {
		return "", fmt.Errorf("section %s: NUL inside the text at byte %d", s.label(), at)
	}
	return string(b), nil
}

// label is the name as it may be printed.
func (s Section) label() string {
	if quoted := strconv.Quote(s.Name); quoted != `"`+s.Name+`"` || s.Name == "" {
		return quoted
	}
	return s.Name
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
