//go:build vm

package main

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// unsigned cuts the certificate table off a kernel.
func unsigned(t *testing.T, kernel []byte) []byte {
	const dataDirectory, certificates = 24 + 112, 4 * 8
	entry := int(binary.LittleEndian.Uint32(kernel[0x3c:])) + dataDirectory + certificates
	at := binary.LittleEndian.Uint32(kernel[entry:])
	require.NotZero(t, at, "the distribution signs its kernel")
	out := append([]byte{}, kernel[:at]...)
	clear(out[entry : entry+8])
	return out
}

// TestVMCheckAgreesWithTheKernel holds each verdict of check against what the
// kernel then says to a load.
func TestVMCheckAgreesWithTheKernel(t *testing.T) {
	for _, name := range []string{vm.DefaultKernel, vm.SecondKernel} {
		t.Run(name, func(t *testing.T) {
			kernel := vm.FindKernel(t, name)
			config, err := os.ReadFile(kernel.Config)
			require.NoError(t, err)
			files := bootFiles(t, kernel)
			files["unsigned"] = unsigned(t, kernel.Bytes(t))
			files["loader/entries/unsigned.conf"] = []byte("linux /unsigned\n")
			g := vm.Start(t, vm.Config{
				Kernel: kernel, Memory: 768,
				Files: map[string][]byte{"bin/kexec-bls": vm.Build(t, "."), "boot/config-" + kernel.Version: config},
				Disks: []string{vm.Disk(t, vm.Partition{Files: files})},
			})
			g.Mount("/dev/vda1", "/efi")
			agree := func(entry string, check, load int, id string) {
				t.Helper()
				said := g.Run("kexec-bls check " + entry)
				assert.Equal(t, check, said.Code, "%s: %s%s", entry, said.Stdout, said.Stderr)
				if id != "" {
					assert.Regexp(t, `(?m)^error    .* \[`+id+`\]$`, said.Stdout)
				}
				assert.Equal(t, load, g.Run("kexec-bls load "+entry).Code, entry)
			}
			agree("", exitDone, exitDone, "")
			agree("unsigned", exitDone, exitDone, "")
			asUser := g.Run("su nobody -c 'kexec-bls check'")
			assert.Equal(t, exitBlocked, asUser.Code, asUser.Stderr)
			assert.Regexp(t, `(?m)^error    .* \[capability\]$`, asUser.Stdout)

			g.MustRun("mount -t securityfs none /sys/kernel/security && echo integrity > /sys/kernel/security/lockdown")
			// Without EFI the distribution's certificate is in no keyring of it.
			agree("", exitBlocked, exitKernel, "kernel-signature")
			agree("unsigned", exitBlocked, exitKernel, "kernel-signature")

			g.MustRun("kexec-bls unload; echo 1 > /proc/sys/kernel/kexec_load_disabled")
			agree("", exitBlocked, exitKernel, "kexec-disabled")
			refused := g.Run("kexec-bls reboot --force")
			assert.Equal(t, exitBlocked, refused.Code, refused.Stderr)
			assert.Equal(t, exitKernel, g.Run("kexec-bls reboot --force --ignore=all").Code)
		})
	}
}
