// Package blockdev returns what is known of the block devices of a machine, from
// sysfs, udev's database and partition tables, and mounts one where nobody sees
// it.
package blockdev

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// Devices are the block devices of a machine. It looks at each of them once; its
// methods may not be called at the same time.
type Devices struct {
	machine    host.Machine
	partitions map[string]Partition    // by number
	all        []Partition             // nil: not listed yet
	tables     map[string]map[int]Slot // by disk; nil: could not be read
	denied     bool
}

// New returns the block devices of a machine, which must have a directory.
func New(m host.Machine) *Devices {
	return &Devices{machine: m, partitions: map[string]Partition{}, tables: map[string]map[int]Slot{}}
}

// Denied reports whether a partition table was asked for that only root may
// read.
func (d *Devices) Denied() bool { return d.denied }

// A Partition is a block device and what is known about it. One that is no
// partition, such as a RAID, has neither Disk nor Number.
type Partition struct {
	Dev    string // "254:1"
	Node   string // "/dev/vda1"; "" when not known
	Disk   string // sysfs directory of the disk
	Number int    // from 1
	FS     string // file system as udev names it; "" when not known
	Slot
}

// Partition returns what is known of a block device by its number "254:1": from
// sysfs, then udev's database, and where there is none, as in an initramfs,
// from the partition table.
func (d *Devices) Partition(dev string) Partition {
	p, known := d.partitions[dev]
	if !known {
		p = d.look(dev)
		d.partitions[dev] = p
	}
	return p
}

func (d *Devices) look(dev string) Partition {
	p := Partition{Dev: dev}
	if dir := d.sysfs(dev); dir != "" {
		d.locate(&p, dir)
	}
	record, _ := d.machine.ReadFile("run/udev/data/b"+dev, maxUdev)
	properties := parseUdev(string(record))
	p.FS = properties["ID_FS_TYPE"]
	p.Slot = udevSlot(properties)
	if p.Scheme == "" && p.Disk != "" {
		p.Slot = d.table(p.Disk)[p.Number]
	}
	return p
}

// Partitions lists the partitions of the machine by disk and number. The list is
// not to be changed.
func (d *Devices) Partitions() []Partition {
	if d.all != nil {
		return d.all
	}
	const dir = "sys/class/block"
	d.all = []Partition{}
	for _, name := range d.names(dir) {
		dev := d.attribute(dir, name+"/dev")
		if !isNumber(dev) || !d.machine.Exists(dir+"/"+name+"/partition") {
			continue
		}
		if p := d.Partition(dev); p.Disk != "" && p.Node != "" {
			d.all = append(d.all, p)
		}
	}
	slices.SortStableFunc(d.all, func(a, b Partition) int {
		if c := strings.Compare(a.Disk, b.Disk); c != 0 {
			return c
		}
		return a.Number - b.Number
	})
	return d.all
}

// Of returns the number of the block device of a mount, "254:1". File systems
// as btrfs have numbers of their own; their source names a device.
func (d *Devices) Of(mount host.Mount) string {
	if !strings.HasPrefix(mount.Device, "0:") {
		return mount.Device
	}
	source, _, _ := strings.Cut(mount.Source, ":") // bcachefs lists its devices
	if dev := d.number(source); dev != "" {
		return dev
	}
	return mount.Device
}

// number is the device number of a node; "" for what is none.
func (d *Devices) number(node string) string {
	if !strings.HasPrefix(node, "/dev/") {
		return ""
	}
	real := d.resolve(node)
	if real == "" {
		return ""
	}
	if dev := d.attribute("/sys/class/block", path.Base(real)+"/dev"); isNumber(dev) {
		return dev
	}
	return ""
}

// locate reads the device node, the number and the disk from a directory of
// sysfs.
func (d *Devices) locate(p *Partition, dir string) {
	for line := range strings.Lines(d.attribute(dir, "uevent")) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME="); found {
			p.Node = "/dev/" + name
		}
	}
	number, err := strconv.Atoi(d.attribute(dir, "partition"))
	if err == nil {
		p.Number, p.Disk = number, path.Dir(dir)
	}
}

// table reads the partition table of a disk; nil where that is not allowed or
// there is none. One that anybody may have plugged in is not touched.
func (d *Devices) table(disk string) map[int]Slot {
	if table, known := d.tables[disk]; known {
		return table
	}
	d.tables[disk] = nil
	if d.Foreign(disk) == "" {
		d.tables[disk] = d.readDisk(disk)
	}
	return d.tables[disk]
}

func (d *Devices) readDisk(disk string) map[int]Slot {
	var whole Partition
	d.locate(&whole, disk)
	sectors, err := strconv.ParseInt(d.attribute(disk, "size"), 10, 54)
	if err != nil || whole.Node == "" {
		return nil
	}
	sector, err := strconv.ParseInt(d.attribute(disk, "queue/logical_block_size"), 10, 32)
	if err != nil {
		sector = 512
	}
	f, err := d.machine.FS.Open(strings.TrimPrefix(whole.Node, "/"))
	if err != nil {
		d.denied = d.denied || errors.Is(err, fs.ErrPermission)
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil
	}
	// sysfs counts in 512 bytes, always.
	table, err := readTable(r, sectors*512, sector)
	if err != nil {
		return nil
	}
	return table
}

// sysfs is the directory of a block device; "" where there is none. The kernel's
// link leads there at once.
func (d *Devices) sysfs(dev string) string {
	if !isNumber(dev) {
		return ""
	}
	const dir = "sys/dev/block"
	target := d.machine.Link(dir + "/" + dev)
	if target == "" {
		return ""
	}
	return path.Join("/", dir, target)
}

// resolve follows all links of a path of the machine; "" where that fails.
func (d *Devices) resolve(name string) string {
	dir := strings.TrimSuffix(d.machine.Dir, "/")
	real, err := filepath.EvalSymlinks(dir + name)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(real, dir)
}

// attribute reads a file of sysfs without its line end; "" where it is absent.
func (d *Devices) attribute(dir, name string) string {
	return d.machine.Text(strings.TrimPrefix(dir+"/"+name, "/"))
}

// names lists a directory of sysfs.
func (d *Devices) names(dir string) []string {
	return d.machine.Names(strings.TrimPrefix(dir, "/"))
}

// isNumber reports whether s is MAJOR:MINOR, and so safe as a file name.
func isNumber(s string) bool {
	major, minor, found := strings.Cut(s, ":")
	return found && isDigits(major) && isDigits(minor)
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
