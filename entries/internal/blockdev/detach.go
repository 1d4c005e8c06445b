package blockdev

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// keepJournal holds, for each file system that may hold boot files, the option
// without which even a read-only mount would replay its journal; "" for none.
func keepJournal() map[string]string {
	return map[string]string{"vfat": "", "ext4": "noload", "xfs": "norecovery", "btrfs": "rescue=nologreplay"}
}

// FileSystems returns those to try on the partition, best guess first; fat is
// for one that firmware reads. The error is about a file system that cannot
// hold boot files.
func (p Partition) FileSystems(fat bool) ([]string, error) {
	_, known := keepJournal()[p.FS]
	switch {
	case p.FS != "" && (!known || fat && p.FS != "vfat"):
		return nil, fmt.Errorf("it holds %s", p.FS)
	case p.FS != "":
		return []string{p.FS}, nil
	case fat:
		return []string{"vfat"}, nil
	}
	return []string{"vfat", "ext4", "xfs", "btrfs"}, nil
}

// Detach mounts a partition read-only where nobody sees it: the mount is in no
// mount table and goes with the file, its root. It needs CAP_SYS_ADMIN and
// Linux 5.2. fstype is what it turned out to hold; fat as for FileSystems.
func (d *Devices) Detach(p Partition, fat bool) (tree *os.File, fstype string, err error) {
	types, err := p.FileSystems(fat)
	if err != nil {
		return nil, "", err
	}
	for _, fstype = range types {
		if tree, err = mountDetached(fstype, strings.TrimSuffix(d.machine.Dir, "/")+p.Node); err == nil {
			return tree, fstype, nil
		}
	}
	return nil, "", err
}

// mountDetached makes a read-only superblock, or shares one that exists: where
// the device is mounted in another mount namespace, writable, the kernel
// answers EBUSY, and this mount alone can be read-only.
func mountDetached(fstype, source string) (*os.File, error) {
	tree, err := mountSuper(fstype, source, true)
	if errors.Is(err, unix.EBUSY) {
		tree, err = mountSuper(fstype, source, false)
	}
	return tree, err
}

func mountSuper(fstype, source string, readOnly bool) (*os.File, error) {
	fd, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, explainMount("fsopen "+fstype, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := configure(fd, fstype, source, readOnly); err != nil {
		return nil, explainMount("fsconfig "+fstype, err)
	}
	tree, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC,
		unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, explainMount("fsmount "+fstype, err)
	}
	return os.NewFile(uintptr(tree), source), nil
}

func configure(fd int, fstype, source string, readOnly bool) error {
	if err := unix.FsconfigSetString(fd, "source", source); err != nil {
		return err
	}
	if readOnly {
		if err := unix.FsconfigSetFlag(fd, "ro"); err != nil {
			return err
		}
		if err := setOption(fd, keepJournal()[fstype]); err != nil {
			return err
		}
	}
	return unix.FsconfigCreate(fd)
}

// setOption sets "flag" or "key=value"; "" is none.
func setOption(fd int, option string) error {
	key, value, found := strings.Cut(option, "=")
	switch {
	case option == "":
		return nil
	case found:
		return unix.FsconfigSetString(fd, key, value)
	}
	return unix.FsconfigSetFlag(fd, key)
}

// explainMount adds what an errno of fsopen(2) and its sisters means.
func explainMount(op string, err error) error {
	err = os.NewSyscallError(op, err)
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		// No CAP_SYS_ADMIN, a seccomp filter; or a device without permission.
		return hint.Wrap(err, "run as root")
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: needs Linux 5.2 or later", err)
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("%w: this kernel lacks the file system, or its module", err)
	}
	return err // EINVAL: no such file system there; ENXIO, EIO: the device
}
