package esp_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// facts are what a volume says of itself.
type facts struct {
	Kind                                  esp.Kind
	Dir, Device, PartUUID, FSType, Subdir string
	Plain                                 bool
	BlockDevice                           string
}

func factsOf(v *esp.Volume) facts {
	return facts{v.Kind, v.Dir, v.Device, v.PartUUID, v.FSType, v.Subdir, v.Plain, v.BlockDevice()}
}

// TestVolumeFacts: what is known of a partition, of a directory of a larger file system,
// and of a path that was given.
func TestVolumeFacts(t *testing.T) {
	atEFI := facts{esp.ESP, "/efi", "/dev/vda1", "a", "vfat", "/", false, "/dev/vda1"}
	for name, c := range map[string]struct {
		options, mounts, tree []string
		want                  []facts
	}{
		"a partition": {nil, []string{rootOn, "30 22 254:1 / /efi rw - vfat /dev/vda1 rw"}, []string{"efi/"}, []facts{atEFI}},
		"/boot of the root file system": {nil, []string{rootOn, "30 22 254:1 / /efi rw - vfat /dev/vda1 rw"}, []string{"efi/", "boot/loader/entries/"},
			[]facts{atEFI, {esp.XBOOTLDR, "/boot", "", "", "ext4", "/boot", true, "/dev/vda2"}}},
		"/boot of a subvolume": {nil, []string{"22 1 0:30 /@ / rw - btrfs /dev/vda2 rw", "30 22 254:1 / /efi rw - vfat /dev/vda1 rw"}, []string{"efi/", "boot/loader/entries/"},
			[]facts{atEFI, {esp.XBOOTLDR, "/boot", "", "", "btrfs", "/@/boot", true, "/dev/vda2"}}},
		"a subvolume as /boot": {nil, []string{rootOn, "30 22 254:1 / /efi rw - vfat /dev/vda1 rw", "31 22 0:30 /@boot /boot rw - btrfs /dev/vda2 rw"}, []string{"efi/", "boot/loader/entries/"},
			[]facts{atEFI, {esp.XBOOTLDR, "/boot", "/dev/vda2", "r", "btrfs", "/@boot", false, "/dev/vda2"}}},
		"/boot is a link": {nil, []string{rootOn, "30 22 254:1 / /efi rw - vfat /dev/vda1 rw"}, []string{"efi/", "srv/boot/loader/entries/", "boot -> srv/boot"},
			[]facts{atEFI, {esp.XBOOTLDR, "/boot", "", "", "ext4", "/srv/boot", true, "/dev/vda2"}}},
		"a path that is given": {[]string{"esp-path=efi", "boot-path=boot"}, []string{rootOn, "30 22 254:1 / /efi rw - vfat /dev/vda1 rw"}, []string{"efi/", "boot/"},
			[]facts{{esp.ESP, "/efi", "", "", "vfat", "/", true, ""}, {esp.XBOOTLDR, "/boot", "", "", "ext4", "/boot", true, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := record{"options": c.options, "disks": vda("a vfat"), "mountinfo": c.mounts, "tree": c.tree}
			dir := r.build(t)
			volumes, err := esp.Find(r.find(t, dir))
			require.NoError(t, err)
			var got []facts
			for _, v := range volumes {
				f := factsOf(v)
				f.Dir = strings.TrimPrefix(f.Dir, dir)
				got = append(got, f)
				assert.NoError(t, v.Close())
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// TestGRUBNamesOfOddDevices: a name is given only where it is certain.
func TestGRUBNamesOfOddDevices(t *testing.T) {
	const id = "abcdefghijklmnopqrstuvwxyz012345"
	for uuid, want := range map[string][]string{
		"LVM-" + id + id:                {"lvm/vg-boot", "lvmid/abcdef-ghij-klmn-opqr-stuv-wxyz-012345/abcdef-ghij-klmn-opqr-stuv-wxyz-012345"},
		"LVM-" + id + id + "-cow":       nil,
		"LVM-" + id:                     nil,
		"LVM":                           nil,
		"CRYPT-LUKS1-0123-boot":         {"cryptouuid/0123"},
		"CRYPT-LUKS2-0123-name-of-boot": {"cryptouuid/0123"},
		"CRYPT-LUKS2-0123":              nil,
		"CRYPT-PLAIN-0123-boot":         nil,
		"CRYPT-VERITY-0123-boot":        nil,
		"mpath-0123":                    nil,
		"":                              nil,
	} {
		r := record{"disks": {"vda 254:0 udev", "  vda1 254:1 linux b", "dm-0 253:0 none vda1"}, "mountinfo": {"30 1 253:0 / /boot rw - ext4 /dev/mapper/x rw"}, "tree": {"boot/loader/entries/"}}
		dir := r.build(t)
		write(t, dir, "sys/class/block/dm-0/dm/name", "vg-boot\n")
		write(t, dir, "sys/class/block/dm-0/dm/uuid", uuid+"\n")
		m := host.At(dir)
		volumes, err := esp.Find(r.find(t, dir))
		require.NoError(t, err)
		assert.Equal(t, want, volumes[0].GRUBNames(m), uuid)
		require.NoError(t, volumes[0].Close())
	}
}

// TestFindOfflineErrors closes what was opened, and says which path is wrong.
func TestFindOfflineErrors(t *testing.T) {
	for name, c := range map[string]struct {
		tree []string
		o    esp.Options
		want string
	}{
		"XBOOTLDR is absent":       {[]string{"efi/EFI/"}, esp.Options{BootPath: "/gone"}, "error DIR/gone: no such file or directory; paths of boot partitions are below DIR"},
		"it alone is looked for":   {nil, esp.Options{BootPath: "/gone"}, "error DIR/gone: no such file or directory; paths of boot partitions are below DIR"},
		"a file is given":          {[]string{"f"}, esp.Options{ESPPath: "/f"}, "error DIR/f: not a directory"},
		"XBOOTLDR is a file":       {[]string{"efi/EFI/", "f"}, esp.Options{BootPath: "/f"}, "error DIR/f: not a directory"},
		"one directory, two names": {[]string{"boot/EFI/", "efi->boot"}, esp.Options{BootPath: "/boot"}, "esp DIR/efi plain"},
		"XBOOTLDR beside an empty": {[]string{"efi/", "b/"}, esp.Options{BootPath: "/b"}, "xbootldr DIR/b plain"},
		"grub of another name":     {[]string{"boot/loader/entries/", "boot/grub/"}, esp.Options{}, "xbootldr DIR/boot plain"},
		"an ESP in /boot":          {[]string{"boot/loader/entries/", "boot/efi/EFI/"}, esp.Options{ESPPath: "/boot/efi"}, "esp DIR/boot/efi plain|xbootldr DIR/boot plain"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Root, c.o.Getenv = t.TempDir(), func(string) string { return "" }
			for _, name := range c.tree {
				makeNode(t, c.o.Root+"/"+name, strings.HasSuffix(name, "/"))
			}
			volumes, err := esp.Find(c.o)
			got := strings.Join(describe(volumes, err), "|")
			assert.Equal(t, c.want, strings.ReplaceAll(got, c.o.Root, "DIR"))
			for _, v := range volumes {
				assert.NoError(t, v.Close())
			}
		})
	}
}

// TestRelaxWords are the booleans of systemd's parse_boolean; what is none relaxes
// nothing.
func TestRelaxWords(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "efi"), 0o755))
	for word, want := range map[string]bool{
		"1": true, "y": true, "Yes": true, "t": true, "TRUE": true, "on": true, "0": false, "no": false, "off": false, "": false, "2": false, "yess": false, " 1": false,
	} {
		o := esp.Options{Root: dir, Getenv: func(name string) string { return map[string]string{"SYSTEMD_RELAX_ESP_CHECKS": word}[name] }}
		volumes, err := esp.Find(o)
		assert.Equal(t, want, err == nil, word)
		for _, v := range volumes {
			assert.NoError(t, v.Close())
		}
	}
}

// TestWhereOfAFileSystem: what is found beside the volume has its own path, and what is
// not found that of the volume.
func TestWhereOfAFileSystem(t *testing.T) {
	for fstype, want := range map[string]map[string]string{
		"ext4":  {"/boot/vmlinuz": "DIR/boot/vmlinuz", "vmlinuz": "DIR/vmlinuz", "/etc/x": "DIR/etc/x", "/gone": "/boot/gone", `\etc\x`: "DIR/etc/x"},
		"btrfs": {"/boot/vmlinuz": "/boot/vmlinuz", "vmlinuz": "/boot/vmlinuz", "/etc/x": "DIR/etc/x", "/gone": "/boot/gone"},
	} {
		v, dir := bootOf(t, fstype)
		f := v.FileSystem()
		for name, path := range want {
			assert.Equal(t, path, strings.ReplaceAll(f.Where(name), dir, "DIR"), "%s on %s", name, fstype)
		}
		assert.NoError(t, f.Close())
	}
	v := plainVolume(t, map[string]string{"a": ""})
	f := v.FileSystem()
	assert.Equal(t, v.Dir+"/a", f.Where("/a"))
	assert.Equal(t, v.Dir+"/gone", f.Where("gone"))
	assert.Empty(t, f.Prefix(), "an ESP")
	assert.NoError(t, f.Close())
}
