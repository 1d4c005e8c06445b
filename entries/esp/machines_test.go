package esp_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// found is what Find finds on a machine, one fact a line, without the directory that the
// machine is in.
func found(t *testing.T, r record) string {
	t.Helper()
	dir := r.build(t)
	volumes, err := esp.Find(r.find(t, dir))
	for _, v := range volumes {
		assert.NoError(t, v.Close())
	}
	return strings.ReplaceAll(strings.Join(describe(volumes, err), "\n"), dir, "")
}

// rootOn is the line of mountinfo of a root file system on the second partition of vda.
const rootOn = "22 1 254:2 / / rw - ext4 /dev/vda2 rw"

// vda is a disk with an ESP, whose udev record has this after its PARTUUID, and the root
// file system.
func vda(esp string, more ...string) []string {
	return append([]string{"vda 254:0 udev", "  vda1 254:1 esp " + esp, "  vda2 254:2 linux r ext4"}, more...)
}

const giveThePath = "; give the path of the boot partition"

// TestFindSaysWhy: an error names what is there, why it was refused, and what to type.
func TestFindSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		options, disks, mounts, tree []string
		want                         string
	}{
		"the hint names a USB disk": {[]string{"hint=x"}, []string{"vda 254:0 udev", "  vda2 254:2 linux r ext4", "sdb 8:16 udev,usb", "  sdb1 8:17 esp x vfat"}, nil, nil,
			"no boot partition found: /dev/sdb1 is on a USB disk that does not hold the root file system" + giveThePath},
		"what no boot loader names": {nil, vda("a vfat"), nil, []string{"efi/"},
			"no boot partition found: EFI system partition /dev/vda1 is not mounted: no boot loader names it in LoaderDevicePartUUID; mount /dev/vda1 /efi"},
		"what is no FAT":    {nil, vda("a ext4"), nil, []string{"efi/"}, "no boot partition found: EFI system partition /dev/vda1 is not mounted: it holds ext4; mount /dev/vda1 /efi"},
		"/boot/efi is next": {nil, vda("a ext4"), nil, []string{"boot/efi/"}, "no boot partition found: EFI system partition /dev/vda1 is not mounted: it holds ext4; mount /dev/vda1 /boot/efi"},
		"then /boot":        {nil, vda("a ext4"), nil, []string{"boot/"}, "no boot partition found: EFI system partition /dev/vda1 is not mounted: it holds ext4; mount /dev/vda1 /boot"},
		"then /mnt":         {nil, vda("a ext4"), nil, nil, "no boot partition found: EFI system partition /dev/vda1 is not mounted: it holds ext4; mount /dev/vda1 /mnt"},
		"not where another is mounted": {nil, vda("a ext4"), []string{"30 22 0:40 / /efi rw - tmpfs tmpfs rw"}, []string{"efi/", "boot/"},
			"no boot partition found: EFI system partition /dev/vda1 is not mounted: it holds ext4; mount /dev/vda1 /boot"},
		"the hint's is no FAT": {[]string{"hint=a"}, vda("a ext4"), nil, []string{"efi/"}, "no boot partition found: EFI system partition /dev/vda1 is not mounted: it holds ext4; mount /dev/vda1 /efi"},
		"a /boot of a USB disk": {nil, []string{"vda 254:0 udev", "  vda2 254:2 linux r ext4", "sdb 8:16 udev,usb", "  sdb1 8:17 xbootldr x ext4"},
			[]string{"30 22 8:17 / /boot rw - ext4 /dev/sdb1 rw"}, []string{"boot/"},
			"no boot partition found: /boot: ext4, not FAT; /boot: /dev/sdb1 is on a USB disk that does not hold the root file system" + giveThePath},
		"two XBOOTLDRs of one PARTUUID": {nil, vda("a vfat", "  vda3 254:3 xbootldr b ext4", "vdb 254:16 udev", "  vdb1 254:17 xbootldr b ext4"),
			[]string{"30 22 254:1 / /efi rw - vfat /dev/vda1 rw", "31 22 254:3 / /boot rw - ext4 /dev/vda3 rw"}, []string{"efi/", "boot/"},
			"no boot partition found: more than one partition has the PARTUUID b: /dev/vda3 and /dev/vdb1" + giveThePath},
		"two of the hint, XBOOTLDR given": {[]string{"hint=a", "boot-path=given"}, vda("a vfat", "vdb 254:16 udev", "  vdb1 254:17 esp a vfat"), nil, []string{"given/"},
			"no boot partition found: more than one partition has the PARTUUID a: /dev/vda1 and /dev/vdb1" + giveThePath},
		"the given XBOOTLDR is absent": {[]string{"boot-path=gone"}, vda("a vfat"), nil, nil, "/gone: no such file or directory"},
		"relaxed, a file":              {[]string{"SYSTEMD_RELAX_ESP_CHECKS=1"}, vda("a vfat"), nil, []string{"efi = text", "boot/"}, "/efi: not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			r := record{"options": c.options, "disks": c.disks, "mountinfo": append([]string{rootOn}, c.mounts...), "tree": c.tree}
			assert.Equal(t, "error "+c.want, found(t, r))
		})
	}
}

// TestFindNotes: what was passed over, or could not be checked, is on the volume that
// was taken.
func TestFindNotes(t *testing.T) {
	atEFI := "30 22 254:1 / /efi rw - vfat /dev/vda1 rw"
	for name, c := range map[string]struct {
		options, disks, mounts, tree []string
		want                         string
	}{
		"nothing": {nil, vda("a vfat"), []string{atEFI}, []string{"efi/"}, "esp /efi /dev/vda1 a"},
		"an XBOOTLDR that is encrypted": {nil, vda("a vfat", "  vda3 254:3 xbootldr b crypto_LUKS"), []string{atEFI}, []string{"efi/", "boot/"},
			"esp /efi /dev/vda1 a\nnote XBOOTLDR partition /dev/vda3 is not mounted: it holds crypto_LUKS; mount /dev/vda3 /boot"},
		"no place for it": {nil, vda("a vfat", "  vda3 254:3 xbootldr b crypto_LUKS"), []string{atEFI}, []string{"efi/"},
			"esp /efi /dev/vda1 a\nnote XBOOTLDR partition /dev/vda3 is not mounted: it holds crypto_LUKS; mount /dev/vda3 /mnt"},
		"an XBOOTLDR of another disk": {nil, vda("a vfat", "vdb 254:16 udev", "  vdb1 254:17 xbootldr b crypto_LUKS"), []string{atEFI}, []string{"efi/"}, "esp /efi /dev/vda1 a"},
		"the boot loader's is gone": {[]string{"hint=X"}, vda("a vfat"), []string{atEFI}, []string{"efi/"},
			"esp /efi /dev/vda1 a\nnote the boot loader was started from another partition: there is none with PARTUUID x"},
		"two notes": {[]string{"hint=x"}, []string{"vda 254:0 udev", "  vda2 254:2 linux r ext4", "dm-0 253:0 none vda2"}, []string{"30 22 253:0 / /efi rw - vfat /dev/dm-0 rw"},
			[]string{"efi/", "run/udev/data/b253:0 = E:ID_PART_ENTRY_UUID=d"},
			"esp /efi /dev/dm-0 d\nnote /efi: its partition type could not be read, not checked; the boot loader was started from another partition: there is none with PARTUUID x"},
		"the hint in upper case": {[]string{"hint=B"}, vda("a vfat", "  vda3 254:3 esp b vfat"), []string{atEFI, "31 22 254:3 / /boot/efi rw - vfat /dev/vda3 rw"}, []string{"efi/", "boot/efi/"},
			"esp /boot/efi /dev/vda3 b"},
		"the ESP is given as XBOOTLDR": {[]string{"boot-path=efi"}, vda("a vfat"), []string{atEFI}, []string{"efi/"}, "esp /efi /dev/vda1 a"},
		"an ESP beside the given":      {[]string{"boot-path=given"}, vda("a vfat"), []string{atEFI}, []string{"efi/", "given/"}, "esp /efi /dev/vda1 a\nxbootldr /given plain"},
		"the ESP beside it is not mounted": {[]string{"boot-path=given"}, vda("a ext4"), nil, []string{"efi/", "given/"},
			"xbootldr /given plain\nnote EFI system partition /dev/vda1 is not mounted: it holds ext4; mount /dev/vda1 /efi"},
		"no ESP beside it": {[]string{"boot-path=given"}, []string{"vda 254:0 udev", "  vda2 254:2 linux r ext4"}, nil, []string{"given/"}, "xbootldr /given plain"},
		"GRUB's /boot, its ESP not mounted": {nil, vda("a ext4"), nil, []string{"boot/grub/grub.cfg"},
			"xbootldr /boot plain\nnote EFI system partition /dev/vda1 is not mounted: it holds ext4; mount /dev/vda1 /boot"},
	} {
		t.Run(name, func(t *testing.T) {
			r := record{"options": c.options, "disks": c.disks, "mountinfo": append([]string{rootOn}, c.mounts...), "tree": c.tree}
			assert.Equal(t, c.want, found(t, r))
		})
	}
}

// noDevices refuses device nodes, as to anyone but root.
type noDevices struct{ fs.FS }

// Open refuses what is below dev.
func (n noDevices) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "dev/") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	return n.FS.Open(name)
}

// ReadLink reads a link.
func (n noDevices) ReadLink(name string) (string, error) { return fs.ReadLink(n.FS, name) }

// Lstat does not follow a link.
func (n noDevices) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(n.FS, name) }

// TestFindAsUser: without udev only root sees the types of partitions.
func TestFindAsUser(t *testing.T) {
	r := record{"disks": {"vda 254:0 gpt", "  vda1 254:1 esp aaaaaaaa-0000-4000-8000-000000000001"}, "mountinfo": {"22 1 0:40 / / rw - tmpfs tmpfs rw"}, "tree": {"efi/"}}
	o := r.find(t, r.build(t))
	_, err := esp.Find(o)
	assert.ErrorContains(t, err, "/dev/vda1 is not mounted")
	o.Machine = o.Machine.WithFS(noDevices{o.Machine.FS})
	volumes, err := esp.Find(o)
	assert.Equal(t, []string{"error no boot partition found: /efi: no file system of its own; run as root, or give the path of the boot partition"}, describe(volumes, err))
}

// TestFindWithoutMounts: without /proc only a path that is given will do.
func TestFindWithoutMounts(t *testing.T) {
	dir := t.TempDir()
	makeNode(t, dir+"/efi", true)
	o := record{}.find(t, dir)
	volumes, err := esp.Find(o)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "proc/self/mountinfo")
	assert.Empty(t, volumes)
	o.ESPPath = dir + "/efi"
	volumes, err = esp.Find(o)
	assert.Equal(t, []string{"esp " + dir + "/efi plain"}, describe(volumes, err))
	require.NoError(t, volumes[0].Close())
	write(t, dir, "proc/self/mountinfo", "no line of it\n")
	o.ESPPath = ""
	_, err = esp.Find(o)
	assert.EqualError(t, err, "/proc/self/mountinfo:1: not a line of mountinfo")
}

// TestFindWithoutDirectory: a relative path means nothing in a directory that is gone.
func TestFindWithoutDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(dir, 0o755))
	t.Chdir(dir)
	require.NoError(t, os.Remove(dir))
	t.Setenv("PWD", "")
	none := func(string) string { return "" }
	for _, o := range []esp.Options{{ESPPath: "a"}, {BootPath: "a"}, {Root: "a"}} {
		o.Getenv, o.Machine = none, host.At("/nonexistent")
		volumes, err := esp.Find(o)
		assert.ErrorIs(t, err, fs.ErrNotExist)
		assert.ErrorContains(t, err, "a: ")
		assert.Empty(t, volumes)
	}
}
