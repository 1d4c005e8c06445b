package preflight

import (
	"io/fs"
	"path"
	"strings"
)

// A crypt is an open encrypted device that the system was started from.
type crypt struct {
	name   string // of the mapping
	uuid   string // of the LUKS header, lower case with dashes; "" for others
	device string // kernel name of what it lies on
}

// bootMounts are the mount points without which there is no system; /sysroot
// is where ostree has the real root.
func bootMounts() []string { return []string{"/", "/usr", "/sysroot"} }

// bootCrypts finds the encrypted devices below those mounts.
func (l *look) bootCrypts() []crypt {
	var found []crypt
	seen := map[string]bool{}
	for line := range strings.Lines(string(l.proc.read("self/mountinfo"))) {
		device := l.mountedDevice(line)
		l.walkDisks(device, seen, &found)
	}
	return found
}

// mountedDevice is the kernel name of the disk that a line of mountinfo(5)
// mounts at one of bootMounts; "" for other lines. File systems with more than
// one disk (btrfs) have no device number of their own: their source is taken.
func (l *look) mountedDevice(line string) string {
	left, right, ok := strings.Cut(line, " - ")
	f, g := strings.Fields(left), strings.Fields(right)
	if !ok || len(f) < 5 || len(g) < 2 {
		return ""
	}
	wanted := false
	for _, dir := range bootMounts() {
		wanted = wanted || f[4] == dir
	}
	if !wanted {
		return ""
	}
	if name := l.sys.link("dev/block/" + f[2]); name != "" {
		return name
	}
	name := path.Base(g[1])
	for _, block := range l.sys.names("block") {
		if l.sys.text("block/"+block+"/dm/name") == name {
			return block
		}
	}
	return name
}

// walkDisks goes down from a disk to those that it consists of.
func (l *look) walkDisks(disk string, seen map[string]bool, found *[]crypt) {
	if disk == "" || seen[disk] {
		return
	}
	seen[disk] = true
	dir := "class/block/" + disk
	if l.sys.has(dir + "/partition") {
		if target, err := fs.ReadLink(l.sys.fs, dir); err == nil {
			l.walkDisks(path.Base(path.Dir(target)), seen, found)
		}
	}
	slaves := l.sys.names(dir + "/slaves")
	// CRYPT-LUKS2-0123456789abcdef0123456789abcdef-NAME, as cryptsetup names it
	if id, ok := strings.CutPrefix(l.sys.text(dir+"/dm/uuid"), "CRYPT-"); ok {
		c := crypt{name: l.sys.text(dir + "/dm/name")}
		if p := strings.SplitN(id, "-", 3); len(p) == 3 && strings.HasPrefix(p[0], "LUKS") {
			c.uuid = dashed(p[1])
		}
		if len(slaves) > 0 {
			c.device = slaves[0]
		}
		*found = append(*found, c)
	}
	for _, slave := range slaves {
		l.walkDisks(slave, seen, found)
	}
}

// dashed puts the dashes of a UUID back.
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
