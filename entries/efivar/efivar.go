// Package efivar reads the EFI variables of the boot loader interface from
// efivarfs, deletes a one-shot variable and restores it.
package efivar

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kexec-bls/kexec-bls/bls/bli"
)

// DefaultDir is where efivarfs is mounted. A machine that was not booted with
// EFI has no such directory.
const DefaultDir = "/sys/firmware/efi/efivars"

// maxSize bounds what is read of a variable, in bytes with the attributes.
// LoaderEntries of a thousand long ids fits; firmware rarely stores more than
// 64 KiB in one variable.
const maxSize = 64 << 10

// Vars is a directory of variables. The zero value is the running machine.
type Vars struct {
	// Dir holds one file NAME-VENDOR for each variable; empty: DefaultDir.
	Dir string
}

// A Variable is the raw content of an EFI variable.
type Variable struct {
	// Attributes as in the UEFI specification, 8.2: 1 non-volatile, 2 boot
	// services, 4 runtime.
	Attributes uint32
	Data       []byte
}

// Loader reads a text variable of the Boot Loader Interface. The error is
// fs.ErrNotExist where the variable, or all of EFI, is absent. An empty
// variable is "".
func (v Vars) Loader(name string) (string, error) {
	raw, err := v.Read(name, bli.LoaderVendor)
	if err != nil {
		return "", err
	}
	s, err := bli.Decode(raw.Data)
	if err != nil {
		return "", fmt.Errorf("EFI variable %s: %w", name, err)
	}
	return s, nil
}

// LoaderList reads a variable that holds several strings, such as
// LoaderEntries. Errors are those of Loader.
func (v Vars) LoaderList(name string) ([]string, error) {
	raw, err := v.Read(name, bli.LoaderVendor)
	if err != nil {
		return nil, err
	}
	list, err := bli.DecodeList(raw.Data)
	if err != nil {
		return nil, fmt.Errorf("EFI variable %s: %w", name, err)
	}
	return list, nil
}

// LoaderUint64 reads a variable that holds a little-endian number of eight
// bytes: LoaderFeatures, StubFeatures. Errors are those of Loader.
func (v Vars) LoaderUint64(name string) (uint64, error) {
	raw, err := v.Read(name, bli.LoaderVendor)
	switch {
	case err != nil:
		return 0, err
	case len(raw.Data) != 8:
		return 0, fmt.Errorf("EFI variable %s: %d bytes long, want 8", name, len(raw.Data))
	}
	return binary.LittleEndian.Uint64(raw.Data), nil
}

// Global reads a variable of the UEFI specification: SecureBoot, BootNext,
// OsIndications. Errors are those of Read.
func (v Vars) Global(name string) (Variable, error) { return v.Read(name, bli.GlobalVendor) }

// Available reports whether the machine shows EFI variables: it was booted with
// EFI, and efivarfs is mounted.
func (v Vars) Available() bool {
	_, err := os.Stat(cmp.Or(v.Dir, DefaultDir))
	return err == nil
}

// Read reads the raw content of a variable, up to 64 KiB. The error is
// fs.ErrNotExist where the variable, or all of EFI, is absent.
func (v Vars) Read(name, vendor string) (Variable, error) {
	path, err := v.path(name, vendor)
	if err != nil {
		return Variable{}, err
	}
	data, err := readOnce(path)
	if err != nil {
		return Variable{}, fmt.Errorf("EFI variable %s: %w", name, cause(err))
	}
	if len(data) == 0 {
		// efivarfs shows a variable that is being created, or whose write
		// failed, as a file of no bytes, and GetVariable then finds nothing.
		return Variable{}, fmt.Errorf("EFI variable %s: %w", name, fs.ErrNotExist)
	}
	if len(data) < 4 {
		return Variable{}, fmt.Errorf("EFI variable %s: %d bytes, too short for its attributes", name, len(data))
	}
	return Variable{Attributes: binary.LittleEndian.Uint32(data), Data: data[4:]}, nil
}

// path is the file of a variable. A name that would leave the directory is
// refused.
func (v Vars) path(name, vendor string) (string, error) {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("%q is no name of an EFI variable", name)
	}
	dir := v.Dir
	if dir == "" {
		dir = DefaultDir
	}
	return filepath.Join(dir, name+"-"+vendor), nil
}

// cause drops the path that os puts before an error: the name of the variable
// is enough.
func cause(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}

// readOnce reads a file with one read(2): on efivarfs each read asks the
// firmware again, and so could join two values. Where the buffer comes back
// full the next attempt has a larger one. Readers without privilege get EINTR
// above 100 reads a second (efivarfs_file_read), which os.File retries.
func readOnce(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	for size := 4 << 10; ; size = min(4*size, maxSize+1) {
		buf := make([]byte, size)
		n, err := f.Read(buf)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case n < size:
			return buf[:n], nil
		case size > maxSize:
			return nil, fmt.Errorf("larger than %d bytes", maxSize)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
}
