package esp

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// A search looks for the partitions that the user does not name.
type search struct {
	Options
	machine
	hint   string   // Options.PartUUID in lower case
	places []*place // in the order of UAPI.1 and bootctl(1)
	// esp is the partition that was found; the zero value: none, or a given path.
	esp partition
}

// search finds what is not given; at most one of the paths is.
func (o Options) search(espPath, bootPath string) ([]*Volume, error) {
	s := &search{Options: o, hint: strings.ToLower(o.PartUUID)}
	if o.Machine != "" {
		dir, err := filepath.EvalSymlinks(o.Machine)
		if err != nil {
			return nil, err
		}
		s.dir = dir
	}
	dirs := []string{"/efi", "/boot", "/boot/efi"}
	if espPath != "" {
		dirs = dirs[1:2]
	}
	var err error
	s.places, err = s.openAll(o.Timeout, dirs...)
	if err != nil && espPath == "" && bootPath == "" {
		return nil, err // without /proc only a given path will do
	}
	defer closeAll(s.places)
	if bootPath != "" {
		return s.besideGiven(bootPath)
	}
	return s.both(espPath)
}

// besideGiven looks for the ESP only. Without one the given XBOOTLDR is enough:
// GRUB's /boot.
func (s *search) besideGiven(bootPath string) ([]*Volume, error) {
	boot, err := take(XBOOTLDR, bootPath)
	if err != nil {
		return nil, err
	}
	esp, err := s.findESP()
	switch {
	case err != nil:
		boot.addNote(worthNote(err))
		return []*Volume{boot}, nil
	case sameDir(esp.Root, boot.Root):
		return []*Volume{esp}, boot.Close()
	}
	return []*Volume{esp, boot}, nil
}

// both looks for the XBOOTLDR and, unless it is given, the ESP.
func (s *search) both(espPath string) ([]*Volume, error) {
	esp, err := s.takeOrFindESP(espPath)
	if err != nil && (s.SystemdBoot || espPath != "" || errors.Is(err, errHangs)) {
		return nil, err
	}
	boot, missed, berr := s.findBoot(esp, espPath != "")
	switch {
	case berr != nil:
		if esp != nil {
			berr = errors.Join(berr, esp.Close())
		}
		return nil, berr
	case esp == nil && boot == nil:
		return nil, err
	case esp == nil:
		boot.addNote(worthNote(err))
		return []*Volume{boot}, nil
	case boot == nil:
		esp.addNote(worthNote(missed))
		return []*Volume{esp}, nil
	}
	return []*Volume{esp, boot}, nil
}

func (s *search) takeOrFindESP(espPath string) (*Volume, error) {
	if espPath != "" {
		return take(ESP, espPath)
	}
	return s.findESP()
}

// errUnmounted marks a partition that is there but could not be reached.
var errUnmounted = errors.New("not mounted")

// worthNote is the text of an error that tells more than that a machine has no
// such partition; else "".
func worthNote(err error) string {
	if err == nil || errors.Is(err, ErrNotFound) && !errors.Is(err, errUnmounted) {
		return ""
	}
	return strings.TrimPrefix(err.Error(), ErrNotFound.Error()+": ")
}

func (v *Volume) addNote(note string) {
	if v.Note != "" && note != "" {
		v.Note += "; "
	}
	v.Note += note
}

// openPartition opens a partition where it is mounted, else mounts it where
// nobody sees it.
func (s *search) openPartition(p partition, kind Kind) (*Volume, error) {
	for _, at := range s.mountsOf(p.dev) {
		found := s.open(at.point, s.Timeout)
		if found.err == nil {
			found.mount, found.partition = at, p
			return found.volume(kind, ""), nil
		}
	}
	v, err := s.detach(p, kind)
	if err != nil {
		return nil, fmt.Errorf("%s partition %s is %w: %w, or mount it: mount %s %s",
			label(kind), p.node, errUnmounted, err, p.node, s.mountPoint(kind))
	}
	return v, nil
}

// label names the partition to the user.
func label(kind Kind) string {
	if kind == ESP {
		return "EFI system"
	}
	return "XBOOTLDR"
}

// mountPoint is a directory of this machine to mount the partition at.
func (s *search) mountPoint(kind Kind) string {
	dirs := []string{"/efi", "/boot/efi", "/boot"}
	if kind == XBOOTLDR {
		dirs = dirs[2:]
	}
	for _, dir := range dirs {
		if p := s.placeOf(dir); p.mount == nil && p.root != nil {
			return dir
		}
	}
	return "/mnt"
}

// isMissing tells a machine that has no such directory.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
