package blockdev

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestOnlyDisk: GRUB's hd0 is the disk of a machine with one, and of no other.
func TestOnlyDisk(t *testing.T) {
	const vda = "/sys/devices/pci0/vda"
	for name, tt := range map[string]struct {
		disks []string          // below sys/devices
		files map[string]string // below sys/devices
		want  string
	}{
		"none":              {},
		"one":               {disks: []string{"pci0/vda"}, want: vda},
		"two":               {disks: []string{"pci0/vda", "pci0/vdb"}},
		"three":             {disks: []string{"pci0/vda", "pci0/vdb", "pci0/vdc"}},
		"a virtual one":     {disks: []string{"pci0/vda", "virtual/block/loop0", "virtual/block/dm-0", "virtual/block/zram0"}, want: vda},
		"virtual ones only": {disks: []string{"virtual/block/loop0"}},
		"an optical drive":  {disks: []string{"pci0/vda", "pci0/sr0"}, want: vda},
		"not one named sr":  {disks: []string{"pci0/vda", "pci0/srx"}},
		"an empty drive":    {disks: []string{"pci0/vda", "pci0/sdb"}, files: map[string]string{"pci0/sdb/size": "0\n"}, want: vda},
		"a path of NVMe":    {disks: []string{"pci0/vda", "pci0/nvme0c0n1"}, files: map[string]string{"pci0/nvme0c0n1/hidden": "1\n"}, want: vda},
		"a full drive":      {disks: []string{"pci0/vda", "pci0/sdb"}, files: map[string]string{"pci0/sdb/size": "10\n", "pci0/sdb/hidden": "0\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"sys/class/block/gone": "-> ../../devices/pci0/gone"}
			for _, dir := range tt.disks {
				disk(files, dir, "8:0")
			}
			partitionOf(files, "pci0/vda", "vda1", "8:1")
			for name, text := range tt.files {
				files["sys/devices/"+name] = text
			}
			assert.Equal(t, tt.want, devices(t, files).OnlyDisk())
		})
	}
}

func TestRAID(t *testing.T) {
	d := devices(t, map[string]string{
		"run/udev/data/b9:0":  "E:MD_UUID=3a4c8f10:9b2d6e57:01234567:89abcdef\n",
		"run/udev/data/b8:1":  udevRecord,
		"run/udev/data/b9:10": "E:MD_UUID=\n",
	})
	assert.Equal(t, "3a4c8f109b2d6e570123456789abcdef", d.RAID("9:0"))
	for _, dev := range []string{"8:1", "9:10", "9:1", "", "../b9:0"} {
		assert.Empty(t, d.RAID(dev), dev)
	}
}

// TestPartitionOfNothing: numbers that sysfs does not know, and that are none.
func TestPartitionOfNothing(t *testing.T) {
	d := devices(t, stacked())
	for _, dev := range []string{"", "8", "8:", ":1", "8:1x", "-8:1", "8:1/..", "7:7", "../../class"} {
		assert.Equal(t, Partition{Dev: dev}, d.Partition(dev), dev)
	}
	assert.Empty(t, d.Of(host.Mount{Device: "", FSType: "ext4"}))
	assert.Equal(t, "0:33", d.Of(host.Mount{Device: "0:33", FSType: "btrfs", Source: "/dev/absent"}))
	assert.Equal(t, "0:33", d.Of(host.Mount{Device: "0:33", FSType: "9p", Source: "/etc"}))
}

// TestPartitionsLeavesOut what sysfs shows in a way that no partition has.
func TestPartitionsLeavesOut(t *testing.T) {
	files := map[string]string{}
	disk(files, "pci0/vda", "254:0")
	for n, name := range []string{"vda1", "vda2", "vda3", "vda4"} {
		partitionOf(files, "pci0/vda", name, "254:"+string(rune('1'+n)))
	}
	files["sys/devices/pci0/vda/vda1/dev"] = "../../x\n"
	files["sys/devices/pci0/vda/vda2/uevent"] = "MAJOR=254\n"
	files["sys/devices/pci0/vda/vda3/partition"] = "three\n"
	var nodes []string
	for _, p := range devices(t, files).Partitions() {
		nodes = append(nodes, p.Node)
	}
	assert.Equal(t, []string{"/dev/vda4"}, nodes)
}

// TestPartitionsInOrder: by disk, then by number, which their names are not.
func TestPartitionsInOrder(t *testing.T) {
	files := map[string]string{}
	for name, dir := range map[string]string{"sda1": "pci0/2/sda", "sdb10": "pci0/1/sdb", "sdb2": "pci0/1/sdb"} {
		partitionOf(files, dir, name, "8:"+name[3:])
		files["sys/devices/"+dir+"/"+name+"/partition"] = name[3:]
	}
	var nodes []string
	for _, p := range devices(t, files).Partitions() {
		nodes = append(nodes, p.Node)
	}
	assert.Equal(t, []string{"/dev/sdb2", "/dev/sdb10", "/dev/sda1"}, nodes)
}

// TestDiskWithoutTable: nothing is claimed of the partitions of a disk that sysfs or
// the disk itself says too little of.
func TestDiskWithoutTable(t *testing.T) {
	good := string(image(t, "gpt"))
	for name, tt := range map[string]struct {
		change map[string]string
		scheme string
	}{
		"whole":              {nil, "gpt"},
		"sector size absurd": {map[string]string{"sys/devices/pci0/vda/queue/logical_block_size": "many"}, "gpt"},
		"sectors of 4 KiB":   {map[string]string{"sys/devices/pci0/vda/queue/logical_block_size": "4096"}, ""},
		"no size":            {map[string]string{"sys/devices/pci0/vda/size": ""}, ""},
		"size below zero":    {map[string]string{"sys/devices/pci0/vda/size": "-1"}, ""},
		"size beyond 2^54":   {map[string]string{"sys/devices/pci0/vda/size": "99999999999999999"}, ""},
		"no node":            {map[string]string{"sys/devices/pci0/vda/uevent": "X=1"}, ""},
		"node is absent":     {map[string]string{"sys/devices/pci0/vda/uevent": "DEVNAME=vdz"}, ""},
		"no table":           {map[string]string{"dev/vda": "text"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			disk(files, "pci0/vda", "254:0")
			partitionOf(files, "pci0/vda", "vda1", "254:1")
			files["sys/devices/pci0/vda/size"], files["dev/vda"] = "16384\n", good
			for name, text := range tt.change {
				files[name] = text
			}
			d := devices(t, files)
			assert.Equal(t, tt.scheme, d.Partition("254:1").Scheme)
			assert.Equal(t, tt.scheme, d.Partition("254:1").Scheme, "it is read once")
			assert.False(t, d.Denied())
		})
	}
}

// TestDetachRefuses: a partition that cannot hold boot files is not touched.
func TestDetachRefuses(t *testing.T) {
	tree, _, err := devices(t, stacked()).Detach(Partition{Node: "/dev/sda1", FS: "crypto_LUKS"}, false)
	require.EqualError(t, err, "it holds crypto_LUKS")
	assert.Nil(t, tree)
}

// TestExplainMount: the reader of a message knows what to do, or that only the
// device is to blame.
func TestExplainMount(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.EPERM: "", unix.EACCES: "", unix.ENOSYS: "needs Linux 5.2", unix.ENODEV: "lacks the file system", unix.EINVAL: "", unix.EIO: "",
	} {
		err := explainMount("fsopen vfat", errno)
		assert.ErrorIs(t, err, errno)
		assert.ErrorContains(t, err, "fsopen vfat: ")
		assert.ErrorContains(t, err, want)
		assert.Equal(t, errno == unix.EPERM || errno == unix.EACCES, hint.Of(err) == "run as root", errno)
	}
}
