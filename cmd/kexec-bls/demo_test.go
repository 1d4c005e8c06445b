//go:build demo

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestDemo is make demo: the main job in a virtual machine, from the list to a
// word from the second kernel.
func TestDemo(t *testing.T) {
	say := func(format string, args ...any) { fmt.Printf("\n\033[1m"+format+"\033[0m\n", args...) }
	kernel := vm.FindKernel(t, vm.DefaultKernel)
	say("A throw-away machine boots %s under emulation, its ESP at /efi:", kernel.Version)
	start := time.Now()
	g := vm.Start(t, vm.Config{
		Memory: 768,
		Append: "quiet first=boot",
		Files:  map[string][]byte{"bin/kexec-bls": vm.Build(t, ".")},
		Disks:  []string{vm.Disk(t, vm.Partition{Files: demoFiles(t, kernel)})},
	})
	g.Mount("/dev/vda1", "/efi")
	fmt.Printf("up after %.1f s\n", time.Since(start).Seconds())
	for _, command := range []string{"cat /efi/loader/loader.conf", "cat /efi/loader/entries/arch.conf", "kexec-bls list", "kexec-bls show"} {
		say("# %s", command)
		fmt.Println(g.MustRun(command))
	}
	say("# kexec-bls reboot --force      (no systemd in here: sync and jump)")
	start = time.Now()
	g.Reboot("kexec-bls reboot --force")
	took := time.Since(start)
	fmt.Println(strings.Join(console(g), "\n"))

	say("The second kernel says:")
	require.Equal(t, "208", g.MustRun("cat /proc/sys/kernel/bootloader_type"))
	for _, command := range []string{"cat /proc/cmdline", "cat /who/*"} {
		say("# %s", command)
		fmt.Println(g.MustRun(command))
	}
	say("%s came up by kexec in %.1f s (emulated), all three initrds unpacked, the last one active.",
		g.MustRun("uname -r"), took.Seconds())
}

// console is what the jump printed.
func console(g *vm.Guest) []string {
	var lines []string
	for line := range strings.Lines(g.Console()) {
		if strings.Contains(line, "kexec_core") || strings.Contains(line, "Unpacking initramfs") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func demoFiles(t *testing.T, kernel vm.Kernel) map[string][]byte {
	layer := func(name string, more ...cpio.Record) []byte {
		return vm.Archive(t, append(more, cpio.StaticFile("who/"+name, "unpacked: "+name+"\n", 0o644))...)
	}
	ucode := layer("1-microcode", cpio.StaticFile("kernel/x86/microcode/GenuineIntel.bin", "none", 0o644))
	image := vm.Zstd(t, layer("2-initramfs", append(vm.AgentFiles(t), kernel.ModuleFiles(t, vm.DiskModules()...)...)...))
	return map[string][]byte{
		"vmlinuz-linux":       kernel.Bytes(t),
		"intel-ucode.img":     ucode,
		"initramfs-linux.img": image,
		"local.img":           layer("3-local"),
		"loader/loader.conf":  []byte("timeout 3\ndefault arch*\n"),
		"loader/entries/arch.conf": []byte("title   Arch Linux\nversion " + kernel.Version + "\nlinux   /vmlinuz-linux\n" +
			"initrd  /intel-ucode.img\ninitrd  /initramfs-linux.img\ninitrd  /local.img\noptions " + vm.Cmdline + " quiet\n"),
		"loader/entries/old+0-3.conf":     []byte("title   Old kernel\nlinux   /vmlinuz-linux\n"),
		"loader/entries/windows.conf":     []byte("title   Windows\nefi     /EFI/Microsoft/Boot/bootmgfw.efi\n"),
		"EFI/Microsoft/Boot/bootmgfw.efi": []byte("MZ"),
	}
}
