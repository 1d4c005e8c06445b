package cpio

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// The same bytes as a file and as a stream are the same archive.
func FuzzReader(f *testing.F) {
	f.Add([]byte("07070100000000000081A40000000000000000000000010000000000000001000000000000000000000000000000000000000200000000a\x001\x00\x00\x00"))
	f.Add([]byte("0707010000000000000001000000000000000000000001000000000000000000000000000000000000000000000000\x00\x00\x00\x0B00000000TRAILER!!!\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(b, make([]byte, -len(b)&3)...) // a stream is refused where they are missing
		inFile, err1 := scanAll(NewReader(NewFileCursor(bytes.NewReader(b), 0, int64(len(b))), func(int64) int64 { return int64(len(b)) }))
		inStream, err2 := scanAll(NewReader(NewStreamCursor(iotest.OneByteReader(bytes.NewReader(b))), nil))
		if errors.Is(err1, io.EOF) {
			require.Equal(t, inFile, inStream)
		}
		var fault1, fault2 *Fault
		require.Equal(t, errors.As(err1, &fault1), errors.As(err2, &fault2), "%v, %v", err1, err2)
	})
}

func scanAll(s *Reader) ([]Entry, error) {
	var all []Entry
	for {
		if err := s.Next(); err != nil {
			return all, err
		}
		all = append(all, s.Entry)
	}
}
