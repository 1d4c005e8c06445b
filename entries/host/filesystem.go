package host

import "path"

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
