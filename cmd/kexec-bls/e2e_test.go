//go:build e2e

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// The partitions of every disk here have these GUIDs.
const (
	espUUID  = "0e5b0001-0000-4000-8000-000000000001"
	bootUUID = "0e5b0001-0000-4000-8000-000000000002"
	rootUUID = "0e5b0001-0000-4000-8000-000000000003"
)

// A setup is a Debian machine. The zero value is trixie with one ESP at /efi.
type setup struct {
	suite    string
	kernel   string            // of vm.FindKernel, instead of the suite's own
	xbootldr bool              // entries and kernels are on an XBOOTLDR partition at /boot, mounted on access
	grub     string            // "EFI" or "BIOS": GRUB boots it, see grubSetup
	boot     map[string][]byte // more files of the partition with the entries
	root     map[string][]byte // more files of the root file system
	devices  []string          // of the machine, see vm.Config
	forward  map[int]int       // of the network, see vm.Config
	tpm      bool              // the machine has one, and systemd measures into it
	disks    []string          // more disks
}

// options are the kernel command line of an entry.
func (s setup) options(words string) string {
	return fmt.Sprintf("%s systemd.show_status=no root=/dev/vda%d ro %s", vm.Cmdline, s.partitions(), words)
}

func (s setup) partitions() int {
	if s.xbootldr || s.grub != "" {
		return 3
	}
	return 2
}

// bootFiles are the default entry with two initrds and one more with one, and
// what both need.
func (s setup) bootFiles(t *testing.T, d vm.Debian) map[string][]byte {
	t.Helper()
	ucode := vm.Archive(t, cpio.StaticFile("kernel/x86/microcode/GenuineIntel.bin", "not microcode", 0o644))
	entry := func(name string, lines ...string) []byte {
		lines = append(lines, "title "+name, "linux /debian/linux", "options "+s.options("entry="+name))
		return []byte(strings.Join(lines, "\n") + "\n")
	}
	files := map[string][]byte{
		"debian/linux":              d.Kernel.Bytes(t),
		"debian/ucode.img":          ucode,
		"debian/initrd.img":         d.Initrd(t, cpio.StaticFile("who/main", "main", 0o644)),
		"loader/entries/two.conf":   entry("two", "initrd /debian/ucode.img", "initrd /debian/initrd.img"),
		"loader/entries/other.conf": entry("other", "initrd /debian/initrd.img"),
	}
	maps.Copy(files, s.boot)
	return files
}

// rootFiles are our program and its units, the file systems, and two services of which one
// stops before the other.
func (s setup) rootFiles(t *testing.T) map[string][]byte {
	t.Helper()
	fstab := fmt.Sprintf("/dev/vda%d / ext4 errors=remount-ro 0 1\n", s.partitions())
	if s.xbootldr {
		fstab += "PARTUUID=" + bootUUID + " /boot vfat umask=0077,noauto,x-systemd.automount,x-systemd.idle-timeout=5 0 0\n"
	}
	service := func(name, after string) []byte {
		return fmt.Appendf(nil, `[Unit]
Description=Service %[1]s
After=%[2]s
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/sh -c 'sleep 1; echo %[1]s >>/var/lib/stopped'
`, name, after)
	}
	files := map[string][]byte{
		"usr/bin/kexec-bls":                                    vm.Build(t, "."),
		"etc/fstab":                                            []byte(fstab + "PARTUUID=" + espUUID + " /efi vfat umask=0077 0 0\n"),
		"etc/systemd/system/early.service":                     service("early", "sysinit.target"),
		"etc/systemd/system/late.service":                      service("late", "early.service"),
		"etc/systemd/system/multi-user.target.d/services.conf": []byte("[Unit]\nWants=early.service late.service kexec-bls-boot.service\n"),
	}
	units, err := filepath.Glob("dist/systemd/*.*")
	require.NoError(t, err)
	for _, unit := range units {
		content, err := os.ReadFile(unit)
		require.NoError(t, err)
		files["usr/lib/systemd/system/"+filepath.Base(unit)] = content
	}
	maps.Copy(files, s.root)
	return files
}

// start boots the machine through firmware and its boot loader.
func (s setup) start(t *testing.T) *vm.Guest {
	t.Helper()
	g := vm.Start(t, vm.Config{
		UEFI: s.grub != "BIOS", FromDisk: true, Reset: true, Memory: 1024, Timeout: 15 * time.Minute,
		Disks: append([]string{s.disk(t)}, s.disks...), Forward: s.forward, TPM: s.tpm, Devices: s.devices,
	})
	t.Cleanup(func() {
		if t.Failed() {
			keepConsole(t, g)
		}
	})
	require.False(t, kexeced(g), "the firmware booted it")
	return g
}

// keepConsole saves what the guest printed in all its boots.
func keepConsole(t *testing.T, g *vm.Guest) {
	t.Helper()
	file, err := os.CreateTemp("", "console-"+strings.ReplaceAll(t.Name(), "/", "-")+"-*")
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString(g.Console())
	require.NoError(t, err)
	t.Log("the whole console is in ", file.Name())
}

// disk makes the disk of the machine.
func (s setup) disk(t *testing.T) string {
	t.Helper()
	if s.suite == "" {
		s.suite = vm.Trixie
	}
	d := vm.FindDebian(t, s.suite)
	if s.kernel != "" {
		d.Kernel = vm.FindKernel(t, s.kernel)
	}
	d.Measures = s.tpm
	root := d.Root(t, s.rootFiles(t))
	root.UUID = rootUUID
	if s.grub != "" {
		return s.grubDisk(t, d, root)
	}
	loader, err := os.ReadFile(d.Boot)
	require.NoError(t, err)
	esp := vm.Partition{Type: vm.ESP, UUID: espUUID, Files: map[string][]byte{
		"EFI/BOOT/BOOTX64.EFI": loader,
		"loader/loader.conf":   []byte("timeout 0\ndefault two*\n"),
	}}
	partitions := []vm.Partition{esp}
	if s.xbootldr {
		partitions = append(partitions, vm.Partition{Type: vm.XBOOTLDR, UUID: bootUUID, Files: s.bootFiles(t, d)})
	} else {
		maps.Copy(esp.Files, s.bootFiles(t, d))
	}
	return vm.Disk(t, append(partitions, root)...)
}

// kexeced says whether the running kernel was started by kexec.
func kexeced(g *vm.Guest) bool {
	return g.MustRun("cat /proc/sys/kernel/bootloader_type") == "208"
}

// cleanBoot asserts that nothing in this boot had to be repaired, and that the
// services of the one before stopped in order.
func cleanBoot(t *testing.T, g *vm.Guest) {
	t.Helper()
	assert.Contains(t, g.MustRun("dmesg"), "EXT4-fs (vda", "where a replayed journal would be told of")
	assert.Empty(t, g.Run("dmesg | grep -iE 'recover|orphan|not properly unmounted'").Stdout)
	if checked := g.MustRun("journalctl -b -o cat -u systemd-fsck-root.service"); strings.Contains(checked, "Finished") { // sid has e2fsck
		assert.Contains(t, checked, "clean,")
	}
	assert.Equal(t, "late\nearly", g.MustRun("cat /var/lib/stopped"))
	g.MustRun("rm /var/lib/stopped")
	assert.Contains(t, g.MustRun("journalctl -b -1 -o cat -t systemd-journald"), "Journal stopped", "it was told to")
	assert.Empty(t, g.MustRun("systemctl --failed --no-legend --plain"))
}
