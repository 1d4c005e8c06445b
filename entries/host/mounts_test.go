package host_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

const mountinfo = "proc/self/mountinfo"

func TestMounts(t *testing.T) {
	mounts, err := machine(mountinfo, `22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda2 rw,errors=remount-ro
26 22 0:30 /@home /home rw - btrfs /dev/vdb rw,subvol=/@home
27 22 254:3 / /usr ro - erofs /dev/vda3 ro
28 22 254:4 /a\134b /mnt/with\040blank\043\011 rw shared:3 master:4 propagate_from:2 - fuse.x\040y a\040b rw,ro2
29 22 254:5 / /nothing rw -  none
30 22 254:6 / /\400\08x\ rw - ext4 /dev/x ro,rw2
`).Mounts()
	require.NoError(t, err)
	assert.Equal(t, []host.Mount{
		{Device: "254:1", Root: "/", Point: "/", FSType: "ext4", Source: "/dev/vda2"},
		{Device: "0:30", Root: "/@home", Point: "/home", FSType: "btrfs", Source: "/dev/vdb"},
		{Device: "254:3", Root: "/", Point: "/usr", FSType: "erofs", Source: "/dev/vda3", ReadOnly: true},
		{Device: "254:4", Root: `/a\b`, Point: "/mnt/with blank#\t", FSType: "fuse.x y", Source: "a b"},
		{Device: "254:5", Root: "/", Point: "/nothing", Source: "none", ReadOnly: true},
		{Device: "254:6", Root: "/", Point: `/\400\08x\`, FSType: "ext4", Source: "/dev/x", ReadOnly: true},
	}, mounts)
}

func TestMalformedMounts(t *testing.T) {
	const good = "22 1 254:1 / / rw - ext4 /dev/vda2 rw\n"
	for _, bad := range []string{"x", "22 1 254:1 / / rw ext4 /dev/vda2 rw", "22 1 254:1 / rw - ext4 /dev/vda2 rw", "22 1 254:1 / relative rw - ext4 /dev/vda2 rw", "22 1 ../1 / / rw - ext4 x rw", "22 1 254: / / rw - ext4 x rw", "22 1 254:1 / / rw - ext4"} {
		mounts, err := machine(mountinfo, good+bad+"\n"+good).Mounts()
		assert.ErrorContains(t, err, "/proc/self/mountinfo:2: ", bad)
		assert.Empty(t, mounts, bad)
	}
}

// TestMountsHaveNoShortLimit holds that neither many mounts nor a line longer
// than a megabyte are cut.
func TestMountsHaveNoShortLimit(t *testing.T) {
	line := "22 1 0:40 / /o rw - overlay overlay rw,lowerdir=" + strings.Repeat("a", 2<<20) + "\n"
	mounts, err := machine(mountinfo, strings.Repeat("22 1 254:1 / /x rw - ext4 /dev/vda2 rw\n", 20000)+line).Mounts()
	require.NoError(t, err)
	assert.Len(t, mounts, 20001)
	assert.Equal(t, "/o", mounts[20000].Point)
}

func FuzzMounts(f *testing.F) {
	f.Add("22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda2 rw\n")
	f.Add(" - \n- - -")
	f.Add("1 1 8:1 / /a\\040 rw - x /y rw,")
	f.Fuzz(func(t *testing.T, text string) {
		mounts, err := machine(mountinfo, text).Mounts()
		if err != nil {
			assert.Empty(t, mounts)
			return
		}
		assert.LessOrEqual(t, len(mounts), strings.Count(text, "\n")+1)
		twice, err := machine(mountinfo, strings.TrimSuffix(text, "\n")+"\n"+text).Mounts()
		if text != "" && text != "\n" {
			assert.NoError(t, err)
			assert.Equal(t, append(mounts, mounts...), twice)
		}
	})
}
