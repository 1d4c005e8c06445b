package systemd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadOnly is for a jump without a shutdown: it writes out what is in memory
// and makes the file systems on disks read-only, so that the next kernel finds
// them clean. One that somebody writes to cannot be: its mount points come back
// in left. undo makes the others writable again, if the jump fails.
func ReadOnly() (left []string, undo func() error, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // read only
	points, err := writable(f)
	if err != nil {
		return nil, nil, fmt.Errorf("/proc/self/mountinfo: %w", err)
	}
	unix.Sync()
	left, undo = quiesce(points, remount)
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
				all = errors.Join(all, fmt.Errorf("%s stays read-only: %w", point, err))
			}
		}
		return all
	}
}

// writable lists a mount point of every writable file system on a device, in
// the order they were mounted, from proc_pid_mountinfo(5).
func writable(mountinfo io.Reader) ([]string, error) {
	var points, seen []string
	lines := bufio.NewScanner(mountinfo)
	lines.Buffer(nil, 1<<20) // overlays list their layers, up to a page
	for lines.Scan() {
		left, right, _ := strings.Cut(lines.Text(), " - ")
		// ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD…] - TYPE SOURCE OPTIONS
		mount, super := strings.Fields(left), strings.Fields(right)
		if len(mount) < 6 || len(super) < 3 || !strings.HasPrefix(super[1], "/") {
			continue // a source without a path is no device
		}
		device := mount[2] // of the file system: one may be mounted often
		if !slices.Contains(strings.Split(super[2], ","), "rw") || slices.Contains(seen, device) {
			continue
		}
		seen = append(seen, device)
		points = append(points, unescape(mount[4]))
	}
	return points, lines.Err()
}

// unescape undoes the octal escapes of blanks and backslashes.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
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
