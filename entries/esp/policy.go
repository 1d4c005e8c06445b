package esp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/entries/internal/blockdev"
)

// giveHint is what to do where a partition is not found or not taken.
const giveHint = string(hint.GivePath)

var (
	errForeign   = errors.New("does not hold the root file system")
	errAmbiguous = errors.New("more than one partition")
)

// findRoot looks for the disks of the root file system: those of the first
// mount that is on any. ostree, systemd and NixOS may mount an overlay or
// memory at / and the system below it.
func (s *search) findRoot() {
	for _, dir := range []string{"/", "/usr", "/sysroot", "/nix", "/nix/store"} {
		m := s.mounts.at(dir)
		if m == nil || isUsers(m) {
			continue
		}
		if s.rootDisks = s.devices.MountDisks(*m); len(s.rootDisks) > 0 {
			return
		}
	}
}

// allow returns why a partition cannot be taken: it is on a disk that is not of
// the root file system and that a user may have attached.
func (s *search) allow(p blockdev.Partition) error {
	for _, disk := range s.devices.Disks(p.Dev) {
		if kind := s.devices.Foreign(disk); kind != "" && !slices.Contains(s.rootDisks, disk) {
			return hint.Errorf(giveHint, "%s is on a %s disk that %w", p.Node, kind, errForeign)
		}
	}
	return nil
}

// allowPlace is allow for what is mounted at a usual place.
func (s *search) allowPlace(p *place) error {
	var err error
	switch {
	case p.mount == nil:
		return nil
	case isUsers(p.mount):
		err = hint.Errorf(giveHint, "it is mounted at %s, where any user may mount", p.mount.Point)
	default:
		err = s.allow(p.Partition)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.dir, err)
	}
	return nil
}

// single returns an error where another partition has the same PARTUUID: a copy
// that somebody may have attached to be taken for the original.
func (s *search) single(uuid string) error {
	if uuid == "" {
		return nil
	}
	var first blockdev.Partition
	for _, p := range s.devices.Partitions() {
		switch {
		case p.UUID != uuid:
		case first.Node == "":
			first = p
		case first.Number != p.Number || !s.devices.Same(first.Disk, p.Disk):
			return hint.Errorf(giveHint, "%w: %w has the PARTUUID %s: %s and %s", ErrNotFound, errAmbiguous, uuid, first.Node, p.Node)
		}
	}
	return nil
}

// rootNote is what could not be checked where the disks of the root file system
// are not known; "" for a system in memory, which has none.
func (s *search) rootNote(volumes []*Volume) string {
	root := s.mounts.at("/")
	if len(s.rootDisks) > 0 || root == nil || isMemory(root) {
		return ""
	}
	for _, v := range volumes {
		if v.partition.Disk != "" {
			return fmt.Sprintf("the disks of the root file system (%s) are not known: not checked whether %s is on one of them", root.FSType, v.Device)
		}
	}
	return ""
}

func isMemory(m *host.Mount) bool {
	return m.FSType == "rootfs" || m.FSType == "tmpfs" || m.FSType == "ramfs"
}
