package reboot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// KexecPath is where the program kexec is installed for a shutdown that ends in an
// initramfs, below the directory that becomes its root. dracut unpacks the rest
// around it later; usr/bin is a directory in every image, which usr/sbin is
// not.
const KexecPath = "usr/bin/kexec"

// InstallKexec copies a static program that answers to the name kexec to below
// root, "/run/initramfs". What is there already is kept.
func InstallKexec(program, root string) (err error) {
	to := filepath.Join(root, KexecPath)
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	from, err := os.Open(program)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // read only
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".kexec-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	err = errors.Join(err, f.Chmod(0o755), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("%s: %w", to, err)
	}
	return nil
}

// RemoveKexec removes a copy of a program that InstallKexec made, and nothing
// else of that name. Directories are kept.
func RemoveKexec(program, root string) error {
	to := filepath.Join(root, KexecPath)
	ours, err := os.Stat(program)
	if err != nil {
		return err
	}
	info, err := os.Lstat(to)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && (!info.Mode().IsRegular() || info.Size() != ours.Size()) {
		return nil
	}
	if err == nil {
		err = os.Remove(to)
	}
	return err
}
