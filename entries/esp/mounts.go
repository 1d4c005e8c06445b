package esp

import (
	"path"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// mounts are the mounts of a machine, in the order in which they were made.
type mounts []host.Mount

// at is the mount that is seen at a directory; nil: none.
func (ms mounts) at(dir string) *host.Mount {
	for i := range slices.Backward(ms) {
		if ms[i].Point == dir {
			return &ms[i]
		}
	}
	return nil
}

// of are the places where the whole file system of a device is mounted and not
// covered by another mount. What a user may have mounted does not count.
func (ms mounts) of(dev string) []*host.Mount {
	var found []*host.Mount
	for i := range ms {
		m := &ms[i]
		if m.Device == dev && m.Root == "/" && ms.at(m.Point) == m && !isUsers(m) {
			found = append(found, m)
		}
	}
	return found
}

// holding is the mount that a directory without symbolic links is on; nil where
// that is not known.
func (ms mounts) holding(dir string) *host.Mount {
	for {
		if m := ms.at(dir); m != nil {
			return m
		}
		if dir == "/" || dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}

// isUsers reports whether a mount may be that of a user without privileges:
// FUSE, and where desktops mount disks or users have directories.
func isUsers(m *host.Mount) bool {
	if m.FSType == "fuse" || m.FSType == "fuseblk" || strings.HasPrefix(m.FSType, "fuse.") {
		return true
	}
	for _, dir := range []string{"/run/media/", "/media/", "/run/user/", "/home/", "/tmp/", "/var/tmp/"} {
		if strings.HasPrefix(m.Point, dir) {
			return true
		}
	}
	return false
}

// describe notes the file system of a volume whose directory is dir, without
// symbolic links.
func (ms mounts) describe(v *Volume, dir string) {
	m := ms.holding(dir)
	if m == nil {
		return
	}
	v.FSType = m.FSType
	v.Subdir = path.Join(m.Root, strings.TrimPrefix(dir, m.Point))
}
