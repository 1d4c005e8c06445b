package preflight

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// KeepsMemory is why what is in memory may be on a disk later where it can be read: a
// swap space that is not encrypted, or hibernation. It is nil where neither is.
func KeepsMemory(h host.Machine) error {
	if device := h.Text("sys/power/resume"); device != "" && device != "0:0" || parameter(h.Cmdline(), "resume") != "" {
		return hint.Errorf("boot without hibernation first, or type the passphrase in the next boot", "the machine can hibernate")
	}
	swaps, err := h.Swaps()
	if err != nil {
		return err
	}
	l := newLook(Env{Host: h}, Plan{})
	for _, s := range swaps {
		if !l.encrypted(l.swapDevice(s), 0) {
			return hint.Errorf("swapoff "+s.Path, "swap space %s is not encrypted", s.Path)
		}
	}
	return nil
}

// swapDevice is the kernel name of the disk that a swap space is on, "" where it is not
// known.
func (l *look) swapDevice(s host.Swap) string {
	if !s.File {
		if target := l.host.LinkName(strings.TrimPrefix(s.Path, "/")); target != "" {
			return target
		}
		return path.Base(s.Path)
	}
	var under host.Mount
	mounts, _ := l.host.Mounts() // none
	for _, m := range mounts {
		// A later mount covers an earlier one of the same point.
		if strings.HasPrefix(s.Path, strings.TrimSuffix(m.Point, "/")+"/") && len(m.Point) >= len(under.Point) {
			under = m
		}
	}
	if under.Point == "" {
		return ""
	}
	return l.mountedDevice(under)
}

// maxDepth bounds how many devices are below one another; a corrupt sysfs has no end.
const maxDepth = 16

// encrypted reports whether all that a disk consists of is encrypted, or in memory.
func (l *look) encrypted(disk string, depth int) bool {
	dir := "sys/class/block/" + disk
	if disk == "" || depth > maxDepth || !fs.ValidPath(dir) {
		return false
	}
	if strings.HasPrefix(l.host.Text(dir+"/dm/uuid"), "CRYPT-") {
		return true
	}
	if strings.HasPrefix(disk, "zram") {
		backing := l.host.Text(dir + "/backing_dev")
		return backing == "" || backing == "none" || l.encrypted(path.Base(backing), depth+1)
	}
	below := l.below(disk)
	return len(below) > 0 && !slices.ContainsFunc(below, func(d string) bool { return !l.encrypted(d, depth+1) })
}
