package reboot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A Secret is bytes in a sealed file in memory that is not swapped out and no other
// user can read. A child may inherit it.
type Secret struct {
	file *os.File
	page []byte // the file, locked into memory
}

// MaxSecret is how many bytes a Secret may have; cryptsetup(8) takes as many.
const MaxSecret = 8 << 20

// NewSecret takes bytes over: they are overwritten, whatever the error.
func NewSecret(b []byte) (*Secret, error) {
	defer clear(b)
	return newSecret(bytes.NewReader(b), int64(len(b)))
}

// ReadSecret copies a regular file.
func ReadSecret(f *os.File) (*Secret, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return newSecret(f, info.Size())
}

func newSecret(from io.Reader, size int64) (*Secret, error) {
	if size == 0 {
		return nil, errors.New("it is empty")
	}
	if size > MaxSecret {
		return nil, errors.New("it is larger than 8 MiB")
	}
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("key", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("key", flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	s := &Secret{file: os.NewFile(uintptr(fd), "memfd:key")}
	if err := s.fill(from, size); err != nil {
		return nil, errors.Join(fmt.Errorf("memfd: %w", err), s.Close())
	}
	return s, nil
}

func (s *Secret) fill(from io.Reader, size int64) error {
	fd := int(s.file.Fd())
	if err := s.file.Chmod(0o600); err != nil {
		return err
	}
	if err := s.file.Truncate(size); err != nil {
		return err
	}
	// A shared mapping could not be sealed; a private one that is only read has the
	// pages of the file too.
	page, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	s.page = page
	if err := unix.Mlock(page); err != nil { // before anything is in it
		return err
	}
	// From a file the kernel copies: nothing is in our heap.
	if _, err := io.CopyN(s.file, from, size); err != nil {
		return err
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return err
}

// Reader reads the bytes.
func (s *Secret) Reader() io.Reader { return io.NewSectionReader(s.file, 0, int64(len(s.page))) }

// File is the file with the bytes, to be copied from. It is closed with the Secret.
func (s *Secret) File() *os.File { return s.file }

// Close forgets the bytes: the kernel clears a page before anybody else gets it.
func (s *Secret) Close() error {
	var err error
	if s.page != nil {
		err = unix.Munmap(s.page)
	}
	return errors.Join(err, s.file.Close())
}

// LockMemory keeps what the process has in memory, and what it will have, from being
// swapped out: a passphrase that is typed leaves copies.
func LockMemory() error {
	return os.NewSyscallError("mlockall", unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT))
}
