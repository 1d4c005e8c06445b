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
)

// A place is a directory where a boot partition may be mounted.
type place struct {
	dir  string // "/efi"
	real string // without symbolic links
	root *os.Root
	// err says why root could not be opened; errHangs among others.
	err   error
	mount *mount // nil: a plain directory, or absent
	partition
}

// defaultTimeout bounds the wait for one directory.
const defaultTimeout = 2 * time.Second

var errHangs = errors.New("does not answer")

// openAll opens the directories, so that automounts mount, and then looks what
// is mounted there.
func (m *machine) openAll(timeout time.Duration, dirs ...string) ([]*place, error) {
	var places []*place
	for _, dir := range dirs {
		places = append(places, m.open(dir, timeout))
	}
	if err := m.readMounts(); err != nil {
		closeAll(places)
		return nil, err
	}
	for _, p := range places {
		if p.mount = m.mountAt(p.real); p.mount != nil {
			p.partition = m.partition(m.device(p.mount))
		}
	}
	return places, nil
}

// open opens a directory within the time, as the lookup of an automount may
// hang for ever. What comes too late is closed again.
func (m *machine) open(dir string, timeout time.Duration) *place {
	if timeout == 0 {
		timeout = defaultTimeout
	}
	done := make(chan *place, 1)
	go func() { done <- m.lookUp(dir) }()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case p := <-done:
		return p
	case <-timer.C:
		go func() { (<-done).close() }()
		err := fmt.Errorf("%s: %w for %v: see whether its device is there", dir, errHangs, timeout)
		return &place{dir: dir, real: dir, err: err}
	}
}

// lookUp opens a directory. A name inside is looked at first: that makes the
// automounter mount.
func (m *machine) lookUp(dir string) *place {
	p := &place{dir: dir, real: dir}
	_, _ = os.Lstat(m.dir + dir + "/loader")
	if real, err := filepath.EvalSymlinks(m.dir + dir); err == nil {
		p.real = strings.TrimPrefix(real, m.dir)
	}
	root, err := os.OpenRoot(m.dir + dir)
	switch {
	case err == nil:
		p.root = root
	case errors.Is(err, fs.ErrPermission):
		p.err = fmt.Errorf("%s: %w: run as root", dir, Cause(err))
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

// volume hands the opened directory over.
func (p *place) volume(kind Kind, note string) *Volume {
	v := &Volume{Kind: kind, Dir: p.dir, Root: p.root, Plain: p.mount == nil, Note: note}
	v.on(p.partition)
	p.root = nil
	return v
}

// on notes the partition that a volume is on.
func (v *Volume) on(p partition) {
	v.Device, v.PartUUID = p.node, p.uuid
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

// isESP says why the place is not the ESP, nil if it is, and in note what of
// that is taken on trust. hint is a partition that is one, whatever its type.
func (p *place) isESP(hint string) (note string, err error) {
	switch {
	case isMissing(p.err), errors.Is(p.err, errHangs):
		return "", p.err
	case p.mount == nil, p.mount.root != "/":
		return "", fmt.Errorf("%s: no file system of its own", p.dir)
	case p.mount.fstype == "autofs":
		return "", fmt.Errorf("%s: the automount mounted nothing", p.dir)
	case p.mount.fstype != "vfat" && p.mount.fstype != "msdos":
		return "", fmt.Errorf("%s: %s, not FAT", p.dir, p.mount.fstype)
	case p.err != nil:
		return "", p.err
	case p.typed(ESP):
		return "", nil
	case p.scheme == "":
		return p.dir + ": its partition type could not be read, not checked", nil
	case p.uuid != "" && p.uuid == hint:
		return fmt.Sprintf("%s: the boot loader was started from it, but its partition type is %s", p.dir, p.kind), nil
	}
	return "", fmt.Errorf("%s: partition type %s, not that of an EFI system partition", p.dir, p.kind)
}

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
