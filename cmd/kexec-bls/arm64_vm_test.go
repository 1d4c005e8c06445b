//go:build vm

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestLongARM64 boots an entry on the other architecture that most machines
// have. Debian builds its kernels for it without kexec_file_load, so this is
// the way through kexec_load.
func TestLongARM64(t *testing.T) {
	kernel := vm.FindKernel(t, vm.ARM64Kernel)
	config, err := os.ReadFile(kernel.Config)
	require.NoError(t, err)
	initrd := vm.Archive(t, kernel.AgentFiles(t)...)
	line := kernel.Cmdline()
	g := vm.Start(t, vm.Config{
		Kernel: kernel, Memory: 1024, Timeout: 10 * time.Minute,
		Files: map[string][]byte{"bin/kexec-bls": vm.BuildFor(t, ".", "arm64"), "boot/config-" + kernel.Version: config},
		Disks: []string{vm.Disk(t, vm.Partition{Files: map[string][]byte{
			"vmlinuz": kernel.Bytes(t), "cut": kernel.Bytes(t)[:1<<20], "main.img": vm.Zstd(t, initrd), "extra.img": layer(t, "extra"),
			"loader/entries/arm.conf": []byte("linux /vmlinuz\ninitrd /main.img\ninitrd /extra.img\narchitecture aa64\noptions " + line + " entry=arm\n"),
			"loader/entries/x86.conf": []byte("linux /vmlinuz\narchitecture x64\n"),
			"loader/entries/cut.conf": []byte("linux /cut\n"),
		}})},
	})
	g.Mount("/dev/vda1", "/efi")
	shown := g.MustRun("kexec-bls show arm")
	assert.Contains(t, shown, kernel.Version)
	refused := g.Run("kexec-bls load cut")
	assert.Equal(t, exitFailed, refused.Code)
	assert.Contains(t, refused.Stderr, "/efi/cut: ")
	assert.Equal(t, exitNoEntry, g.Run("kexec-bls load x86").Code)
	if strings.Contains(string(config), "# CONFIG_KEXEC_FILE is not set") {
		refused = g.Run("kexec-bls load arm --syscall=file")
		assert.Equal(t, exitKernel, refused.Code)
		assert.Contains(t, refused.Stderr, "this kernel was built without CONFIG_KEXEC_FILE; use --syscall=classic, which it has")
		assert.Contains(t, g.Run("kexec-bls check arm").Stdout, "only the older kexec_load(2)")
	}
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"))
	g.MustRun("kexec-bls load arm && kexec-bls status && kexec-bls unload && kexec-bls load arm --quiet")
	assert.Equal(t, "1", g.MustRun("cat /sys/kernel/kexec_loaded"))
	g.Reboot("kexec-bls reboot --loaded --force")
	assert.Equal(t, line+" entry=arm", g.MustRun("cat /proc/cmdline"))
	assert.Equal(t, "extra", g.MustRun("cat /who/last"), "both archives are there")
}
