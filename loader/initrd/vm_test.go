//go:build vm

package initrd_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

func TestVMTimes(t *testing.T) {
	for _, k := range []string{vm.DefaultKernel, vm.SecondKernel} {
	agent := vm.Archive(t, vm.AgentFiles(t)...)
	a := newc(file{path: "t", mode: 0o40755, mtime: 1000}, file{path: "t/d", mode: 0o40755, mtime: 2000}, file{path: "t/e", mode: 0o40755, mtime: 2500})
	b := newc(file{path: "t/d", mode: 0o40700, mtime: 3000, uid: 5})
	c := newc(file{path: "t/d/x", data:"1", mtime: 4000}, link("t/e", "foo"), file{path:"t/f", data:"1", ino:5, nlink: 2}, file{path:"t/f", ino:5, nlink: 2})
	blob, _ := join(t, initrd.JoinOptions{}, members(t, compress(t, initrd.Zstd, agent), a, append(b,0,0,0), compress(t, initrd.Gzip, c), append(newc(text("t/odd","1")),0), compress(t, initrd.Gzip, newc(text("t/afterodd","1")))))
	g := vm.Start(t, vm.Config{Kernel: vm.FindKernel(t,k), Initrd: blob})
	fmt.Println(g.MustRun("find /t | xargs stat -c '%n %A %u %Y'"))
	fmt.Println(g.Run("dmesg | grep -i -E 'initramfs|unpack'"))
	cat, _ := cat(pad4(compress(t, initrd.Zstd, agent)), pad4(a), append(newc(text("t/odd","1")),0), compress(t, initrd.Gzip, newc(text("t/afterodd","1"))))
	g = vm.Start(t, vm.Config{Kernel: vm.FindKernel(t,k),Initrd: cat})
	fmt.Println(g.MustRun("find /t | xargs stat -c '%n %A %u %Y'"))
	fmt.Println(g.Run("dmesg | grep -i -E 'initramfs|unpack'"))
	}
	require.True(t, true)
}
