package esp

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A machine is the running system, or a recorded one below dir. It reads each
// thing once.
type machine struct {
	dir    string // "" or a directory that stands for "/"
	mounts []mount
	tables map[string]map[int]slot // by disk; nil: could not be read
	denied bool                    // a disk that only root may read
}

// A partition is a block device and what is known about it.
type partition struct {
	dev    string // "254:1"
	node   string // "/dev/vda1"; "" when not known
	disk   string // sysfs directory of the disk; "" for what is no partition
	number int    // from 1
	fs     string // as udev knows it; "" when not known
	slot
}

// readMounts reads mountinfo, again after a change.
func (m *machine) readMounts() error {
	name := "/proc/self/mountinfo"
	f, err := os.Open(m.dir + name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	m.mounts, err = parseMountinfo(name, f)
	return err
}

// mountAt is the mount that is seen at a directory; nil: none.
func (m *machine) mountAt(dir string) *mount {
	for i := range slices.Backward(m.mounts) {
		if m.mounts[i].point == dir {
			return &m.mounts[i]
		}
	}
	return nil
}

// mountsOf are the places where the whole file system of a device is mounted
// and not covered by another.
func (m *machine) mountsOf(dev string) []*mount {
	var found []*mount
	for i := range m.mounts {
		at := &m.mounts[i]
		if at.dev == dev && at.root == "/" && m.mountAt(at.point) == at {
			found = append(found, at)
		}
	}
	return found
}

// device is the block device of a mount, "254:1". btrfs has numbers of its
// own; its source names one of its devices.
func (m *machine) device(at *mount) string {
	if !strings.HasPrefix(at.dev, "0:") || !strings.HasPrefix(at.source, "/dev/") {
		return at.dev
	}
	node, err := filepath.EvalSymlinks(m.dir + at.source)
	if err != nil {
		return at.dev
	}
	if dev := m.read("/sys/class/block/"+filepath.Base(node)+"/dev", pageSize); isDev(strings.TrimSpace(dev)) {
		return strings.TrimSpace(dev)
	}
	return at.dev
}

// partition finds out about a block device: from sysfs, then udev's database,
// and where there is none, as in an initramfs, from the partition table.
func (m *machine) partition(dev string) partition {
	p := partition{dev: dev}
	dir, err := filepath.EvalSymlinks(m.dir + "/sys/dev/block/" + dev)
	if err == nil {
		m.place(&p, dir)
	}
	properties := parseUdev(m.read("/run/udev/data/b"+dev, maxUdev))
	p.fs = properties["ID_FS_TYPE"]
	p.slot = udevSlot(properties)
	if p.scheme == "" && p.disk != "" {
		p.slot = m.table(p.disk)[p.number]
	}
	return p
}

// place reads the device node, the number and the disk from a directory of
// sysfs.
func (m *machine) place(p *partition, dir string) {
	uevent := m.read(strings.TrimPrefix(dir, m.dir)+"/uevent", pageSize)
	for line := range strings.Lines(uevent) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME="); found {
			p.node = "/dev/" + name
		}
	}
	number, err := strconv.Atoi(m.attribute(dir, "partition"))
	if err == nil {
		p.number, p.disk = number, filepath.Dir(dir)
	}
}

// table reads the partition table of a disk; nil where that is not allowed or
// there is none.
func (m *machine) table(disk string) map[int]slot {
	table, known := m.tables[disk]
	if known {
		return table
	}
	if m.tables == nil {
		m.tables = map[string]map[int]slot{}
	}
	m.tables[disk] = m.readDisk(disk)
	return m.tables[disk]
}

func (m *machine) readDisk(disk string) map[int]slot {
	var whole partition
	m.place(&whole, disk)
	sectors, err := strconv.ParseInt(m.attribute(disk, "size"), 10, 54)
	if err != nil || whole.node == "" {
		return nil
	}
	sector, err := strconv.ParseInt(m.attribute(disk, "queue/logical_block_size"), 10, 32)
	if err != nil {
		sector = 512
	}
	f, err := os.OpenFile(m.dir+whole.node, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		m.denied = m.denied || errors.Is(err, fs.ErrPermission)
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	// sysfs counts in 512 bytes, always.
	table, err := readTable(f, sectors*512, sector)
	if err != nil {
		return nil
	}
	return table
}

// partitions lists all partitions of the machine, or of one disk, by disk and
// number.
func (m *machine) partitions(disk string) []partition {
	dir := disk
	if disk == "" {
		dir = m.dir + "/sys/class/block"
	}
	names, _ := os.ReadDir(dir)
	var found []partition
	for _, d := range names {
		dev := m.attribute(dir, d.Name()+"/dev")
		if !isDev(dev) || m.attribute(dir, d.Name()+"/partition") == "" {
			continue
		}
		if p := m.partition(dev); p.disk != "" && p.node != "" {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b partition) int {
		if c := strings.Compare(a.disk, b.disk); c != 0 {
			return c
		}
		return a.number - b.number
	})
	return found
}

// pageSize bounds an attribute of sysfs, in bytes.
const pageSize = 4096

// attribute reads a file of sysfs without its line end; "" where it is absent.
func (m *machine) attribute(dir, name string) string {
	return strings.TrimSpace(m.read(strings.TrimPrefix(dir, m.dir)+"/"+name, pageSize))
}

// read reads at most limit bytes of a small file; "" where that fails.
func (m *machine) read(path string, limit int64) string {
	f, err := os.OpenFile(m.dir+path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return ""
	}
	return string(data)
}

// rootDisks are the disks below the root file system, as directories of sysfs,
// through device mapper and RAID. They are empty where that cannot be told.
func (m *machine) rootDisks() map[string]bool {
	disks := map[string]bool{}
	root := m.mountAt("/")
	if root == nil {
		return disks
	}
	dir, err := filepath.EvalSymlinks(m.dir + "/sys/dev/block/" + m.device(root))
	if err == nil {
		m.addDisks(disks, dir, maxStack)
	}
	return disks
}

// maxStack bounds how many block devices may be stacked below one another.
const maxStack = 16

func (m *machine) addDisks(disks map[string]bool, dir string, depth int) {
	if m.attribute(dir, "partition") != "" {
		dir = filepath.Dir(dir)
	}
	slaves, _ := os.ReadDir(dir + "/slaves")
	if len(slaves) == 0 || depth == 0 {
		disks[dir] = true
		return
	}
	for _, s := range slaves {
		if below, err := filepath.EvalSymlinks(dir + "/slaves/" + s.Name()); err == nil {
			m.addDisks(disks, below, depth-1)
		}
	}
}
