package host

import (
	"errors"
	"fmt"
	"strings"
)

// A Mount is one line of /proc/self/mountinfo, proc_pid_mountinfo(5).
type Mount struct {
	Device string // of the superblock, "254:1"; "0:N" where there is none
	Root   string // directory of the file system that the mount shows
	Point  string // where, an absolute path
	FSType string
	Source string // "/dev/vda1" for most file systems on a device
	// ReadOnly reports whether the file system itself is read-only.
	ReadOnly bool
}

// maxMounts bounds mountinfo, in bytes: a line of an overlay may have a page.
const maxMounts = 64 << 20

var errMountLine = errors.New("not a line of mountinfo")

// Mounts returns the mounts of the process, in the order in which they were
// made. On error there are none; it names the file and the line.
func (m Machine) Mounts() ([]Mount, error) {
	const name = "proc/self/mountinfo"
	text, err := m.ReadFile(name, maxMounts)
	if err != nil {
		return nil, err
	}
	return parseMounts("/"+name, string(text))
}

func parseMounts(name, text string) ([]Mount, error) {
	var mounts []Mount
	n := 0
	for line := range strings.Lines(text) {
		n++
		mount, err := parseMount(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		mounts = append(mounts, mount)
	}
	return mounts, nil
}

// parseMount reads a line such as
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//
// with any number of optional fields before the dash.
func parseMount(line string) (Mount, error) {
	left, right, found := strings.Cut(line, " - ")
	head, tail := strings.Split(left, " "), strings.Split(right, " ")
	if !found || len(head) < 6 || len(tail) < 2 {
		return Mount{}, errMountLine
	}
	mount := Mount{
		Device: head[2], Root: unescape(head[3]), Point: unescape(head[4]),
		FSType: unescape(tail[0]), Source: unescape(tail[1]),
		ReadOnly: len(tail) < 3 || !hasOption(tail[2], "rw"),
	}
	if !strings.HasPrefix(mount.Point, "/") || !isDevice(mount.Device) {
		return Mount{}, errMountLine
	}
	return mount, nil
}

func hasOption(options, name string) bool {
	for option := range strings.SplitSeq(options, ",") {
		if option == name {
			return true
		}
	}
	return false
}

// isDevice reports whether s is MAJOR:MINOR, and so safe as a file name.
func isDevice(s string) bool {
	major, minor, found := strings.Cut(s, ":")
	return found && isDigits(major) && isDigits(minor)
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// unescape decodes the kernel's octal escapes of blanks, line ends, "#" and
// backslashes (seq_path). What is no escape is kept.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// isOctal reports whether three digits make one byte.
func isOctal(s string) bool {
	return s[0] >= '0' && s[0] <= '3' && strings.Trim(s, "01234567") == ""
}
