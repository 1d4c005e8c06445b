//go:build vm

package esp_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

const (
	espUUID   = "aaaaaaaa-0000-4000-8000-000000000001"
	bootUUID  = "bbbbbbbb-0000-4000-8000-000000000002"
	otherUUID = "cccccccc-0000-4000-8000-000000000003"
)

// TestVMDetached finds partitions that are mounted nowhere, without udev, and
// reads them through mounts that nobody sees.
func TestVMDetached(t *testing.T) {
	file := func(text string) map[string][]byte {
		return map[string][]byte{"loader/entries/a.conf": []byte(text)}
	}
	first := vm.Disk(t,
		vm.Partition{Type: vm.ESP, UUID: espUUID, Files: file("on the ESP")},
		vm.Partition{Type: vm.XBOOTLDR, UUID: bootUUID, Files: file("replaced")})
	makeExt4(t, first, "on ext4")
	second := vm.Disk(t, vm.Partition{Type: vm.ESP, UUID: otherUUID, Files: file("on the other")})
	g := vm.Start(t, vm.Config{
		Disks:   []string{first, second},
		Modules: []string{"ext4", "crc32c_generic", "autofs4"},
		Files:   map[string][]byte{"bin/volumes": vm.Build(t, "./testdata/volumes")},
	})
	g.MustRun("mkdir -p /efi /boot /mnt")
	firstESP := "esp /dev/vda1: /dev/vda1 " + espUUID + " false\n  loader/entries/a.conf: on the ESP\n"
	boot := "xbootldr /dev/vda2: /dev/vda2 " + bootUUID + " false\n  loader/entries/a.conf: on ext4\n"
	other := "esp /dev/vdb1: /dev/vdb1 " + otherUUID + " false\n  loader/entries/a.conf: on the other\n"

	t.Run("the one of the hint, and the XBOOTLDR beside it", func(t *testing.T) {
		assert.Equal(t, firstESP+boot+"mounts of disks: 0", g.MustRun("HINT="+espUUID+" SDBOOT=1 volumes"))
	})
	t.Run("the other one, alone on its disk", func(t *testing.T) {
		assert.Equal(t, other+"mounts of disks: 0", g.MustRun("HINT="+otherUUID+" SDBOOT=1 volumes"))
	})
	t.Run("no hint", func(t *testing.T) {
		assert.Equal(t, "mounts of disks: 0\nerror no boot partition found: /dev/vda1, /dev/vdb1 are EFI system partitions,"+
			" all of them not mounted; mount the right one", g.MustRun("volumes"))
	})
	t.Run("no hint, but proxmox-boot-tool keeps both the same", func(t *testing.T) {
		g.MustRun("mkdir -p /etc/kernel /dev/disk/by-uuid && echo AAAA-0001 > /etc/kernel/proxmox-boot-uuids && ln -s ../../vdb1 /dev/disk/by-uuid/AAAA-0001")
		assert.Equal(t, "esp /dev/vdb1: /dev/vdb1 "+otherUUID+" false\n"+
			"note it is one of 1 that proxmox-boot-tool keeps the same; no boot loader names the one that it was started from\n"+
			"  loader/entries/a.conf: on the other\nmounts of disks: 0", g.MustRun("volumes"))
		g.MustRun("rm -r /etc/kernel /dev/disk/by-uuid")
	})
	t.Run("nothing stays", func(t *testing.T) {
		g.MustRun("mount -t ext4 /dev/vda2 /mnt && touch /mnt/x && rm /mnt/x && umount /mnt") // a leftover mount would make it busy
	})
	t.Run("mounted writable where this process does not look", func(t *testing.T) {
		g.MustRun("mkdir /ns && unshare -m sh -c 'mount --make-rprivate / && mount -t vfat -o utf8 /dev/vda1 /mnt && touch /ns/up && sleep 1000' & while ! [ -e /ns/up ]; do sleep 0.1; done")
		assert.Equal(t, firstESP+boot+"mounts of disks: 0", g.MustRun("HINT="+espUUID+" SDBOOT=1 volumes"))
	})
	t.Run("mounted", func(t *testing.T) {
		g.Mount("/dev/vdb1", "/efi")
		assert.Equal(t, "esp /efi /dev/vdb1 "+otherUUID+" false\n  loader/entries/a.conf: on the other\nwritable\nmounts of disks: 1", g.MustRun("volumes"))
		g.MustRun("rm /efi/scribble && umount /efi")
	})
	t.Run("not root", func(t *testing.T) {
		assert.Equal(t, "mounts of disks: 0\nerror no boot partition found: /efi: no file system of its own;"+
			" /boot: no file system of its own; run as root, or give the path of the boot partition", g.MustRun("NOBODY=1 volumes"))
		g.MustRun("mount -t vfat -o utf8,dmask=0077 /dev/vdb1 /efi")
		assert.Equal(t, "mounts of disks: 1\nerror /efi: permission denied; run as root", g.MustRun("NOBODY=1 volumes"))
		g.MustRun("umount /efi")
	})
	t.Run("an automount that hangs", func(t *testing.T) {
		assert.Equal(t, "mounts of disks: 0\nerror /efi: does not answer for 300ms; see whether its device is there", g.MustRun("volumes /efi"))
	})
	t.Run("a /boot that hangs", func(t *testing.T) {
		g.MustRun("umount /efi; true")
		assert.Equal(t, "mounts of disks: 0\nerror /boot: does not answer for 300ms; see whether its device is there", g.MustRun("HINT="+espUUID+" volumes /boot"))
	})
}

// makeExt4 puts an ext4 file system over the second partition of a disk image,
// with a journal.
func makeExt4(t *testing.T, image, text string) {
	t.Helper()
	output, err := exec.Command("/usr/sbin/sfdisk", "--json", image).Output()
	require.NoError(t, err)
	var table struct {
		Partitiontable struct {
			Partitions []struct{ Start, Size int64 }
		}
	}
	require.NoError(t, json.Unmarshal(output, &table))
	p := table.Partitiontable.Partitions[1]
	tree := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(tree, "loader/entries"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(tree, "loader/entries/a.conf"), []byte(text), 0o644))
	output, err = exec.Command("/usr/sbin/mkfs.ext4", "-q", "-F", "-d", tree,
		"-E", fmt.Sprintf("offset=%d", p.Start*512), image, fmt.Sprintf("%dk", p.Size/2)).CombinedOutput()
	require.NoError(t, err, "mkfs.ext4 of e2fsprogs is needed: %s", output)
}
