package reboot

import (
	"errors"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func TestWritableAreTheFileSystemsOnDevices(t *testing.T) {
	m := host.Machine{FS: fstest.MapFS{"proc/self/mountinfo": {Data: []byte(`22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda2 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw
24 22 254:2 / /boot ro,relatime shared:3 master:4 - vfat /dev/vda1 rw,fmask=0022
25 22 254:1 /var /srv/bind rw - ext4 /dev/vda2 rw
26 22 0:30 /@home /home rw - btrfs /dev/vdb rw,subvol=/@home
27 22 254:3 / /usr ro - erofs /dev/vda3 ro
28 22 254:4 / /mnt/with\040blank\134 rw - xfs /dev/mapper/x-rw rw
29 22 254:5 / /ro rw - ext4 /dev/vda5 ro,data=rw
30 22 0:31 / /overlay rw - overlay overlay rw,lowerdir=/a
31 22 254:6 / /cut rw - ext4 /dev/vda6
`)}}}
	mounts, err := m.Mounts()
	require.NoError(t, err)
	assert.Equal(t, []string{"/", "/boot", "/home", `/mnt/with blank\`}, writable(mounts))
	assert.Empty(t, writable(nil))
	assert.Equal(t, writable(mounts), writable(append(mounts, mounts...)), "a file system counts once")
}

// TestQuiesceUndoesWhatItDid holds the order, that a busy file system does not
// stop the rest, and that undo touches only what was changed.
func TestQuiesceUndoesWhatItDid(t *testing.T) {
	var calls []string
	refused := errors.New("busy")
	left, undo := quiesce([]string{"/", "/var", "/home"}, func(point string, readOnly bool) error {
		calls = append(calls, fmt.Sprint(point, readOnly))
		if point == "/var" || point == "/home" && !readOnly {
			return refused
		}
		return nil
	})
	assert.Equal(t, []string{"/var"}, left)
	assert.Equal(t, []string{"/hometrue", "/vartrue", "/true"}, calls)

	calls = nil
	err := undo()
	assert.Equal(t, []string{"/false", "/homefalse"}, calls)
	assert.ErrorIs(t, err, refused)
	assert.EqualError(t, err, "/home remains read-only: busy")
}
