//go:build e2e

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

const mirrorUUID = "0e5b0001-0000-4000-8000-000000000004"

// TestE2EMirror: of two ESPs that are never mounted, as proxmox-boot-tool keeps them,
// the one counts that the firmware started the boot loader from.
func TestE2EMirror(t *testing.T) {
	d := vm.FindDebian(t, vm.Sid)
	s := setup{suite: vm.Sid, root: map[string][]byte{
		"etc/fstab": []byte("/dev/vda2 / ext4 errors=remount-ro 0 1\n"),
		"etc/systemd/system-generators/systemd-gpt-auto-generator": nil, // it would mount the ESP
	}}
	loader, err := os.ReadFile(d.Boot)
	require.NoError(t, err)
	second := s.bootFiles(t, d)
	delete(second, "loader/entries/two.conf")
	second["EFI/BOOT/BOOTX64.EFI"], second["loader/loader.conf"] = loader, []byte("timeout 0\ndefault other*\n")
	s.disks = []string{vm.Disk(t, vm.Partition{Type: vm.ESP, UUID: mirrorUUID, Files: second})}
	g := s.start(t)
	unmounted := func() { assert.Empty(t, g.Run("findmnt -n -t vfat").Stdout) }
	g.MustRun("mkdir -p /etc/kernel && blkid -s UUID -o value /dev/vda1 /dev/vdb1 >/etc/kernel/proxmox-boot-uuids && [ $(wc -l </etc/kernel/proxmox-boot-uuids) = 2 ]")

	unmounted()
	require.Equal(t, "two", running(g))
	assert.Contains(t, g.MustRun("kexec-bls list"), "two.conf")
	g.Reboot("kexec-bls reboot")
	require.True(t, kexeced(g))
	assert.Equal(t, "two", running(g))
	unmounted()

	// The first disk of the mirror no longer boots.
	g.Reboot("mount /dev/vda1 /mnt && rm -r /mnt/EFI && umount /mnt && kexec-bls reboot --firmware")
	require.False(t, kexeced(g))
	require.Equal(t, "other", running(g), "the firmware took the second")
	assert.NotContains(t, g.MustRun("kexec-bls list"), "two.conf")
	g.Reboot("kexec-bls reboot")
	require.True(t, kexeced(g))
	assert.Equal(t, "other", running(g))
	unmounted()
}
