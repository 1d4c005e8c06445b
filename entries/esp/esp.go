// Package esp finds the partitions that hold boot entries: the EFI system
// partition (ESP) and the extended boot loader partition (XBOOTLDR) of UAPI.1,
// and the /boot of machines that GRUB boots by the same entry files.
package esp

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Kind tells the two boot partitions apart.
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
	// Plain says that Dir is a directory of a larger file system, not the root
	// of a mount. GRUB's paths start at the root of the file system.
	Plain bool
	// Note tells what could not be checked, or a partition that was passed
	// over, with the mend; "" when there is nothing to tell.
	Note string

	mount *os.File // keeps a detached mount alive; nil for others
	self  *os.File // the directory of Root, opened when first needed
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

// Options says where to look. The zero value is the running machine.
type Options struct {
	// ESPPath and BootPath are --esp-path= and --boot-path=. A path that is
	// given, by option or environment, is taken as it is: any directory will do.
	ESPPath, BootPath string
	// Root is --root=: the partitions of an operating system that does not
	// run, below this directory. Paths that are given are below it, too.
	Root string
	// Getenv reads SYSTEMD_ESP_PATH, SYSTEMD_XBOOTLDR_PATH,
	// SYSTEMD_RELAX_ESP_CHECKS and SYSTEMD_RELAX_XBOOTLDR_CHECKS; nil:
	// os.Getenv.
	Getenv func(string) string
	// PartUUID is LoaderDevicePartUUID, the partition that the boot loader was
	// started from; "" when not known. Case does not matter.
	PartUUID string
	// SystemdBoot says that systemd-boot started this machine. Then a /boot
	// that it would not read, GRUB's, is left out.
	SystemdBoot bool
	// Timeout bounds the wait for a mount point that hangs; zero is 2 s.
	Timeout time.Duration
	// Machine is the directory that stands for "/" of the machine, a recorded
	// one with its proc, sys, run and dev; "" is "/".
	Machine string
}

// Find opens the boot partitions, the ESP first, at most one of each kind. The
// caller closes them. There are none exactly when there is an error; it wraps
// ErrNotFound where the machine has no boot partition, or none that is mounted
// or could be, and fs.ErrPermission where root might find one.
func Find(o Options) ([]*Volume, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
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
		return takeBoth(espPath, bootPath)
	}
	return o.search(espPath, bootPath)
}
