package initrd

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
)

const (
	configMagic = "#BOOTCONFIG\n"
	configTail  = 8 + len(configMagic) // size, sum, magic
	configSlack = 3                    // GRUB rounds the blob up to 4 bytes: zeros may follow the magic
)

// A bootconfig block as in Documentation/admin-guide/bootconfig.rst: data,
// zeros that count as data, LE32 length of the data, LE32 byte sum of the
// data, magic.
type bootconfig struct {
	start, end int64 // in the file; end is after the magic
	valid      bool  // length and sum are right: the kernel cuts it off
}

// findBootconfig looks where the kernel looks: for the magic at the very end
// of r, and up to three bytes before. The second result reports whether there
// is one. Without sum, valid reports only that the length is possible.
func findBootconfig(r io.ReaderAt, size int64, sum bool) (bootconfig, bool, error) {
	tail := make([]byte, min(size, int64(configTail+configSlack)))
	if len(tail) < configTail {
		return bootconfig{}, false, nil
	}
	if err := readat.Full(r, tail, size-int64(len(tail))); err != nil {
		return bootconfig{}, false, err
	}
	for slack := range configSlack + 1 {
		end := len(tail) - slack
		if end < configTail || !bytes.HasSuffix(tail[:end], []byte(configMagic)) {
			continue
		}
		h := tail[end-configTail : end]
		b := bootconfig{end: size - int64(slack)}
		length := int64(binary.LittleEndian.Uint32(h))
		b.start = b.end - int64(configTail) - length
		if b.start < 0 {
			b.start = b.end - int64(configTail)
			return b, true, nil
		}
		if b.valid = true; !sum {
			return b, true, nil
		}
		got, err := byteSum(r, b.start, length)
		b.valid = got == binary.LittleEndian.Uint32(h[4:])
		return b, true, err
	}
	return bootconfig{}, false, nil
}

// byteSum adds up n bytes, in 32 bits.
func byteSum(r io.ReaderAt, off, n int64) (uint32, error) {
	var s cpio.Sum
	_, err := io.CopyBuffer(&s, io.NewSectionReader(r, off, n), make([]byte, min(n+1, plainChunk)))
	return uint32(s), err
}
