// Package esp finds the partitions that hold boot entries: the EFI system
// partition (ESP) and the extended boot loader partition (XBOOTLDR) of UAPI.1,
// and the /boot of machines that GRUB boots by the same entry files.
package esp

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/entries/internal/blockdev"
)

// Kind is one of the two boot partitions.
type Kind int

// The boot partitions of UAPI.1. Everything that is not the ESP is XBOOTLDR,
// GRUB's /boot too.
const (
	ESP Kind = iota + 1
	XBOOTLDR
)

// String is "esp" or "xbootldr", as bootctl's JSON writes it.
func (k Kind) String() string {
	switch k {
	case ESP:
		return "esp"
	case XBOOTLDR:
		return "xbootldr"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// A Volume is a boot partition, or a directory in its place, opened.
type Volume struct {
	Kind Kind
	// Dir is where it is mounted, an absolute path, for messages. A partition
	// that is mounted nowhere has its device and a colon: "/dev/vda1:".
	Dir string
	// Root reaches the files; links do not lead out of it.
	Root *os.Root
	// Device is the device node, "/dev/vda1"; "" when it is not known, and
	// always for a path that was given.
	Device string
	// PartUUID is the partition's UUID in lower case; "" when not known.
	PartUUID string
	// FSType is the type of the file system as in mountinfo, "vfat"; "" when not
	// known.
	FSType string
	// Subdir is the directory of the file system that Dir shows, as mountinfo
	// has it: "/" for all of it, "/boot" where Dir is no mount, "/@/boot" in a
	// subvolume of btrfs; "" when not known. GRUB's paths start at the root of
	// the file system, so they may begin with it.
	Subdir string
	// Plain reports whether Dir is a directory of a larger file system, not the
	// root of a mount.
	Plain bool
	// Note is what could not be checked, or a partition that was passed over;
	// "" for nothing.
	Note string

	partition blockdev.Partition
	under     blockdev.Partition // what the file system is on; partition, but for a plain directory
	mount     *os.File           // keeps a detached mount alive; nil for others
	self      *os.File           // the directory of Root, opened when first needed
	folder    folder
}

// Close closes the root and lets go of a partition that Find mounted. A second
// call does nothing.
func (v *Volume) Close() error {
	var errs []error
	if v.Root != nil {
		errs = append(errs, v.Root.Close())
	}
	if v.mount != nil {
		errs = append(errs, v.mount.Close())
	}
	if v.self != nil {
		errs = append(errs, v.self.Close())
	}
	v.Root, v.mount, v.self = nil, nil, nil
	return errors.Join(errs...)
}

// ErrNotFound means that there is no boot partition. The errors that wrap it
// list the places and why each was refused.
var ErrNotFound = errors.New("no boot partition found")

// Options select where to look. The zero value is the running machine.
type Options struct {
	// ESPPath and BootPath are the directories of the ESP and of XBOOTLDR, or
	// GRUB's /boot; "" is to be found. A path that is given, here or by the
	// environment, is taken as it is: any directory will do.
	ESPPath, BootPath string
	// Root has the partitions of an operating system that does not run, below
	// this directory. Paths that are given are below it, too.
	Root string
	// Getenv reads SYSTEMD_ESP_PATH, SYSTEMD_XBOOTLDR_PATH,
	// SYSTEMD_RELAX_ESP_CHECKS and SYSTEMD_RELAX_XBOOTLDR_CHECKS; nil:
	// os.Getenv.
	Getenv func(string) string
	// PartUUID is LoaderDevicePartUUID, the partition that the boot loader was
	// started from; "" when not known. Case does not matter. Only the ESP that
	// it names is opened where none is mounted at a usual place.
	PartUUID string
	// SystemdBoot reports whether systemd-boot started this machine. Then a
	// /boot that it would not read, GRUB's, is left out.
	SystemdBoot bool
	// Timeout bounds the wait for a mount point that hangs; zero is 2 s.
	Timeout time.Duration
	// Machine has the mounts and devices; its directory is needed. The zero
	// value is the running machine.
	Machine host.Machine
}

// Find opens the boot partitions, the ESP first, at most one of each kind. The
// caller closes them. Partitions that are found and not given are on a disk of
// the root file system, or mounted at /efi, /boot or /boot/efi from another
// disk that only root can attach: never from a removable, loop, network or USB
// disk. An ESP that is not mounted at a usual place is the one of PartUUID, or
// without it the first of those that proxmox-boot-tool keeps the same.
// Two partitions with its PARTUUID are an error.
//
// There are none exactly when there is an error; it wraps
// ErrNotFound where the machine has no boot partition, or none that is mounted
// or could be, and fs.ErrPermission where root might find one.
func Find(o Options) ([]*Volume, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Machine.FS == nil {
		o.Machine = host.Running()
	}
	espPath, err := o.given(o.ESPPath, "SYSTEMD_ESP_PATH")
	if err != nil {
		return nil, err
	}
	bootPath, err := o.given(o.BootPath, "SYSTEMD_XBOOTLDR_PATH")
	if err != nil {
		return nil, err
	}
	switch {
	case o.Root != "":
		return o.offline(espPath, bootPath)
	case espPath != "" && bootPath != "":
		return o.takeBoth(espPath, bootPath)
	}
	return o.search(espPath, bootPath)
}
