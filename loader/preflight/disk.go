package preflight

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// bootMounts are the mount points without which there is no system; /sysroot
// is where ostree has the real root.
func bootMounts() []string { return []string{"/", "/usr", "/sysroot"} }

// BootCrypts returns the open encrypted devices that the system was started from.
func BootCrypts(h host.Machine) []Crypt { return newLook(Env{Host: h}, Plan{}).bootCrypts() }

// bootCrypts finds the encrypted devices below those mounts.
func (l *look) bootCrypts() []Crypt {
	var found []Crypt
	seen := map[string]bool{}
	mounts, _ := l.host.Mounts() // none
	for _, m := range mounts {
		if slices.Contains(bootMounts(), m.Point) {
			l.walkDisks(l.mountedDevice(m), seen, &found)
		}
	}
	return found
}

// mountedDevice is the kernel name of the disk of a mount. File systems with
// more than one disk (btrfs) have no device number of their own: their source is
// taken.
func (l *look) mountedDevice(m host.Mount) string {
	if name := l.host.LinkName("sys/dev/block/" + m.Device); name != "" {
		return name
	}
	name := path.Base(m.Source)
	for _, block := range l.host.Names("sys/block") {
		if l.host.Text("sys/block/"+block+"/dm/name") == name {
			return block
		}
	}
	return name
}

// walkDisks goes down from a disk to those that it consists of.
func (l *look) walkDisks(disk string, seen map[string]bool, found *[]Crypt) {
	if disk == "" || seen[disk] {
		return
	}
	seen[disk] = true
	dir := "sys/class/block/" + disk
	slaves := l.host.Names(dir + "/slaves")
	// CRYPT-LUKS2-0123456789abcdef0123456789abcdef-NAME, as cryptsetup names it
	if id, ok := strings.CutPrefix(l.host.Text(dir+"/dm/uuid"), "CRYPT-"); ok {
		c := Crypt{Name: l.host.Text(dir + "/dm/name")}
		if p := strings.SplitN(id, "-", 3); len(p) == 3 && strings.HasPrefix(p[0], "LUKS") {
			c.UUID = dashed(p[1])
		}
		if len(slaves) > 0 {
			c.Device = slaves[0]
		}
		*found = append(*found, c)
	}
	for _, below := range l.below(disk) {
		l.walkDisks(below, seen, found)
	}
}

// below are the disks that one consists of: that of a partition, and the slaves of a
// device of the device mapper or of RAID.
func (l *look) below(disk string) []string {
	var found []string
	dir := "sys/class/block/" + disk
	if l.host.Exists(dir + "/partition") {
		if target := l.host.Link(dir); target != "" {
			found = append(found, path.Base(path.Dir(target)))
		}
	}
	return append(found, l.host.Names(dir+"/slaves")...)
}

// dashed adds the dashes of a UUID.
func dashed(hex string) string {
	if len(hex) != 32 {
		return ""
	}
	hex = strings.ToLower(hex)
	return strings.Join([]string{hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:]}, "-")
}

// deviceFile is the file below the root directory of a device as crypttab,
// fstab and the kernel's resume= name it; "" for a name that cannot be one.
func deviceFile(spec string) string {
	for prefix, dir := range map[string]string{
		"UUID=": "by-uuid", "PARTUUID=": "by-partuuid", "LABEL=": "by-label", "PARTLABEL=": "by-partlabel",
	} {
		if value, ok := strings.CutPrefix(spec, prefix); ok {
			value = strings.Trim(value, `"`)
			if strings.HasSuffix(prefix, "UUID=") {
				value = strings.ToLower(value)
			}
			return valid("dev/disk/" + dir + "/" + value)
		}
	}
	if !strings.HasPrefix(spec, "/dev/") {
		return ""
	}
	return valid(strings.TrimPrefix(path.Clean(spec), "/"))
}

func valid(name string) string {
	if !fs.ValidPath(name) {
		return ""
	}
	return name
}
