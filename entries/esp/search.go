package esp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/internal/blockdev"
)

// A search looks for the partitions that the user does not name.
type search struct {
	Options
	mounts    mounts
	devices   *blockdev.Devices
	rootDisks []string // directories of sysfs; none where they are not known
	hint      string   // Options.PartUUID in lower case
	places    []*place // in the order of UAPI.1 and bootctl(1)
	// esp is the partition that was found; the zero value: none, or a given path.
	esp blockdev.Partition
}

// search finds what is not given; at most one of the paths is.
func (o Options) search(espPath, bootPath string) ([]*Volume, error) {
	s := &search{Options: o, hint: strings.ToLower(o.PartUUID), devices: blockdev.New(o.Machine)}
	dirs := []string{"/efi", "/boot", "/boot/efi"}
	if espPath != "" {
		dirs = dirs[1:2]
	}
	var err error
	s.places, err = s.openAll(dirs...)
	if err != nil && espPath == "" && bootPath == "" {
		return nil, err // without /proc only a given path will do
	}
	defer closeAll(s.places)
	s.findRoot()
	var volumes []*Volume
	if bootPath != "" {
		volumes, err = s.besideGiven(bootPath)
	} else {
		volumes, err = s.both(espPath)
	}
	if err == nil {
		volumes[0].addNote(s.rootNote(volumes))
	}
	return volumes, err
}

// besideGiven looks for the ESP only. Without one the given XBOOTLDR is enough:
// GRUB's /boot.
func (s *search) besideGiven(bootPath string) ([]*Volume, error) {
	boot, err := s.take(XBOOTLDR, bootPath)
	if err != nil {
		return nil, err
	}
	esp, err := s.findESP()
	switch {
	case errors.Is(err, errAmbiguous):
		return nil, errors.Join(err, boot.Close())
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
	if err != nil && (s.SystemdBoot || espPath != "" || errors.Is(err, errHangs) || errors.Is(err, errAmbiguous)) {
		return nil, err
	}
	boot, missed, berr := s.findBoot(esp, espPath != "")
	switch {
	case berr != nil:
		if esp != nil {
			berr = errors.Join(berr, esp.Close())
		}
		return nil, berr
	case esp == nil && boot == nil && missed != nil:
		return nil, fmt.Errorf("%w; %w", err, missed)
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
		return s.take(ESP, espPath)
	}
	return s.findESP()
}

// errUnmounted marks a partition that is there but could not be reached.
var errUnmounted = errors.New("not mounted")

// worthNote is the text of an error that shows more than that a machine has no
// such partition; else "".
func worthNote(err error) string {
	if err == nil || errors.Is(err, ErrNotFound) && !errors.Is(err, errUnmounted) {
		return ""
	}
	note := strings.TrimPrefix(err.Error(), ErrNotFound.Error()+": ")
	if h := hint.Of(err); h != "" {
		note += "; " + h
	}
	return note
}

func (v *Volume) addNote(note string) {
	if v.Note != "" && note != "" {
		v.Note += "; "
	}
	v.Note += note
}

// openPartition opens a partition where it is mounted, else mounts it where
// nobody sees it.
func (s *search) openPartition(p blockdev.Partition, kind Kind) (*Volume, error) {
	if err := s.allow(p); err != nil {
		return nil, err
	}
	for _, at := range s.mounts.of(p.Dev) {
		found := s.open(at.Point)
		if found.err == nil {
			found.mount, found.Partition = at, p
			return s.volume(found, kind, ""), nil
		}
	}
	v, err := s.detach(p, kind)
	if err != nil {
		return nil, s.unmounted(p, kind, err)
	}
	return v, nil
}

// unmounted is the error of a partition that cannot be reached.
func (s *search) unmounted(p blockdev.Partition, kind Kind, cause error) error {
	return hint.Errorf("mount "+p.Node+" "+s.mountPoint(kind), "%s partition %s is %w: %w", label(kind), p.Node, errUnmounted, cause)
}

// detach opens a partition through a mount of its own, which goes with the
// volume.
func (s *search) detach(p blockdev.Partition, kind Kind) (*Volume, error) {
	tree, fstype, err := s.devices.Detach(p, kind == ESP)
	if err != nil {
		return nil, err
	}
	// The magic link, not a path: it leads to the root of the mount.
	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", tree.Fd()))
	if err != nil {
		_ = tree.Close()
		return nil, err
	}
	v := &Volume{Kind: kind, Dir: p.Node + ":", Root: root, FSType: fstype, Subdir: "/", mount: tree}
	v.on(p)
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

// isMissing reports whether the machine has no such directory.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
