package reboot

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// ReadOnly is for a jump without a shutdown: it writes out what is in memory
// and makes the file systems on disks read-only, so that the next kernel finds
// them clean. One that somebody writes to cannot be: left has its mount points.
// undo makes the others writable again, if the jump fails.
func ReadOnly(m host.Machine) (left []string, undo func() error, err error) {
	mounts, err := m.Mounts()
	if err != nil {
		return nil, nil, err
	}
	unix.Sync()
	left, undo = quiesce(writable(mounts), remount)
	return left, undo, nil
}

// quiesce remounts from the youngest mount to the oldest, as a shutdown does:
// a file system in an image file keeps the one below it writable.
func quiesce(points []string, remount func(point string, readOnly bool) error) (left []string, undo func() error) {
	var done []string
	for _, point := range slices.Backward(points) {
		if remount(point, true) != nil {
			left = append(left, point)
			continue
		}
		done = append(done, point)
	}
	return left, func() error {
		var all error
		for _, point := range slices.Backward(done) {
			if err := remount(point, false); err != nil {
				all = errors.Join(all, fmt.Errorf("%s remains read-only: %w", point, err))
			}
		}
		return all
	}
}

// writable lists a mount point of every writable file system on a device, in
// the order they were mounted.
func writable(mounts []host.Mount) []string {
	var points, seen []string
	for _, m := range mounts {
		// A source without a path is no device. One may be mounted often.
		if m.ReadOnly || !strings.HasPrefix(m.Source, "/") || slices.Contains(seen, m.Device) {
			continue
		}
		seen = append(seen, m.Device)
		points = append(points, m.Point)
	}
	return points
}

// remount changes the file system and leaves the flags of the mount as they
// are: what is not given would be taken away.
func remount(point string, readOnly bool) error {
	var now unix.Statfs_t
	if err := unix.Statfs(point, &now); err != nil {
		return err
	}
	const same = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_SYNCHRONOUS | unix.MS_NOATIME | unix.MS_NODIRATIME
	flags := uintptr(now.Flags)&same | unix.MS_REMOUNT
	if now.Flags&unix.ST_RELATIME != 0 {
		flags |= unix.MS_RELATIME
	}
	if readOnly {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount("", point, "", flags, "")
}
