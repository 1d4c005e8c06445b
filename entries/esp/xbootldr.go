package esp

import (
	"errors"
	"fmt"
)

// findBoot is the XBOOTLDR partition, at /boot or on the disk of the ESP, or
// GRUB's /boot. Beside an ESP that the user names only what is at /boot by
// rule counts. missed names a partition that could not be opened; err is
// about a /boot that may be one.
func (s *search) findBoot(esp *Volume, espGiven bool) (v *Volume, missed, err error) {
	p := s.placeOf("/boot")
	switch {
	case errors.Is(p.err, errHangs):
		return nil, nil, p.err
	case p.root == nil, esp != nil && sameDir(esp.Root, p.root), p.Dev != "" && p.Dev == s.esp.Dev:
		// Absent, not allowed, or the ESP.
	case s.isTrue("SYSTEMD_RELAX_XBOOTLDR_CHECKS"):
		return s.volume(p, XBOOTLDR, ""), nil, nil
	case s.isXBOOTLDR(p):
		return s.takeBoot(p, "")
	case espGiven:
	case s.mayBeXBOOTLDR(p):
		return s.takeBoot(p, "/boot: its partition type could not be read, not checked")
	case !s.SystemdBoot && p.has("loader/entries", "grub/grub.cfg", "grub2/grub.cfg"):
		return s.takeBoot(p, "")
	}
	if s.esp.Disk == "" {
		return nil, nil, nil
	}
	for _, p := range s.devices.Partitions() {
		if p.Disk == s.esp.Disk && p.IsXBOOTLDR() && p.Dev != s.esp.Dev {
			v, err := s.openPartition(p, XBOOTLDR)
			return v, err, nil
		}
	}
	return nil, nil, nil
}

// takeBoot takes what is at /boot, if its disk allows it.
func (s *search) takeBoot(p *place, note string) (v *Volume, missed, err error) {
	if err := s.allowPlace(p); err != nil {
		return nil, err, nil
	}
	if err := s.single(p.UUID); err != nil {
		return nil, nil, err
	}
	return s.volume(p, XBOOTLDR, note), nil, nil
}

func (s *search) placeOf(dir string) *place {
	for _, p := range s.places {
		if p.dir == dir {
			return p
		}
	}
	return &place{dir: dir, err: fmt.Errorf("%s: not looked at", dir)}
}

// isXBOOTLDR reports whether systemd-boot would find the partition: by type,
// on the disk that it was started from.
func (s *search) isXBOOTLDR(p *place) bool {
	return p.mount != nil && p.IsXBOOTLDR() && (p.Disk == s.esp.Disk || s.esp.Disk == "" || p.Disk == "")
}

// mayBeXBOOTLDR reports whether nothing speaks against it: a partition with
// entries whose type nobody could read, in a container or without permission.
func (s *search) mayBeXBOOTLDR(p *place) bool {
	known := p.Scheme != "" || p.Node != "" && p.Disk == ""
	return p.mount != nil && !known && p.has("loader/entries", "EFI/Linux")
}
