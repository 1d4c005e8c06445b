//go:build vm

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// A badDisk is a disk of the kernel's own (scsi_debug) with a copy of the ESP,
// at /bad: it can be pulled out, and can fail to read.
type badDisk struct {
	*vm.Guest
	disk  string // the image that was copied
	files map[string][]byte
}

func newBadDisk(t *testing.T) badDisk {
	kernel := vm.FindKernel(t, vm.SecondKernel)
	files := bootFiles(t, kernel)
	disk := vm.Disk(t, vm.Partition{Files: files})
	g := faultGuest(t, vm.Config{Modules: []string{"sd_mod", "scsi_debug"}, Disks: []string{disk}})
	g.MustRun("rmmod scsi_debug && insmod /modules/*scsi_debug.ko dev_size_mb=64 max_luns=1 delay=0")
	g.MustRun("for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sda ] && break; sleep 1; done; cat /dev/vda1 > /dev/sda && mkdir /bad")
	d := badDisk{g, disk, files}
	d.mount()
	return d
}

// mount reads nothing of the files, so that a load has to.
func (d badDisk) mount() { d.MustRun("mount -t vfat -o utf8,ro /dev/sda /bad") }

func (d badDisk) remount() { d.MustRun("umount /bad"); d.mount() }

// again plugs the disk in again, after its file system is gone.
func (d badDisk) again() {
	d.MustRun("umount -l /bad; for host in /sys/class/scsi_host/*; do echo '- - -' > $host/scan; done; " +
		"for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sda ] && break; sleep 1; done")
	d.mount()
}

const loadBad = "kexec-bls load arch --esp-path=/bad"

// TestLongPulledOut takes the disk away at many moments of a load.
func TestLongPulledOut(t *testing.T) {
	d := newBadDisk(t)
	whole := milliseconds(t, d.Guest, loadBad)
	const moments = 12
	seen := map[int]int{}
	for i := range moments {
		d.MustRun("kexec-bls load zz-other")
		d.remount()
		out := d.Run(fmt.Sprintf("%s & usleep %d; echo 1 > /sys/block/sda/device/delete; wait $!", loadBad, 1000*whole*i/moments))
		holdsPromise(t, d.Guest, out, "zz-other.conf")
		seen[out.Code]++
		d.again()
	}
	t.Logf("a load takes %d ms; exit codes %v", whole, seen)
	assert.NotZero(t, seen[exitFailed]+seen[exitKernel]+seen[exitNoEntry], "some came too late")
	assert.Zero(t, seen[-1]+seen[2])
}

// TestVMDiskReadErrors has one sector after the other go bad.
func TestVMDiskReadErrors(t *testing.T) {
	d := newBadDisk(t)
	disk, err := os.ReadFile(d.disk)
	require.NoError(t, err)
	partition := disk[1<<20:]         // with the sectors of /dev/sda
	sector := func(file string) int { // by its end: another file begins like the kernel
		content := d.files[file]
		last := (len(content) - 512) / 512
		at := bytes.Index(partition, content[last*512:])
		require.Positive(t, at, file)
		return at/512 - last
	}
	kernel, image := sector("vmlinuz"), sector("main.img")
	for name, bad := range map[string]struct {
		sector int
		names  string
	}{
		"kernel":              {kernel, "vmlinuz"},
		"middle of kernel":    {kernel + 8000, "vmlinuz"},
		"initrd":              {image, "main.img"},
		"middle of an initrd": {image + 2000, "main.img"},
	} {
		d.MustRun(fmt.Sprintf("echo %d > /sys/module/scsi_debug/parameters/medium_error_start && echo 2 > /sys/bus/pseudo/drivers/scsi_debug/opts", bad.sector))
		d.remount()
		out := d.Run(loadBad)
		assert.Contains(t, []int{exitFailed, exitKernel}, out.Code, "%s: %s", name, out.Stderr)
		assert.Contains(t, strings.ToLower(out.Stderr), "input/output error", name)
		assert.Contains(t, out.Stderr, bad.names, name)
		holdsPromise(t, d.Guest, out, "zz-other.conf")
		d.MustRun("echo 0 > /sys/bus/pseudo/drivers/scsi_debug/opts")
	}
	d.remount()
	d.MustRun(loadBad)
}

// TestLongCutUnderUs shortens files that are being read.
func TestLongCutUnderUs(t *testing.T) {
	g := faultGuest(t, vm.Config{})
	g.MustRun("mkdir /whole /bad && mount -t tmpfs none /bad && cp -r /efi/. /whole/ && cp -r /efi/. /bad/")
	whole := milliseconds(t, g, loadBad)
	const moments = 12
	seen := map[int]int{}
	for i := range moments {
		g.MustRun("kexec-bls load zz-other && cp -r /whole/. /bad/")
		file := []string{"vmlinuz", "main.img"}[i%2]
		out := g.Run(fmt.Sprintf("%s & usleep %d; truncate -s 5000 /bad/%s; wait $!", loadBad, 1000*whole*i/moments, file))
		holdsPromise(t, g, out, "zz-other.conf")
		seen[out.Code]++
	}
	t.Logf("a load takes %d ms; exit codes %v", whole, seen)
	assert.NotZero(t, seen[exitFailed]+seen[exitKernel], "some came too late")
}
