package esp

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/entries/internal/blockdev"
)

// mountsAt are mounts of "DEVICE ROOT POINT TYPE", one a line.
func mountsAt(lines ...string) mounts {
	var ms mounts
	for _, line := range lines {
		f := strings.Fields(line)
		ms = append(ms, host.Mount{Device: f[0], Root: f[1], Point: f[2], FSType: f[3]})
	}
	return ms
}

// shown is a mount as "DEVICE ROOT POINT TYPE"; "" for none.
func shown(m *host.Mount) string {
	if m == nil {
		return ""
	}
	return fmt.Sprint(m.Device, " ", m.Root, " ", m.Point, " ", m.FSType)
}

// TestMountsAt: of several mounts at one place the last one is seen.
func TestMountsAt(t *testing.T) {
	ms := mountsAt("8:1 / / ext4", "8:2 / /boot ext4", "8:3 / /boot vfat", "8:4 / /boot/efi vfat")
	for dir, want := range map[string]string{
		"/": "8:1 / / ext4", "/boot": "8:3 / /boot vfat", "/boot/efi": "8:4 / /boot/efi vfat", "/boot/": "", "/bo": "", "/boot/efi/x": "", "": "",
	} {
		assert.Equal(t, want, shown(ms.at(dir)), dir)
	}
	assert.Nil(t, mounts(nil).at("/"))
}

// TestMountsHolding: the nearest directory above that something is mounted at.
func TestMountsHolding(t *testing.T) {
	ms := mountsAt("8:1 / / ext4", "8:2 / /boot ext4", "8:3 / /boot vfat")
	for dir, want := range map[string]string{
		"/": "8:1 / / ext4", "/boot": "8:3 / /boot vfat", "/boot/efi/EFI": "8:3 / /boot vfat", "/boots": "8:1 / / ext4", "/srv/boot": "8:1 / / ext4", "relative": "", ".": "",
	} {
		assert.Equal(t, want, shown(ms.holding(dir)), dir)
	}
	assert.Nil(t, ms[1:].holding("/srv"), "the root is not known")
}

// TestMountsOf: a partition is reached where all of it is seen, and no user put it.
func TestMountsOf(t *testing.T) {
	ms := mountsAt("8:1 / /a vfat", "8:1 / /covered vfat", "8:2 / /covered ext4", "8:1 /sub /part vfat", "8:1 / /home/u/x vfat", "8:1 / /z vfat", "8:11 / /other vfat")
	var points []string
	for _, m := range ms.of("8:1") {
		points = append(points, m.Point)
	}
	assert.Equal(t, []string{"/a", "/z"}, points, "in the order of the mounts")
	assert.Empty(t, ms.of("8:9"))
	assert.Empty(t, ms.of(""))
}

// TestUsersMounts are those that need no root: FUSE, and where udisks mounts.
func TestUsersMounts(t *testing.T) {
	for line, want := range map[string]bool{
		"8:1 / /x fuse": true, "8:1 / /x fuseblk": true, "8:1 / /x fuse.ntfs": true, "8:1 / /x fusectl": false, "8:1 / /x fusex": false, "8:1 / /x vfat": false,
		"8:1 / /run/media/u/EFI vfat": true, "8:1 / /media/EFI vfat": true, "8:1 / /run/user/1000/x vfat": true, "8:1 / /home/u vfat": true, "8:1 / /tmp/x vfat": true, "8:1 / /var/tmp/x vfat": true,
		"8:1 / /home vfat": false, "8:1 / /tmp vfat": false, "8:1 / /run/medial/x vfat": false, "8:1 / /mnt/media/x vfat": false, "8:1 / /var/lib/x vfat": false, "8:1 / /boot vfat": false,
	} {
		assert.Equal(t, want, isUsers(&mountsAt(line)[0]), line)
	}
}

// TestDescribe: the directory of the file system that a directory is, by the mount that
// it is on.
func TestDescribe(t *testing.T) {
	ms := mountsAt("8:1 / / ext4", "0:30 /@/home /home btrfs", "8:2 / /boot vfat", "8:3 /srv/boot /bound ext4")
	for dir, want := range map[string][2]string{
		"/": {"ext4", "/"}, "/srv/x": {"ext4", "/srv/x"}, "/home": {"btrfs", "/@/home"}, "/home/u/b": {"btrfs", "/@/home/u/b"},
		"/boot": {"vfat", "/"}, "/boot/EFI": {"vfat", "/EFI"}, "/bound": {"ext4", "/srv/boot"}, "/bound/a": {"ext4", "/srv/boot/a"}, "x": {"", ""},
	} {
		var v Volume
		ms.describe(&v, dir)
		assert.Equal(t, want, [2]string{v.FSType, v.Subdir}, dir)
	}
}

func TestBelow(t *testing.T) {
	for _, tt := range [][3]string{
		{"/", "/boot", "/boot"}, {"/", "/", "/"}, {"/m", "/m/boot", "/boot"}, {"/m/", "/m/boot", "/boot"}, {"/m", "/m", "/"}, {"", "/boot", "/boot"},
		{"/m", "/elsewhere", "/elsewhere"},
	} {
		assert.Equal(t, tt[2], below(tt[0], tt[1]), "%v", tt)
	}
}

// TestPlaceIsESP: each reason why a directory is no ESP, in the order in which they are
// looked at, and what makes up for it.
func TestPlaceIsESP(t *testing.T) {
	const uuid = "aaaaaaaa-0000-4000-8000-000000000001"
	gpt := func(kind, uuid string) blockdev.Partition {
		return blockdev.Partition{Slot: blockdev.Slot{Scheme: "gpt", Type: kind, UUID: uuid}}
	}
	vfat, esp := &mountsAt("8:1 / /efi vfat")[0], gpt("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", uuid)
	data := gpt("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", uuid)
	gone := fmt.Errorf("/efi: %w", fs.ErrNotExist)
	for name, c := range map[string]struct {
		p          place
		hint       string
		note, want string
	}{
		"an ESP":                   {place{mount: vfat, Partition: esp}, "", "", ""},
		"an ESP of MS-DOS":         {place{mount: &mountsAt("8:1 / /efi msdos")[0], Partition: esp}, "", "", ""},
		"absent":                   {place{err: gone, mount: vfat, Partition: esp}, "", "", gone.Error()},
		"hangs":                    {place{err: errHangs, mount: vfat, Partition: esp}, "", "", "does not answer"},
		"a plain directory":        {place{Partition: esp}, "", "", "/efi: no file system of its own"},
		"a part of a file system":  {place{mount: &mountsAt("8:1 /sub /efi vfat")[0], Partition: esp}, "", "", "/efi: no file system of its own"},
		"an automount":             {place{mount: &mountsAt("0:30 / /efi autofs")[0]}, "", "", "/efi: the automount mounted nothing"},
		"not FAT":                  {place{mount: &mountsAt("8:1 / /efi exfat")[0], Partition: esp}, "", "", "/efi: exfat, not FAT"},
		"refused":                  {place{mount: vfat, Partition: esp, err: syscall.EACCES}, "", "", "permission denied"},
		"refused, and not FAT":     {place{mount: &mountsAt("8:1 / /efi ext4")[0], err: syscall.EACCES}, "", "", "/efi: ext4, not FAT"},
		"type not known":           {place{mount: vfat}, "", "/efi: its partition type could not be read, not checked", ""},
		"another type":             {place{mount: vfat, Partition: data}, "", "", "/efi: partition type " + data.Type + ", not that of an EFI system partition"},
		"another type, started":    {place{mount: vfat, Partition: data}, uuid, "/efi: the boot loader was started from it, but its partition type is " + data.Type, ""},
		"another type, not it":     {place{mount: vfat, Partition: data}, "x", "", "/efi: partition type " + data.Type + ", not that of an EFI system partition"},
		"another type, no UUID":    {place{mount: vfat, Partition: gpt(data.Type, "")}, "", "", "/efi: partition type " + data.Type + ", not that of an EFI system partition"},
		"the type of another kind": {place{mount: vfat, Partition: blockdev.Partition{Slot: blockdev.Slot{Scheme: "dos", Type: esp.Type}}}, "", "", "/efi: partition type " + esp.Type + ", not that of an EFI system partition"},
	} {
		c.p.dir = "/efi"
		note, err := c.p.isESP(c.hint)
		assert.Equal(t, c.note, note, name)
		if c.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.EqualError(t, err, c.want, name)
		}
	}
}

// TestWorthNote: that a machine has no such partition is no news, but that one is not
// mounted is.
func TestWorthNote(t *testing.T) {
	unmounted := fmt.Errorf("EFI system partition /dev/vda1 is %w", errUnmounted)
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{ErrNotFound, ""},
		{fmt.Errorf("%w: %w", ErrNotFound, errNowhere), ""},
		{fmt.Errorf("%w: %w", ErrNotFound, unmounted), unmounted.Error()},
		{hint.Wrap(fmt.Errorf("%w: %w", ErrNotFound, unmounted), "mount it"), unmounted.Error() + "; mount it"},
		{hint.Wrap(syscall.EACCES, "run as root"), "permission denied; run as root"},
		{errors.New("something else"), "something else"},
	} {
		assert.Equal(t, tt.want, worthNote(tt.err))
	}
}

// TestAddNote joins notes, without an empty one between.
func TestAddNote(t *testing.T) {
	var v Volume
	for _, step := range [][2]string{{"", ""}, {"a", "a"}, {"", "a"}, {"b", "a; b"}} {
		v.addNote(step[0])
		assert.Equal(t, step[1], v.Note)
	}
}

// TestJoinReasons keeps every reason, and what each of them is.
func TestJoinReasons(t *testing.T) {
	assert.Equal(t, errNowhere, joinReasons(nil))
	assert.Equal(t, errHangs, joinReasons([]error{errHangs}))
	joined := joinReasons([]error{errHangs, fs.ErrPermission, errForeign})
	assert.EqualError(t, joined, "does not answer; "+fs.ErrPermission.Error()+"; does not hold the root file system")
	for _, err := range []error{errHangs, fs.ErrPermission, errForeign} {
		assert.ErrorIs(t, joined, err)
	}
}
