package esp

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/internal/blockdev"
)

// findESP is the partition that the boot loader was started from, where that
// is known; else the first place that is an ESP.
func (s *search) findESP() (*Volume, error) {
	if s.isTrue("SYSTEMD_RELAX_ESP_CHECKS") {
		return s.relaxedESP()
	}
	if err := s.single(s.hint); err != nil {
		return nil, err
	}
	first, note, err := s.firstESP()
	if first == nil && (errors.Is(err, errHangs) || errors.Is(err, fs.ErrPermission)) {
		return nil, err
	}
	if s.hint != "" && (first == nil || first.UUID != "" && first.UUID != s.hint) {
		v, herr := s.hinted()
		switch {
		case herr == nil:
			return v, nil
		case first == nil && (errors.Is(herr, errUnmounted) || errors.Is(herr, errForeign)):
			return nil, fmt.Errorf("%w: %w", ErrNotFound, herr)
		case first != nil && note != "":
			note += "; "
		}
		note += "the boot loader was started from another partition: " + worthNote(herr)
	}
	if first == nil {
		if v := s.mirrored(); v != nil {
			return v, nil
		}
		return nil, s.missingESP(err)
	}
	if err := s.single(first.UUID); err != nil {
		return nil, err
	}
	s.esp = first.Partition
	return s.volume(first, ESP, note), nil
}

// hinted opens the partition that the boot loader was started from, which is
// mounted at none of the places.
func (s *search) hinted() (*Volume, error) {
	for _, p := range s.devices.Partitions() {
		if p.UUID != s.hint {
			continue
		}
		v, err := s.openPartition(p, ESP)
		if err == nil {
			s.esp = p
		}
		return v, err
	}
	return nil, fmt.Errorf("there is none with PARTUUID %s", s.hint)
}

// firstESP is the place to take: the one of the hint, else the first that is an
// ESP, with the note on it. err is why the others are none; a place before
// the first that hangs ends the search.
func (s *search) firstESP() (first *place, note string, err error) {
	var reasons []error
	for _, p := range s.places {
		n, err := p.isESP(s.hint)
		if err == nil {
			err = s.allowPlace(p)
		}
		switch {
		case err == nil && (first == nil || p.UUID != "" && p.UUID == s.hint):
			if first == nil || first.UUID != s.hint {
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
			s.esp = p.Partition
			return s.volume(p, ESP, ""), nil
		case !isMissing(p.err):
			return nil, p.err
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrNotFound, errNowhere)
}

// missingESP is the error of a machine without an ESP at a usual place, nowhere
// what is there. It names those on the disks of the root file system, or all
// that root attached where these disks are not known.
func (s *search) missingESP(nowhere error) error {
	var found []blockdev.Partition
	var nodes []string
	for _, p := range s.devices.Partitions() {
		near := len(s.rootDisks) == 0 || slices.Contains(s.rootDisks, p.Disk)
		if p.IsESP() && near && s.allow(p) == nil {
			found, nodes = append(found, p), append(nodes, p.Node)
		}
	}
	switch {
	case len(found) == 0 && s.devices.Denied():
		return hint.Errorf("run as root, or "+giveHint, "%w: %w", ErrNotFound, nowhere)
	case len(found) == 0:
		return hint.Errorf(giveHint, "%w: %w", ErrNotFound, nowhere)
	case len(found) > 1:
		return hint.Errorf("mount the right one", "%w: %s are EFI system partitions, all of them %w", ErrNotFound, strings.Join(nodes, ", "), errUnmounted)
	}
	cause := errors.New("no boot loader names it in LoaderDevicePartUUID")
	if _, err := found[0].FileSystems(true); err != nil {
		cause = err
	}
	return fmt.Errorf("%w: %w", ErrNotFound, s.unmounted(found[0], ESP, cause))
}
