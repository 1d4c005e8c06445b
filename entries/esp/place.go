package esp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/entries/internal/blockdev"
)

// A place is a directory where a boot partition may be mounted.
type place struct {
	dir  string // "/efi"
	real string // without symbolic links
	root *os.Root
	// err is why root could not be opened; errHangs among others.
	err   error
	mount *host.Mount // nil: a plain directory, or absent
	blockdev.Partition
}

// defaultTimeout bounds the wait for one directory.
const defaultTimeout = 2 * time.Second

var errHangs = errors.New("does not answer")

// openAll opens the directories, so that automounts mount, and then looks what
// is mounted there.
func (s *search) openAll(dirs ...string) ([]*place, error) {
	var places []*place
	for _, dir := range dirs {
		places = append(places, s.open(dir))
	}
	var err error
	if s.mounts, err = s.Machine.Mounts(); err != nil {
		closeAll(places)
		return nil, err
	}
	for _, p := range places {
		if p.mount = s.mounts.at(p.real); p.mount != nil {
			p.Partition = s.devices.Partition(s.devices.Of(*p.mount))
		}
	}
	return places, nil
}

// open opens a directory within the time, as the lookup of an automount may
// hang for ever. What comes too late is closed again.
func (s *search) open(dir string) *place {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	done := make(chan *place, 1)
	go func() { done <- lookUp(s.Machine.Dir, dir) }()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case p := <-done:
		return p
	case <-timer.C:
		go func() { (<-done).close() }()
		err := hint.Errorf("see whether its device is there", "%s: %w for %v", dir, errHangs, timeout)
		return &place{dir: dir, real: dir, err: err}
	}
}

// lookUp opens a directory of the machine whose own is machine. A name inside
// is looked at first: that makes the automounter mount.
func lookUp(machine, dir string) *place {
	p := &place{dir: dir, real: dir}
	name := filepath.Join(machine, dir)
	_, _ = os.Lstat(name + "/loader")
	if real, err := filepath.EvalSymlinks(name); err == nil {
		p.real = below(machine, real)
	}
	root, err := os.OpenRoot(name)
	switch {
	case err == nil:
		p.root = root
	case errors.Is(err, fs.ErrPermission):
		p.err = hint.Errorf("run as root", "%s: %w", dir, Cause(err))
	default:
		p.err = fmt.Errorf("%s: %w", dir, Cause(err))
	}
	return p
}

func (p *place) close() {
	if p.root != nil {
		_ = p.root.Close()
		p.root = nil
	}
}

func closeAll(places []*place) {
	for _, p := range places {
		p.close()
	}
}

// below is a path without the directory that it is in.
func below(dir, path string) string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(path, strings.TrimSuffix(dir, "/")), "/")
}

// volume makes a volume of an opened place, which is then closed with it.
func (s *search) volume(p *place, kind Kind, note string) *Volume {
	v := &Volume{Kind: kind, Dir: p.dir, Root: p.root, Plain: p.mount == nil, Note: note}
	v.on(p.Partition)
	s.mounts.describe(v, p.real)
	if m := s.mounts.holding(p.real); v.Plain && m != nil {
		v.under = s.devices.Partition(s.devices.Of(*m))
	}
	p.root = nil
	return v
}

// on notes the partition that a volume is on.
func (v *Volume) on(p blockdev.Partition) {
	v.partition, v.under, v.Device, v.PartUUID = p, p, p.Node, p.UUID
}

// has reports whether one of the names exists below the directory. One that
// nobody but root may see counts: reading it will say so.
func (p *place) has(names ...string) bool {
	return p.root != nil && has(p.root, names...)
}

func has(root *os.Root, names ...string) bool {
	for _, name := range names {
		if _, err := root.Stat(name); err == nil || errors.Is(err, fs.ErrPermission) {
			return true
		}
	}
	return false
}

// isESP returns why the place is not the ESP, nil if it is, and in note what of
// that could not be checked. hint is a partition that is one, whatever its type.
func (p *place) isESP(hint string) (note string, err error) {
	switch {
	case isMissing(p.err), errors.Is(p.err, errHangs):
		return "", p.err
	case p.mount == nil, p.mount.Root != "/":
		return "", fmt.Errorf("%s: no file system of its own", p.dir)
	case p.mount.FSType == "autofs":
		return "", fmt.Errorf("%s: the automount mounted nothing", p.dir)
	case !isFAT(p.mount.FSType):
		return "", fmt.Errorf("%s: %s, not FAT", p.dir, p.mount.FSType)
	case p.err != nil:
		return "", p.err
	case p.IsESP():
		return "", nil
	case p.Scheme == "":
		return p.dir + ": its partition type could not be read, not checked", nil
	case p.UUID != "" && p.UUID == hint:
		return fmt.Sprintf("%s: the boot loader was started from it, but its partition type is %s", p.dir, p.Type), nil
	}
	return "", fmt.Errorf("%s: partition type %s, not that of an EFI system partition", p.dir, p.Type)
}

// isFAT reports whether a type of file system is one that firmware reads.
func isFAT(fstype string) bool { return fstype == "vfat" || fstype == "msdos" }

// isMountRoot reports whether a directory is where something is mounted.
func isMountRoot(dir string) bool {
	var at, above unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, dir, 0, 0, &at) != nil {
		return false
	}
	if at.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return at.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
	}
	// Before Linux 5.8.
	err := unix.Statx(unix.AT_FDCWD, dir+"/..", 0, 0, &above)
	return err == nil && (at.Dev_major != above.Dev_major || at.Dev_minor != above.Dev_minor)
}
