package esp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A mount is one line of mountinfo, proc_pid_mountinfo(5).
type mount struct {
	dev    string // of the superblock, "254:1"
	root   string // directory of the file system that the mount shows
	point  string // where, an absolute path
	fstype string
	source string // "/dev/vda1" for most file systems on a device
}

// maxLine bounds a line of mountinfo, in bytes. Overlays list their layers
// there, up to a page.
const maxLine = 1 << 20

var errMountLine = errors.New("not a line of mountinfo")

// parseMountinfo reads the mounts, in the order in which they were made. There
// are none when there is an error.
func parseMountinfo(name string, r io.Reader) ([]mount, error) {
	var mounts []mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		m, err := parseMount(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		mounts = append(mounts, m)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, n+1, err)
	}
	return mounts, nil
}

// parseMount reads a line such as
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//
// where any number of optional fields may stand before the dash.
func parseMount(line string) (mount, error) {
	left, right, found := strings.Cut(line, " - ")
	head, tail := strings.Split(left, " "), strings.Split(right, " ")
	if !found || len(head) < 6 || len(tail) < 2 {
		return mount{}, errMountLine
	}
	m := mount{
		dev:    head[2],
		root:   unescape(head[3]),
		point:  unescape(head[4]),
		fstype: unescape(tail[0]),
		source: unescape(tail[1]),
	}
	if !strings.HasPrefix(m.point, "/") || !isDev(m.dev) {
		return mount{}, errMountLine
	}
	return m, nil
}

// isDev reports whether s is MAJOR:MINOR, and so safe as a file name.
func isDev(s string) bool {
	major, minor, found := strings.Cut(s, ":")
	return found && isDigits(major) && isDigits(minor)
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// unescape undoes the kernel's octal escapes of blanks, line ends, "#" and
// backslashes (seq_path). What is no escape stays.
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

// isOctal reports whether the three digits make one byte.
func isOctal(s string) bool {
	return s[0] >= '0' && s[0] <= '3' && strings.Trim(s, "01234567") == ""
}
