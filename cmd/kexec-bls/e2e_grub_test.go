//go:build e2e

package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

const (
	grubUUID = "0e5b0001-0000-4000-8000-000000000004" // of the file system, as in testdata/grub.cfg
	grubID   = "c0ffee00000040008000000000000005-"    // of the machine; without a digit in front, which 2.14 takes for a place
)

// grubSetup is a machine that GRUB 2.14 boots from /boot, a partition of its own.
func grubSetup(firmware string) setup {
	fstab := "/dev/vda3 / ext4 errors=remount-ro 0 1\nUUID=" + grubUUID + " /boot ext4 defaults 0 2\n"
	if firmware == "EFI" {
		fstab += "PARTUUID=" + espUUID + " /boot/efi vfat umask=0077 0 0\n"
	}
	return setup{grub: firmware, root: map[string][]byte{"etc/fstab": []byte(fstab)}}
}

// grubDisk has an ESP whose GRUB goes on with grub.cfg of /boot, or GRUB for BIOS;
// that partition, of a type that says nothing; and the root file system.
func (s setup) grubDisk(t *testing.T, d vm.Debian, root vm.Partition) string {
	t.Helper()
	g := vm.FindGRUB(t)
	tree := t.TempDir()
	put := func(name string, data []byte) {
		path := filepath.Join(tree, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	for name, data := range s.grubFiles(t, d) {
		put(name, data)
	}
	for name, module := range g.Modules {
		put("grub2/x86_64-efi/"+name, module)
	}
	require.NoError(t, os.Rename(filepath.Join(tree, "loader"), filepath.Join(tree, "loader.1")))
	require.NoError(t, os.Symlink("loader.1", filepath.Join(tree, "loader"))) // as ostree has it
	boot := vm.Partition{Type: vm.Linux, UUID: bootUUID, Ext4: vm.Ext4Tree(t, tree, grubUUID, "boot")}
	if s.grub == "BIOS" {
		disk := vm.Disk(t, vm.Partition{Type: vm.BIOSBoot, UUID: espUUID}, boot, root)
		g.InstallBIOS(t, disk)
		return disk
	}
	return vm.Disk(t, vm.Partition{Type: vm.ESP, UUID: espUUID, Files: map[string][]byte{
		"EFI/BOOT/BOOTX64.EFI":    g.Image,
		"EFI/debian/grub.cfg":     []byte("search.fs_uuid " + grubUUID + " dev\nset root=$dev\nset prefix=($dev)/grub2\nexport prefix\nconfigfile $prefix/grub.cfg\n"),
		"EFI/other/grubenv":       []byte(grubBlock("saved_entry=" + grubID + "0-rescue\n")),
		"loader/entries/esp.conf": []byte("title of the ESP\nlinux /none\n"),
	}}, boot, root)
}

// grubFiles are those of /boot, with three entries.
func (s setup) grubFiles(t *testing.T, d vm.Debian) map[string][]byte {
	t.Helper()
	text := func(lines ...string) []byte { return []byte(strings.Join(lines, "\n") + "\n") }
	config, err := os.ReadFile("testdata/grub.cfg")
	require.NoError(t, err)
	return map[string][]byte{
		"vmlinuz":        d.Kernel.Bytes(t),
		"initramfs.img":  d.Initrd(t, cpio.StaticFile("who/main", "main", 0o644)),
		"ucode.img":      vm.Archive(t, cpio.StaticFile("kernel/x86/microcode/GenuineIntel.bin", "not microcode", 0o644)),
		"tuned.img":      vm.Archive(t, cpio.StaticFile("who/tuned", "tuned", 0o644)),
		"grub2/grub.cfg": config,
		"grub2/grubenv":  []byte(grubBlock(s.grubSaved(grubID + "6.9.5-100.fc45.x86_64"))),
		"loader/entries/" + grubID + "6.12.9-200.fc45.x86_64.conf": text("title Newest (6.12.9)", "version 6.12.9-200.fc45.x86_64",
			"linux /vmlinuz", "initrd /initramfs.img $tuned_initrd", "options $kernelopts $tuned_params entry=newest", "grub_users $grub_users", "grub_arg --unrestricted", "grub_class fedora"),
		"loader/entries/" + grubID + "6.9.5-100.fc45.x86_64.conf": text("title Saved (6.9.5)", "version 6.9.5-100.fc45.x86_64",
			"linux /vmlinuz", "initrd /ucode.img /initramfs.img $tuned_initrd", `options $kernelopts  $tuned_params entry=saved dyndbg="file none.c +p" empty=$unset last=é`, "grub_class fedora"),
		"loader/entries/" + grubID + "0-rescue.conf": text("title Rescue", "version 0-rescue",
			"linux /vmlinuz", "initrd /ucode.img", "initrd /initramfs.img", "options $kernelopts entry=rescue", "grub_class fedora"),
	}
}

// grubSaved are variables as grub2-set-default, grubby and tuned leave them.
func (s setup) grubSaved(id string) string {
	return "saved_entry=" + id + "\nkernelopts=" + s.options("") + "\ntuned_params=skew_tick=1 tuned=yes\ntuned_initrd=/tuned.img\nmenu_auto_hide=1\nboot_success=1\nboot_indeterminate=0\n"
}

// grubBlock is an environment block of the usual size.
func grubBlock(text string) string {
	text = "# GRUB Environment Block\n" + text
	return text + strings.Repeat("#", 1024-len(text))
}

// A grubGuest is driven by its environment block.
type grubGuest struct {
	*vm.Guest
	t *testing.T
}

func (g grubGuest) block() string { return g.MustRun("cat /boot/grub2/grubenv") }

// write writes the block in its place.
func (g grubGuest) write(text string) {
	g.t.Helper()
	g.MustRun("echo " + base64.StdEncoding.EncodeToString([]byte(grubBlock(text))) + " | base64 -d >/tmp/env && dd if=/tmp/env of=/boot/grub2/grubenv conv=notrunc,fsync status=none")
}

// kexec reboots by kexec, firmware through GRUB.
func (g grubGuest) kexec() {
	g.t.Helper()
	g.Reboot("kexec-bls reboot")
	require.True(g.t, kexeced(g.Guest))
	cleanBoot(g.t, g.Guest)
}

func (g grubGuest) firmware() {
	g.t.Helper()
	g.Reboot("kexec-bls reboot --firmware")
	require.False(g.t, kexeced(g.Guest))
	cleanBoot(g.t, g.Guest)
}

// started is what the running kernel was started with: its command line without
// what names the kernel to GRUB, and the files of its initrds.
func (g grubGuest) started() string {
	g.t.Helper()
	line := g.MustRun("cat /proc/cmdline")
	if !kexeced(g.Guest) {
		require.True(g.t, strings.HasPrefix(line, "BOOT_IMAGE=/vmlinuz "), "GRUB ran: %s", line)
	}
	return strings.TrimPrefix(line, "BOOT_IMAGE=/vmlinuz ") + "\n" + g.MustRun("cd /run/initrd && find who kernel -type f | sort | xargs grep -H .")
}

// list is the ids of the entries without the machine's.
func (g grubGuest) list() (ids []string) {
	g.t.Helper()
	var list []report.Entry
	require.NoError(g.t, json.Unmarshal([]byte(g.MustRun("kexec-bls list --json=short")), &list))
	for _, e := range list {
		if e.Type == "type1" {
			ids = append(ids, strings.TrimPrefix(strings.TrimSuffix(e.ID, ".conf"), grubID))
		}
	}
	return ids
}

// next is the id of the entry that kexec-bls takes, and what it says.
func (g grubGuest) next() (id, said string) {
	g.t.Helper()
	r := g.Run("kexec-bls show --json=short")
	require.Zero(g.t, r.Code, r.Stderr)
	var plan report.Plan
	require.NoError(g.t, json.Unmarshal([]byte(r.Stdout), &plan))
	return strings.TrimPrefix(strings.TrimSuffix(plan.Entry.ID, ".conf"), grubID), r.Stderr
}

// TestE2EGRUB: what GRUB 2.14 boots through the firmware comes up by kexec: by
// saved_entry, by next_entry, and by place where saved_entry names nothing; and
// next_entry is consumed as GRUB does it, to the byte.
func TestE2EGRUB(t *testing.T) {
	proveGRUB(t, grubSetup("EFI"))
}

// TestE2EGRUBBIOS is the same without UEFI.
func TestE2EGRUBBIOS(t *testing.T) {
	proveGRUB(t, grubSetup("BIOS"))
}

func proveGRUB(t *testing.T, s setup) {
	t.Helper()
	g := grubGuest{s.start(t), t}
	saved, rescue := grubID+"6.9.5-100.fc45.x86_64", grubID+"0-rescue"
	afterGRUB := func(text string) string {
		return grubBlock(strings.Replace(text, "boot_success=1", "boot_success=0", 1))
	}

	text := s.grubSaved(saved)
	assert.Equal(t, afterGRUB(text), g.block(), "GRUB wrote it")
	assert.Equal(t, "saved", running(g.Guest))
	if s.grub == "EFI" {
		assert.Equal(t, "GRUB 2.14", efiText(g.Guest, "LoaderInfo")[:9])
	}
	firmware := g.started()
	assert.Contains(t, firmware, `entry=saved "dyndbg=file none.c +p" empty=last=é`)
	assert.Contains(t, firmware, "who/tuned:tuned")
	assert.Equal(t, []string{"6.12.9-200.fc45.x86_64", "6.9.5-100.fc45.x86_64", "0-rescue"}, g.list())
	id, said := g.next()
	assert.Equal(t, "6.9.5-100.fc45.x86_64", id)
	assert.Empty(t, said)
	before := g.block()
	g.kexec()
	assert.Equal(t, firmware, g.started())
	assert.Equal(t, before, g.block(), "nothing to consume")

	once := text + "next_entry=" + rescue + "\nother=\\\\kept\n"
	used := text + "next_entry=\nother=\\\\kept\n"
	g.write(once)
	g.firmware()
	firmware = g.started()
	assert.Equal(t, "rescue", running(g.Guest))
	assert.Equal(t, afterGRUB(used), g.block())
	g.write(once)
	g.kexec()
	assert.Equal(t, firmware, g.started())
	assert.Equal(t, grubBlock(used), g.block())
	id, said = g.next()
	assert.Equal(t, "6.9.5-100.fc45.x86_64", id, "used up")
	assert.Empty(t, said)

	g.write(s.grubSaved("gone"))
	id, said = g.next()
	assert.Equal(t, "6.12.9-200.fc45.x86_64", id)
	assert.Contains(t, said, `grubenv saved_entry "gone" names no menu entry; GRUB takes the first`)
	g.kexec()
	firmware = g.started()
	assert.Equal(t, "newest", running(g.Guest))
	g.firmware()
	assert.Equal(t, firmware, g.started())
}
