package esp

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// findESP is the partition that the boot loader was started from, where that
// is known; else the first place that is an ESP; else one that is not mounted.
func (s *search) findESP() (*Volume, error) {
	if s.isTrue("SYSTEMD_RELAX_ESP_CHECKS") {
		return s.relaxedESP()
	}
	first, note, err := s.firstESP()
	if first == nil && (errors.Is(err, errHangs) || errors.Is(err, fs.ErrPermission)) {
		return nil, err
	}
	if s.hint != "" && (first == nil || first.uuid != "" && first.uuid != s.hint) {
		v, herr := s.hinted()
		switch {
		case herr == nil:
			return v, nil
		case first == nil && errors.Is(herr, errUnmounted):
			return nil, fmt.Errorf("%w: %w", ErrNotFound, herr)
		case first != nil && note != "":
			note += "; "
		}
		note += fmt.Sprintf("the boot loader was started from another partition: %v", herr)
	}
	if first != nil {
		s.esp = first.partition
		return first.volume(ESP, note), nil
	}
	return s.unmountedESP(err)
}

// hinted opens the partition that the boot loader was started from, which is
// mounted at none of the places.
func (s *search) hinted() (*Volume, error) {
	for _, p := range s.partitions("") {
		if p.uuid == s.hint {
			return s.openESP(p)
		}
	}
	return nil, fmt.Errorf("there is none with PARTUUID %s", s.hint)
}

func (s *search) openESP(p partition) (*Volume, error) {
	v, err := s.openPartition(p, ESP)
	if err == nil {
		s.esp = p
	}
	return v, err
}

// firstESP is the place to take: the one of the hint, else the first that is an
// ESP, with the note on it. err tells why the others are none; a place before
// the first that hangs ends the search.
func (s *search) firstESP() (first *place, note string, err error) {
	var reasons []error
	for _, p := range s.places {
		n, err := p.isESP(s.hint)
		switch {
		case err == nil && (first == nil || p.uuid != "" && p.uuid == s.hint):
			if first == nil || first.uuid != s.hint {
				first, note = p, n
			}
		case errors.Is(err, errHangs) && first == nil, errors.Is(err, fs.ErrPermission) && first == nil:
			return nil, "", err
		case err != nil && !isMissing(err):
			reasons = append(reasons, err)
		}
	}
	return first, note, joinReasons(reasons)
}

var errNowhere = errors.New("nothing at /efi, /boot or /boot/efi")

// joinReasons puts the errors into one line.
func joinReasons(reasons []error) error {
	if len(reasons) == 0 {
		return errNowhere
	}
	joined := reasons[0]
	for _, r := range reasons[1:] {
		joined = fmt.Errorf("%w; %w", joined, r)
	}
	return joined
}

// relaxedESP is the first directory that exists, as with bootctl 262 under
// SYSTEMD_RELAX_ESP_CHECKS.
func (s *search) relaxedESP() (*Volume, error) {
	for _, p := range s.places {
		switch {
		case p.err == nil:
			s.esp = p.partition
			return p.volume(ESP, ""), nil
		case !isMissing(p.err):
			return nil, p.err
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrNotFound, errNowhere)
}

// unmountedESP opens the only ESP of the machine, else the only one on the
// disks of the root file system. nowhere tells what is at the usual places.
func (s *search) unmountedESP(nowhere error) (*Volume, error) {
	var all, near []partition
	var nodes []string
	disks := s.rootDisks()
	for _, p := range s.partitions("") {
		if !p.typed(ESP) {
			continue
		}
		all, nodes = append(all, p), append(nodes, p.node)
		if disks[p.disk] {
			near = append(near, p)
		}
	}
	if len(all) != 1 {
		all = near
	}
	switch {
	case len(nodes) == 0 && s.denied:
		return nil, fmt.Errorf("%w: %w; run as root, or name it with --esp-path=", ErrNotFound, nowhere)
	case len(nodes) == 0:
		return nil, fmt.Errorf("%w: %w; name it with --esp-path=", ErrNotFound, nowhere)
	case len(all) != 1:
		return nil, fmt.Errorf("%w: %s are EFI system partitions, all of them %w: mount the right one",
			ErrNotFound, strings.Join(nodes, ", "), errUnmounted)
	}
	v, err := s.openESP(all[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return v, nil
}
