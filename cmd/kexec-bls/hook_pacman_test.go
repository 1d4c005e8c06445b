package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPacmanHookTargets holds the file against what packages of Arch own.
func TestPacmanHookTargets(t *testing.T) {
	hook, err := os.ReadFile("dist/pacman/95-kexec-bls.hook")
	require.NoError(t, err)
	var targets []string
	for line := range strings.Lines(string(hook)) {
		if target, ok := strings.CutPrefix(strings.TrimSpace(line), "Target = "); ok {
			targets = append(targets, target)
		}
	}
	assert.Contains(t, targets, "usr/lib/modules/*/vmlinuz")
	assert.Contains(t, string(hook), "\nExec = /usr/bin/kexec-bls hook pacman\n")
	assert.NotContains(t, string(hook), "\nAbortOnFail", "only before a transaction")
	for file, want := range map[string]bool{
		"usr/lib/modules/6.17.1-arch1-1/vmlinuz": true, "usr/lib/modules/6.12.58-1-lts/vmlinuz": true,
		"usr/lib/initcpio/install/systemd": true, "usr/lib/dracut/modules.d/00systemd/module-setup.sh": true, "usr/bin/booster": true,
		"boot/amd-ucode.img": true, "boot/intel-ucode.img": true, "boot/EFI/Linux/x.efi": true, "efi/loader/entries/x.conf": true,
		"usr/lib/systemd/boot/efi/systemd-bootx64.efi": true, "usr/lib/systemd/boot/efi/linuxx64.efi.stub": true,
		"usr/lib/kernel/install.d/90-uki-copy.install": true, "usr/src/nvidia-580/dkms.conf": true, "usr/lib/firmware/amdgpu/x.bin.zst": true,
		"usr/lib/modules/6.17.1-arch1-1/extramodules/nvidia.ko.zst": true,
		"usr/bin/vim": false, "usr/share/boot/x": false, "usr/lib/modules/6.17.1-arch1-1/kernel/fs/ext4.ko.zst": false,
	} {
		assert.Equal(t, want, slices.ContainsFunc(targets, func(target string) bool { return fnmatch(target, file) }), file)
	}
}

// fnmatch is fnmatch(3) without flags, for patterns with "*" only: it matches
// slashes too.
func fnmatch(pattern, name string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, first)
	if !ok || !star {
		return ok && name == ""
	}
	for i := range len(name) + 1 {
		if fnmatch(rest, name[i:]) {
			return true
		}
	}
	return false
}
