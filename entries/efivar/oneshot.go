package efivar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/bli"
)

// Saved is a variable of the Boot Loader Interface as Consume found it. It can
// be kept, as JSON too, and restored in a later boot.
type Saved struct {
	Name string
	Variable
}

// Consume deletes a variable of the Boot Loader Interface, as systemd-boot
// does with LoaderEntryOneShot, and returns what it was. The error is
// fs.ErrNotExist where it is absent. On any error the variable is unchanged
// and protected as before.
func (v Vars) Consume(name string) (Saved, error) {
	raw, err := v.Read(name, bli.LoaderVendor)
	if err != nil {
		return Saved{}, err
	}
	path, err := v.path(name, bli.LoaderVendor)
	if err != nil {
		return Saved{}, err
	}
	if err := change(path, func() error { return os.Remove(path) }); err != nil {
		return Saved{}, fmt.Errorf("EFI variable %s: not deleted: %w", name, explain(err))
	}
	return Saved{Name: name, Variable: raw}, nil
}

// Restore writes a variable back, over whatever it is by now. On error the
// variable is as it was before the call, as far as the firmware keeps to the
// specification.
func (v Vars) Restore(s Saved) error {
	path, err := v.path(s.Name, bli.LoaderVendor)
	if err != nil {
		return err
	}
	data := binary.LittleEndian.AppendUint32(nil, s.Attributes)
	data = append(data, s.Data...)
	if err := change(path, func() error { return writeOnce(path, data) }); err != nil {
		return fmt.Errorf("EFI variable %s: not written: %w", s.Name, explain(err))
	}
	return nil
}

// writeOnce creates or overwrites a file with one write(2): efivarfs takes
// attributes and value together or not at all. There is no O_TRUNC, which
// would be one more change.
func writeOnce(path string, data []byte) error {
	_, err := os.Lstat(path)
	created := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil && created {
		// An empty file in place of the variable would stay until the reboot.
		_ = change(path, func() error { return os.Remove(path) })
	}
	return err
}

// change runs act on a file whose immutable flag is off meanwhile. efivarfs
// sets it on every variable, so that "rm -r" cannot break the firmware.
func change(path string, act func() error) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return act()
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	immutable, err := setImmutable(f, false)
	if err != nil {
		return err
	}
	err = act()
	if immutable && linked(f) {
		// A failure here is no failure of act, and lasts until the next boot.
		_, _ = setImmutable(f, true)
	}
	return err
}

// linked reports whether an open file still has a name.
func linked(f *os.File) bool {
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) != nil || st.Nlink > 0
}

// immutableFlag is FS_IMMUTABLE_FL of linux/fs.h, "chattr +i".
const immutableFlag = 0x10

// setImmutable switches FS_IMMUTABLE_FL and reports what it was. A file system
// without flags, such as a test's, has nothing to switch.
func setImmutable(f *os.File, on bool) (was bool, err error) {
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
		return false, nil
	}
	if err != nil {
		return false, os.NewSyscallError("FS_IOC_GETFLAGS", err)
	}
	was = flags&immutableFlag != 0
	if was == on {
		return was, nil
	}
	err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags^immutableFlag))
	return was, os.NewSyscallError("FS_IOC_SETFLAGS", err)
}

// explain adds what an errno of efivarfs means (fs/efivarfs, efi_status_to_err
// in drivers/firmware/efi/efi.c).
func explain(err error) error {
	err = cause(err)
	hint := ""
	switch {
	case errors.Is(err, unix.EINVAL):
		// EFI_INVALID_PARAMETER: the attributes; OVMF's answer to a new or
		// deleted volatile variable. Those are set before ExitBootServices.
		hint = "the firmware does not let the operating system set such a variable"
	case errors.Is(err, unix.EROFS):
		// EFI_WRITE_PROTECTED, or VFS: mounted read-only.
		hint = "only the boot loader may change it, or efivarfs is mounted read-only"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		// VFS: not the owner, the immutable flag, no CAP_LINUX_IMMUTABLE; or
		// EFI_SECURITY_VIOLATION.
		hint = "run as root"
	case errors.Is(err, unix.ENOSPC):
		// EFI_OUT_OF_RESOURCES, or the kernel's own reserve of 5 KiB.
		hint = "the firmware's memory for variables is full"
	case errors.Is(err, unix.EIO):
		hint = "the firmware failed" // EFI_DEVICE_ERROR
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, hint)
}
