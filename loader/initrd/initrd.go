// Package initrd makes one blob of several initrd images, and unpacks such a
// blob in memory as the kernel will.
//
// The kernel drops what it does not understand and boots on, so a bad join is
// silent loss of data; Walk finds it beforehand. The rules come from the
// kernel's init/initramfs.c and lib/earlycpio.c, from
// Documentation/driver-api/early-userspace/buffer-format.rst, and from what
// systemd-boot and systemd-stub 262 do with several images.
package initrd

import (
	"errors"
	"fmt"
	"os"
)

// MaxSize is the largest blob in bytes: the boot protocols carry its length in
// 32 bits.
const MaxSize = 1<<32 - 1

// A Member is one part of the blob: an initrd file, a section of a PE image,
// or a generated archive. The zero value is an empty member and is left out of
// a join.
type Member struct {
	Name  string // origin, for messages: a path, "img.efi: .initrd"
	Parts []Part // content, in order
	// Secret is set for what is for the kernel alone, and not for a file.
	Secret bool
}

// A Part is a run of bytes from a file, or from memory, and zeros after it.
type Part struct {
	File   *os.File // nil: the bytes are Data; never closed here
	Offset int64    // in File, bytes
	Size   int64    // bytes taken from File
	Data   []byte   // small generated content, used where File is nil
	Zeros  int64    // zero bytes that follow: a PE section whose VirtualSize exceeds its raw data

	seen stamp // of File when its length was taken; zero: taken when the join starts
}

// FileMember returns the whole of f as a member. A directory, a device or a
// pipe is an error. The caller keeps f open until the join is done, and closes
// it; a change of the file between now and then fails the join.
func FileMember(name string, f *os.File) (Member, error) {
	st, err := f.Stat()
	if err != nil {
		return Member{}, fmt.Errorf("%s: %w", name, err)
	}
	if !st.Mode().IsRegular() {
		return Member{}, fmt.Errorf("%s: is not a regular file", name)
	}
	p := Part{File: f, Size: st.Size(), seen: stampOf(st)}
	return Member{Name: name, Parts: []Part{p}}, nil
}

// Size is the length of the member in bytes.
func (m Member) Size() int64 {
	var n int64
	for _, p := range m.Parts {
		n += p.length()
	}
	return n
}

func (p Part) length() int64 {
	if p.File == nil {
		return int64(len(p.Data)) + p.Zeros
	}
	return p.Size + p.Zeros
}

// check refuses numbers that no file can have, so that sums below cannot
// overflow.
func (p Part) check() error {
	if p.Offset < 0 || p.Size < 0 || p.Zeros < 0 || p.Offset > MaxSize*4 || p.Size > MaxSize || p.Zeros > MaxSize {
		return errors.New("offset or length out of range, 4 GiB at most")
	}
	return nil
}

// content checks the parts and lines them up.
func (m Member) content() (content, error) {
	var c content
	for _, p := range m.Parts {
		if err := p.check(); err != nil {
			return content{}, fmt.Errorf("%s: %w", m.Name, err)
		}
		if p.File != nil {
			c.add(run{size: p.Size, file: p.File, off: p.Offset, seen: p.seen, name: m.Name})
		} else {
			c.add(run{size: int64(len(p.Data)), data: p.Data, name: m.Name})
		}
		c.add(run{size: p.Zeros, name: m.Name})
		if c.size > MaxSize {
			return content{}, fmt.Errorf("%s: larger than 4 GiB", m.Name)
		}
	}
	return c, nil
}
