package blockdev

import (
	"path"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// maxStack bounds how many block devices may be stacked below one another.
const maxStack = 16

// Disks returns the disks below a block device, as directories of sysfs,
// through device mapper (LUKS, LVM) and RAID. There are none where sysfs does
// not know the device.
func (d *Devices) Disks(dev string) []string {
	found := map[string]bool{}
	if dir := d.sysfs(dev); dir != "" {
		d.addDisks(found, dir, maxStack)
	}
	return sorted(found)
}

// MountDisks returns the disks of a mounted file system, all of them where it
// has several devices (btrfs, bcachefs). There are none where it is on no block
// device, or on none that is known: ZFS, overlay, network.
func (d *Devices) MountDisks(mount host.Mount) []string {
	found := map[string]bool{}
	for _, disk := range d.Disks(d.Of(mount)) {
		found[disk] = true
	}
	for _, dev := range d.siblings(mount) {
		for _, disk := range d.Disks(dev) {
			found[disk] = true
		}
	}
	return sorted(found)
}

func sorted(set map[string]bool) []string {
	var list []string
	for name := range set {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// siblings are the numbers of the devices that a mount's own shares its file
// system with.
func (d *Devices) siblings(mount host.Mount) []string {
	var devs []string
	switch mount.FSType {
	case "bcachefs":
		for node := range strings.SplitSeq(mount.Source, ":") {
			devs = append(devs, d.number(node))
		}
	case "btrfs":
		own := path.Base(d.sysfs(d.Of(mount)))
		for _, id := range d.names("/sys/fs/btrfs") {
			dir := "/sys/fs/btrfs/" + id + "/devices"
			names := d.names(dir)
			if !slices.Contains(names, own) {
				continue
			}
			for _, name := range names {
				devs = append(devs, d.attribute(dir, name+"/dev"))
			}
		}
	}
	return slices.DeleteFunc(devs, func(dev string) bool { return !isNumber(dev) })
}

func (d *Devices) addDisks(found map[string]bool, dir string, depth int) {
	if d.attribute(dir, "partition") != "" {
		dir = path.Dir(dir)
	}
	below := d.names(dir + "/slaves")
	if len(below) == 0 || depth == 0 {
		found[dir] = true
		return
	}
	for _, name := range below {
		if real := d.resolve(dir + "/slaves/" + name); real != "" {
			d.addDisks(found, real, depth-1)
		}
	}
}

// Same reports whether two disks hold the same data: paths of a multipath
// device, members of a RAID.
func (d *Devices) Same(a, b string) bool {
	if a == b {
		return true
	}
	holders := d.names(a + "/holders")
	return slices.ContainsFunc(d.names(b+"/holders"), func(name string) bool { return slices.Contains(holders, name) })
}

// Foreign names the kind of a disk, a directory of sysfs, that a user without
// privileges may have plugged in or set up: "removable", "USB", "loop" and so
// on. It is "" for others.
func (d *Devices) Foreign(disk string) string {
	name := path.Base(disk)
	switch {
	case isNumbered(name, "loop"):
		return "loop"
	case isNumbered(name, "nbd"):
		return "network block"
	case isNumbered(name, "ublkb"): // users may set one up, UBLK_F_UNPRIVILEGED_DEV
		return "ublk"
	case d.attribute(disk, "removable") == "1":
		return "removable"
	case d.attribute(disk, "device/type") == "SD":
		return "SD card"
	}
	for dir := path.Dir(disk); strings.HasPrefix(dir, "/sys/devices/"); dir = path.Dir(dir) {
		switch {
		case isNumbered(path.Base(dir), "usb"):
			return "USB"
		case isNumbered(path.Base(dir), "fw"):
			return "FireWire"
		case d.attribute(dir, "removable") == "removable": // USB ports, Thunderbolt
			return "removable"
		}
	}
	return ""
}

// isNumbered reports whether a name is a prefix with a number.
func isNumbered(name, prefix string) bool {
	number, found := strings.CutPrefix(name, prefix)
	return found && isDigits(number)
}

// OnlyDisk returns the directory in sysfs of the machine's disk; "" where it has
// several, or none. Drives without a medium, optical drives and what the kernel
// makes itself, such as loop devices, do not count.
func (d *Devices) OnlyDisk() string {
	only := ""
	for _, name := range d.names("/sys/class/block") {
		dir := d.resolve("/sys/class/block/" + name)
		switch {
		case dir == "", strings.HasPrefix(dir, "/sys/devices/virtual/block/"), d.attribute(dir, "partition") != "":
			continue
		case isNumbered(name, "sr"), d.attribute(dir, "size") == "0", d.attribute(dir, "hidden") == "1":
			continue
		case only != "":
			return ""
		}
		only = dir
	}
	return only
}

// RAID returns the UUID of a Linux software RAID, as 32 digits; "" for another
// device.
func (d *Devices) RAID(dev string) string {
	record, _ := d.machine.ReadFile("run/udev/data/b"+dev, maxUdev)
	return strings.ReplaceAll(parseUdev(string(record))["MD_UUID"], ":", "")
}
