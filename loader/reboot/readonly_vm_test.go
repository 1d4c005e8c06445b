//go:build vm

package reboot_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestVMReadOnly holds what becomes of real mounts: the flags of the mount stay,
// and one that is written to stays writable.
func TestVMReadOnly(t *testing.T) {
	disk := vm.Disk(t, vm.Partition{Files: map[string][]byte{"a": []byte("a")}})
	g := vm.Start(t, vm.Config{
		Files: map[string][]byte{"bin/quiesce": vm.Build(t, "./testdata/quiesce")},
		Disks: []string{disk, disk},
	})
	g.MustRun("mkdir /one /two && mount -t vfat -o noexec,nosuid,noatime /dev/vda1 /one && mount -t vfat /dev/vdb1 /two")
	before := g.MustRun("grep /dev/vd /proc/mounts")
	assert.Equal(t, "/two", g.MustRun("exec 3>/two/open; quiesce undo"), "somebody writes to it")
	assert.Equal(t, before, g.MustRun("grep /dev/vd /proc/mounts"), "as before")

	assert.Empty(t, g.MustRun("quiesce"))
	assert.NotContains(t, g.MustRun("grep /dev/vd /proc/mounts"), " rw,")
	assert.Contains(t, g.MustRun("grep /one /proc/mounts"), "ro,nosuid,noexec,noatime")
	assert.NotZero(t, g.Run("touch /one/x").Code)
	assert.Zero(t, g.Run("touch /run/x").Code, "what is in memory is nobody's concern")
}
