//go:build vm

package grub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

const realStub = "search.fs_uuid " + realUUID + " root\nset prefix=($root)'/grub'\nconfigfile $prefix/grub.cfg\n"

// lay makes the disk, and the machine with the same files.
func (d *realDisk) lay(t *testing.T, g vm.GRUB) (m *Machine, image string) {
	t.Helper()
	tree, firmware := t.TempDir(), t.TempDir()
	start, dir := firmware, "EFI/debian"
	if d.bios {
		start, dir = tree, "grub2"
	}
	for _, name := range sortedNames(d.files) {
		put(t, tree, name, d.files[name])
	}
	put(t, tree, "k-other", "kernel other")
	put(t, start, dir+"/grub.cfg", d.cfg.String())
	if d.stub {
		put(t, tree, "grub/grub.cfg", d.cfg.String())
		put(t, start, dir+"/grub.cfg", realStub)
	}
	for name, module := range g.Modules {
		put(t, tree, "grub/x86_64-efi/"+name, string(module))
		put(t, firmware, "EFI/debian/x86_64-efi/"+name, string(module))
	}
	if env, ok := d.files["grub/grubenv"]; ok && !d.stub {
		put(t, start, dir+"/grubenv", env)
	}
	boot := vm.Ext4Tree(t, tree, realUUID, "REALBOOT")
	filesystem, err := os.OpenFile(boot, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { filesystem.Close() })
	if d.raw != "" {
		block := blockHeader + d.raw
		_, err = filesystem.WriteAt([]byte(block+strings.Repeat("#", sector-len(block))), sector)
		require.NoError(t, err)
	}
	second := &Device{Name: "hd0,gpt2", Aliases: []string{"hd0,2"}, UUID: realUUID, Label: "REALBOOT", FS: os.DirFS(tree), Disk: filesystem}
	if d.bios {
		image = vm.Disk(t, vm.Partition{Type: vm.BIOSBoot}, vm.Partition{Type: vm.Linux, Ext4: boot})
		g.InstallBIOS(t, image)
		return &Machine{Devices: []*Device{second}, Start: second, Dir: dir, Variables: map[string]string{"grub_platform": "pc", "grub_cpu": "i386"}}, image
	}
	esp := map[string][]byte{"EFI/BOOT/BOOTX64.EFI": g.Image}
	require.NoError(t, filepath.WalkDir(firmware, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(firmware, path)
			esp[name], err = os.ReadFile(path)
		}
		return err
	}))
	image = vm.Disk(t, vm.Partition{Files: esp}, vm.Partition{Type: vm.Root, Ext4: boot})
	first := &Device{Name: "hd0,gpt1", Aliases: []string{"hd0,1"}, UUID: realESP, FS: os.DirFS(firmware), FAT: true}
	return &Machine{Devices: []*Device{first, second}, Start: first, Dir: dir, FirmwareSetup: true}, image
}

// put writes a file: a kernel, a symbolic link, or the text itself.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	if target, ok := strings.CutPrefix(text, "-> "); ok {
		require.NoError(t, os.Symlink(target, path))
		return
	}
	if kernel, ok := strings.CutPrefix(text, "kernel "); ok {
		text = string(vm.ReportKernel(kernel))
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}
