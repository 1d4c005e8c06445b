package host

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// A device is opened by the name of its node only: any other path may lead to it
// through a link that somebody made.
func TestOpens(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind uint32
		want bool
	}{
		{"boot/config-1", unix.S_IFREG, true},
		{"boot", unix.S_IFDIR, true},
		{"dev/vda", unix.S_IFBLK, true},
		{"boot/config-1", unix.S_IFBLK, false},
		{"device/vda", unix.S_IFBLK, false},
		{"dev/cpu/0/msr", unix.S_IFCHR, true},
		{"dev/cpu/1/msr", unix.S_IFCHR, false},
		{"dev/tty", unix.S_IFCHR, false},
		{"dev/initctl", unix.S_IFIFO, false},
		{"dev/log", unix.S_IFSOCK, false},
		{"dev/fd", unix.S_IFLNK, false},
	} {
		assert.Equal(t, tt.want, opens(tt.name, tt.kind), tt)
	}
}
