package blockdev

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// devices is a machine with these files; "-> target" makes a link.
func devices(t *testing.T, files map[string]string) *Devices {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if target, isLink := strings.CutPrefix(text, "-> "); isLink {
			require.NoError(t, os.Symlink(target, path))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return New(host.At(dir))
}

// disk is what sysfs has of a disk, below sys/devices, and of its partition 1.
func disk(files map[string]string, dir, dev string) {
	files["sys/devices/"+dir+"/dev"] = dev + "\n"
	files["sys/devices/"+dir+"/uevent"] = "DEVNAME=" + filepath.Base(dir) + "\n"
	files["sys/dev/block/"+dev] = "-> ../../devices/" + dir
	files["sys/class/block/"+filepath.Base(dir)] = "-> ../../devices/" + dir
	files["dev/"+filepath.Base(dir)] = ""
}

func partitionOf(files map[string]string, dir, name, dev string) {
	disk(files, dir+"/"+name, dev)
	files["sys/devices/"+dir+"/"+name+"/partition"] = "1\n"
}

const (
	ata  = "/sys/devices/pci0/ata1/block/sda"
	nvme = "/sys/devices/pci0/nvme0/nvme0n1"
)

// stacked is LVM on LUKS on a RAID of two disks, and btrfs on both.
func stacked() map[string]string {
	files := map[string]string{}
	disk(files, "pci0/ata1/block/sda", "8:0")
	partitionOf(files, "pci0/ata1/block/sda", "sda1", "8:1")
	disk(files, "pci0/nvme0/nvme0n1", "259:0")
	partitionOf(files, "pci0/nvme0/nvme0n1", "nvme0n1p1", "259:1")
	for name, below := range map[string][]string{"md0": {"sda1", "nvme0n1p1"}, "dm-0": {"md0"}, "dm-1": {"dm-0"}, "dm-9": {"dm-9"}} {
		disk(files, "virtual/block/"+name, map[string]string{"md0": "9:0", "dm-0": "254:0", "dm-1": "254:1", "dm-9": "254:9"}[name])
		for _, b := range below {
			files["sys/devices/virtual/block/"+name+"/slaves/"+b] = "-> ../../../../../class/block/" + b
		}
	}
	files["sys/fs/btrfs/features/x"] = "1"
	for _, name := range []string{"sda1", "nvme0n1p1"} {
		files["sys/fs/btrfs/5a5a/devices/"+name] = "-> ../../../../class/block/" + name
	}
	return files
}

func TestDisks(t *testing.T) {
	d := devices(t, stacked())
	for dev, want := range map[string][]string{
		"8:0":   {ata},
		"8:1":   {ata},
		"254:1": {ata, nvme},
		"254:9": {"/sys/devices/virtual/block/dm-9"}, // a circle ends
		"0:33":  nil,
		"":      nil,
	} {
		assert.Equal(t, want, d.Disks(dev), dev)
	}
}

func TestMountDisks(t *testing.T) {
	d := devices(t, stacked())
	for name, tt := range map[string]struct {
		mount host.Mount
		want  []string
	}{
		"ext4":                {host.Mount{Device: "8:1", FSType: "ext4", Source: "/dev/sda1"}, []string{ata}},
		"btrfs, all devices":  {host.Mount{Device: "0:33", FSType: "btrfs", Source: "/dev/nvme0n1p1"}, []string{ata, nvme}},
		"btrfs, not in sysfs": {host.Mount{Device: "0:33", FSType: "btrfs", Source: "/dev/dm-1"}, []string{ata, nvme}},
		"bcachefs":            {host.Mount{Device: "0:34", FSType: "bcachefs", Source: "/dev/sda1:/dev/nvme0n1p1"}, []string{ata, nvme}},
		"zfs":                 {host.Mount{Device: "0:35", FSType: "zfs", Source: "rpool/ROOT"}, nil},
		"overlay":             {host.Mount{Device: "0:36", FSType: "overlay", Source: "overlay"}, nil},
		"source gone":         {host.Mount{Device: "0:37", FSType: "btrfs", Source: "/dev/sdz"}, nil},
		"source is a path":    {host.Mount{Device: "0:38", FSType: "nfs", Source: "/dev/../dev/sda1"}, []string{ata}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, d.MountDisks(tt.mount)) })
	}
}

func TestForeign(t *testing.T) {
	for name, tt := range map[string]struct {
		dir  string
		file string // "name=text" below sys/devices
		want string
	}{
		"SATA":            {dir: "pci0/ata1/block/sda", file: "pci0/ata1/block/sda/removable=0\n"},
		"looped is a dm":  {dir: "virtual/block/dm-0"},
		"hot-plug bay":    {dir: "pci0/ata1/block/sda", file: "pci0/ata1/block/sda/removable=1\n", want: "removable"},
		"USB":             {dir: "pci0/usb1/1-1/host0/block/sda", want: "USB"},
		"no USB":          {dir: "pci0/usbx/block/sda"},
		"loop":            {dir: "virtual/block/loop12", want: "loop"},
		"network":         {dir: "virtual/block/nbd0", want: "network block"},
		"user space":      {dir: "virtual/block/ublkb0", want: "ublk"},
		"FireWire":        {dir: "pci0/0000:09/fw1/fw1.0/host7/block/sdb", want: "FireWire"},
		"firmware node":   {dir: "platform/fwnode/fw/block/vda"},
		"Thunderbolt":     {dir: "pci0/0000:07/nvme/nvme1/nvme1n1", file: "pci0/0000:07/removable=removable\n", want: "removable"},
		"soldered NVMe":   {dir: "pci0/0000:07/nvme/nvme1/nvme1n1", file: "pci0/0000:07/removable=fixed\n"},
		"SD card":         {dir: "platform/mmc0/mmc0:1/block/mmcblk0", file: "platform/mmc0/mmc0:1/block/mmcblk0/device/type=SD\n", want: "SD card"},
		"eMMC":            {dir: "platform/mmc0/mmc0:1/block/mmcblk0", file: "platform/mmc0/mmc0:1/block/mmcblk0/device/type=MMC\n"},
		"nothing is told": {dir: "pci0/vda"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			disk(files, tt.dir, "8:0")
			if name, text, found := strings.Cut(tt.file, "="); found {
				files["sys/devices/"+name] = text
			}
			assert.Equal(t, tt.want, devices(t, files).Foreign("/sys/devices/"+tt.dir))
		})
	}
}

func TestSame(t *testing.T) {
	files := stacked()
	for name, holder := range map[string]string{"sda": "dm-5", "sdb": "dm-5", "sdc": "dm-6"} {
		files["sys/devices/pci0/x/"+name+"/holders/"+holder+"/dev"] = ""
	}
	d := devices(t, files)
	assert.True(t, d.Same("/sys/devices/pci0/x/sda", "/sys/devices/pci0/x/sdb"), "paths of a multipath device")
	assert.False(t, d.Same("/sys/devices/pci0/x/sda", "/sys/devices/pci0/x/sdc"))
	assert.False(t, d.Same(ata, nvme))
	assert.True(t, d.Same(ata, ata))
}

// TestTableOfForeignDisk holds that a disk which somebody plugged in is not
// read.
func TestTableOfForeignDisk(t *testing.T) {
	for dir, want := range map[string]string{"pci0/ata1/block/sda": "gpt", "pci0/usb1/1-1/block/sda": ""} {
		files := map[string]string{}
		disk(files, dir, "8:0")
		partitionOf(files, dir, "sda1", "8:1")
		files["sys/devices/"+dir+"/size"] = "16384\n"
		files["dev/sda"] = string(image(t, "gpt"))
		d := devices(t, files)
		p := d.Partition("8:1")
		assert.Equal(t, want, p.Scheme, dir)
		assert.Equal(t, "/dev/sda1", p.Node)
		assert.Equal(t, []Partition{p}, d.Partitions())
		assert.Equal(t, want == "gpt", p.IsESP())
		assert.False(t, d.Denied())
	}
}

// Each is looked at once: what goes afterwards is still known.
func TestDevicesAreSeenOnce(t *testing.T) {
	files := map[string]string{}
	disk(files, "pci0/vda", "8:0")
	partitionOf(files, "pci0/vda", "vda1", "8:1")
	d := devices(t, files)
	want := []Partition{{Dev: "8:1", Node: "/dev/vda1", Disk: "/sys/devices/pci0/vda", Number: 1}}
	assert.Equal(t, want, d.Partitions())
	require.NoError(t, os.RemoveAll(filepath.Join(d.machine.Dir, "sys")))
	assert.Equal(t, want, d.Partitions())
	assert.Equal(t, want[0], d.Partition("8:1"))
}

func TestDenied(t *testing.T) {
	files := map[string]string{}
	disk(files, "pci0/vda", "8:0")
	partitionOf(files, "pci0/vda", "vda1", "8:1")
	files["sys/devices/pci0/vda/size"] = "16384\n"
	d := devices(t, files)
	d.machine.FS = denied{d.machine.FS.(fs.ReadLinkFS)}
	assert.Empty(t, d.Partition("8:1").Scheme)
	assert.True(t, d.Denied())
}

// denied refuses device nodes.
type denied struct{ fs.ReadLinkFS }

// Open refuses what is below dev.
func (d denied) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "dev/") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	return d.ReadLinkFS.Open(name)
}

func TestFileSystems(t *testing.T) {
	for _, tt := range []struct {
		fs   string
		fat  bool
		want string
	}{
		{"", true, "vfat"}, {"", false, "vfat ext4 xfs btrfs"}, {"vfat", true, "vfat"}, {"ext4", false, "ext4"},
		{"ext4", true, "it holds ext4"}, {"crypto_LUKS", false, "it holds crypto_LUKS"},
	} {
		types, err := Partition{FS: tt.fs}.FileSystems(tt.fat)
		got := strings.Join(types, " ")
		if err != nil {
			got = err.Error()
		}
		assert.Equal(t, tt.want, got)
	}
}
