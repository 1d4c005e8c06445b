package esp_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestGRUBNames finds /boot on machines that differ in their disks.
func TestGRUBNames(t *testing.T) {
	const lvm = "LVM-abcdefghijklmnopqrstuvwxyz012345ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	for name, c := range map[string]struct {
		disks, mount string
		files        map[string]string
		want         []string
	}{
		"one disk":  {"vda 254:0 udev\n  vda1 254:1 esp a vfat\n  vda2 254:2 linux b ext4", "254:2 / /boot rw - ext4 /dev/vda2 rw", nil, []string{"hd0,gpt2", "hd0,2"}},
		"MBR":       {"vda 254:0 udev\n  vda1 254:1 0x83 b ext4", "254:1 / /boot rw - ext4 /dev/vda1 rw", nil, []string{"hd0,msdos1", "hd0,1"}},
		"two disks": {"vda 254:0 udev\n  vda1 254:1 linux b ext4\nvdb 254:16 udev\n  vdb1 254:17 linux c ext4", "254:1 / /boot rw - ext4 /dev/vda1 rw", nil, nil},
		"an optical drive": {"vda 254:0 udev\n  vda1 254:1 linux b ext4\nsr0 11:0 none", "254:1 / /boot rw - ext4 /dev/vda1 rw", nil,
			[]string{"hd0,gpt1", "hd0,1"}},
		"in the root file system": {"vda 254:0 udev\n  vda1 254:1 linux b ext4", "254:1 / / rw - ext4 /dev/vda1 rw", nil, []string{"hd0,gpt1", "hd0,1"}},
		"LVM": {"vda 254:0 udev\n  vda1 254:1 linux b\ndm-0 253:0 none vda1", "253:0 / /boot rw - ext4 /dev/mapper/vg--x-boot rw",
			map[string]string{"dm/name": "vg--x-boot\n", "dm/uuid": lvm + "\n"},
			[]string{"lvm/vg--x-boot", "lvmid/abcdef-ghij-klmn-opqr-stuv-wxyz-012345/ABCDEF-GHIJ-KLMN-OPQR-STUV-WXYZ-012345"}},
		"LUKS": {"vda 254:0 udev\n  vda1 254:1 linux b\ndm-0 253:0 none vda1", "253:0 / /boot rw - ext4 /dev/mapper/boot rw",
			map[string]string{"dm/name": "boot\n", "dm/uuid": "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-boot\n"}, []string{"cryptouuid/0123456789abcdef0123456789abcdef"}},
		"RAID": {"vda 254:0 udev\n  vda1 254:1 linux b\nmd127 9:127 none vda1", "9:127 / /boot rw - ext4 /dev/md127 rw",
			map[string]string{"run/udev/data/b9:127": "E:MD_UUID=01234567:89abcdef:01234567:89abcdef\n"}, []string{"mduuid/0123456789abcdef0123456789abcdef"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := record{"disks": strings.Split(c.disks, "\n"), "mountinfo": {"30 1 " + c.mount}, "tree": {"boot/loader/entries/"}}
			dir := r.build(t)
			for file, text := range c.files {
				if strings.HasPrefix(file, "dm/") {
					file = "sys/class/block/dm-0/" + file
				}
				write(t, dir, file, text)
			}
			m := host.At(dir)
			volumes, err := esp.Find(esp.Options{Machine: m, Getenv: func(string) string { return "" }})
			require.NoError(t, err)
			require.Len(t, volumes, 1)
			defer func() { assert.NoError(t, volumes[0].Close()) }()
			assert.Equal(t, c.want, volumes[0].GRUBNames(m))
			given, err := esp.Find(esp.Options{Machine: m, BootPath: filepath.Join(dir, "boot"), Getenv: func(string) string { return "" }})
			require.NoError(t, err)
			assert.Empty(t, given[0].GRUBNames(m), "nothing is known of a path that was given")
			require.NoError(t, given[0].Close())
		})
	}
}
