package host

import (
	"path"
	"strconv"
	"strings"
)

// FileSystemUUID returns the UUID of the file system on a block device, as udev
// and blkid(8) write it: "ABCD-1234" for FAT. It is "" where that is not known.
func (m Machine) FileSystemUUID(device string) string {
	const dir = "dev/disk/by-uuid"
	if device == "" {
		return ""
	}
	for _, uuid := range m.Names(dir) {
		if m.LinkName(dir+"/"+uuid) == path.Base(device) {
			return uuid
		}
	}
	return ""
}

// FileSystemLabel returns the label of the file system on a block device; "" where
// there is none, or it is not known.
func (m Machine) FileSystemLabel(device string) string {
	const dir = "dev/disk/by-label"
	if device == "" {
		return ""
	}
	for _, label := range m.Names(dir) {
		if m.LinkName(dir+"/"+label) == path.Base(device) {
			return decodeUdev(label)
		}
	}
	return ""
}

// decodeUdev decodes a name of a link that udev made: "\x20" is a blank.
func decodeUdev(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\x`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		s = after
		if len(after) < 2 {
			b.WriteString(`\x`)
		} else if c, err := strconv.ParseUint(after[:2], 16, 8); err == nil {
			b.WriteByte(byte(c))
			s = after[2:]
		} else {
			b.WriteString(`\x`)
		}
	}
}
