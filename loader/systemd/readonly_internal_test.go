package systemd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWritableAreTheFileSystemsOnDevices(t *testing.T) {
	points, err := writable(strings.NewReader(`
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda2 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw
24 22 254:2 / /boot ro,relatime shared:3 master:4 - vfat /dev/vda1 rw,fmask=0022
25 22 254:1 /var /srv/bind rw - ext4 /dev/vda2 rw
26 22 0:30 /@home /home rw - btrfs /dev/vdb rw,subvol=/@home
27 22 254:3 / /usr ro - erofs /dev/vda3 ro
28 22 254:4 / /mnt/with\040blank\134 rw - xfs /dev/mapper/x-rw rw
29 22 254:5 / /ro rw - ext4 /dev/vda5 ro,data=rw
30 22 0:31 / /overlay rw - overlay overlay rw,lowerdir=/a
cut 22 0:31
31 22 254:6 / /cut rw - ext4
`))
	require.NoError(t, err)
	assert.Equal(t, []string{"/", "/boot", "/home", `/mnt/with blank\`}, points)

	_, err = writable(strings.NewReader(strings.Repeat("x", 2<<20)))
	assert.Error(t, err, "a line without an end")
	points, err = writable(strings.NewReader(""))
	assert.NoError(t, err)
	assert.Empty(t, points)
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
	assert.EqualError(t, err, "/home stays read-only: busy")
}

func FuzzWritable(f *testing.F) {
	f.Add("22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda2 rw\n")
	f.Add(" - \n- - -")
	f.Add("1 1 8:1 / /a\\040 rw - x /y rw,")
	f.Fuzz(func(t *testing.T, text string) {
		points, err := writable(strings.NewReader(text))
		if err != nil {
			return
		}
		assert.LessOrEqual(t, len(points), strings.Count(text, "\n")+1)
		again, err := writable(strings.NewReader(text + "\n" + text))
		assert.NoError(t, err)
		assert.Equal(t, points, again, "a file system counts once")
	})
}
