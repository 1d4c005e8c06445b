package esp

import (
	"errors"
	"fmt"
)

// findBoot is the XBOOTLDR partition, at /boot or on the disk of the ESP, or
// GRUB's /boot. Beside an ESP that the user names only what is at /boot by
// rule counts. missed tells of a partition that could not be opened; err is
// about a /boot that may be one.
func (s *search) findBoot(esp *Volume, espGiven bool) (v *Volume, missed, err error) {
	p := s.placeOf("/boot")
	switch {
	case errors.Is(p.err, errHangs):
		return nil, nil, p.err
	case p.root == nil, esp != nil && sameDir(esp.Root, p.root), p.dev != "" && p.dev == s.esp.dev:
		// Absent, not allowed, or the ESP.
	case s.isTrue("SYSTEMD_RELAX_XBOOTLDR_CHECKS"), s.isXBOOTLDR(p):
		return p.volume(XBOOTLDR, ""), nil, nil
	case espGiven:
	case s.mayBeXBOOTLDR(p):
		return p.volume(XBOOTLDR, "/boot: its partition type could not be read, not checked"), nil, nil
	case !s.SystemdBoot && p.has("loader/entries"):
		return p.volume(XBOOTLDR, ""), nil, nil
	}
	if s.esp.disk == "" {
		return nil, nil, nil
	}
	for _, p := range s.partitions(s.esp.disk) {
		if p.typed(XBOOTLDR) && p.dev != s.esp.dev {
			v, err := s.openPartition(p, XBOOTLDR)
			return v, err, nil
		}
	}
	return nil, nil, nil
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
	return p.mount != nil && p.typed(XBOOTLDR) && (p.disk == s.esp.disk || s.esp.disk == "" || p.disk == "")
}

// mayBeXBOOTLDR reports whether nothing speaks against it: a partition with
// entries whose type nobody could read, in a container or without permission.
func (s *search) mayBeXBOOTLDR(p *place) bool {
	known := p.scheme != "" || p.node != "" && p.disk == ""
	return p.mount != nil && !known && p.has("loader/entries", "EFI/Linux")
}
