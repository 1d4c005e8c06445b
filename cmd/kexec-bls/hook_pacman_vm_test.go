//go:build vm

package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// pacmanFiles are pacman and its libraries, for a guest's own root, and
// packages in /pkg. linux-1 is the running kernel, linux-2 and linux-3 are the
// one of the next boot; mkinitcpio has a hook that puts the kernel on the ESP.
func pacmanFiles(t *testing.T, running, next vm.Kernel) []cpio.Record {
	program, err := exec.LookPath("pacman")
	require.NoError(t, err, "fixtures/setup.sh installs it")
	libraries, err := exec.Command("ldd", program).Output()
	require.NoError(t, err)
	files := map[string][]byte{"etc/pacman.conf": []byte(pacmanConf + "HookDir = /etc/pacman.d/hooks/\n")}
	for _, path := range append(regexp.MustCompile(`/\S+`).FindAllString(string(libraries), -1), program) {
		files[strings.TrimPrefix(path, "/")], err = os.ReadFile(path)
		require.NoError(t, err)
	}
	linux := func(version string, kernel []byte) {
		files["pkg/linux-"+version] = pacmanPackage(t, "linux", version, map[string][]byte{"usr/lib/modules/" + version + "-test/vmlinuz": kernel})
	}
	linux("1", running.Bytes(t))
	linux("2", next.Bytes(t))
	files["pkg/linux-3"] = pacmanPackage(t, "linux", "3", map[string][]byte{"usr/lib/modules/3-test/vmlinuz": next.Bytes(t), "usr/lib/modules/3-test/more": nil})
	files["pkg/kexec-bls"] = ourPackage(t)
	files["pkg/mkinitcpio"] = pacmanPackage(t, "mkinitcpio", "1", map[string][]byte{
		"usr/share/libalpm/hooks/90-mkinitcpio-install.hook": []byte("[Trigger]\nType = Path\nOperation = Install\nOperation = Upgrade\n" +
			"Target = usr/lib/modules/*/vmlinuz\n[Action]\nDescription = Updating linux initcpios...\nWhen = PostTransaction\nExec = /bin/sh /usr/bin/mkinitcpio\n"),
		"usr/bin/mkinitcpio": []byte("#!/bin/sh\ncp /usr/lib/modules/*-test/vmlinuz /efi/vmlinuz-linux && : > /initramfs-is-made\n"),
	})
	for name, file := range map[string]string{
		"intel-ucode": "boot/intel-ucode.img", "systemd": "usr/lib/systemd/boot/efi/systemd-bootx64.efi",
		"dracut": "usr/lib/dracut/dracut-init.sh", "linux-lts": "usr/lib/modules/lts/vmlinuz",
	} {
		files["pkg/"+name] = pacmanPackage(t, name, "1", map[string][]byte{file: []byte("new")})
	}
	records := vm.FileRecords(files)
	for i := range records { // libraries are programs to vm, and may be
		if strings.HasSuffix(records[i].Name, "/pacman") {
			records[i].Mode |= 0o111
		}
	}
	return append(records, cpio.Directory("var/lib/pacman", 0o755), cpio.Directory("var/cache/pacman/pkg", 0o755), cpio.Directory("efi", 0o755), cpio.Directory("boot", 0o755))
}

// startPacman boots a guest with pacman, kexec-bls installed by it, linux-1 and
// an ESP whose default entry is what runs.
func startPacman(t *testing.T) (g *vm.Guest, running, next vm.Kernel) {
	running, next = vm.FindKernel(t, vm.DefaultKernel), vm.FindKernel(t, vm.SecondKernel)
	require.NotEqual(t, running.Version, next.Version)
	initrd := vm.Zstd(t, vm.Archive(t, append(vm.AgentFiles(t), next.ModuleFiles(t, vm.DiskModules()...)...)...))
	g = vm.Start(t, vm.Config{
		Kernel: running, Memory: 1024, Records: pacmanFiles(t, running, next), Modules: []string{"autofs4"},
		Files: map[string][]byte{"bin/hang": vm.Build(t, "./testdata/hang")},
		Disks: []string{vm.Disk(t, vm.Partition{Files: map[string][]byte{
			"loader/loader.conf": []byte("default arch.conf\n"), "initramfs-linux.img": initrd, "vmlinuz-linux": running.Bytes(t),
			"loader/entries/arch.conf": []byte("title Arch Linux\nlinux /vmlinuz-linux\ninitrd /initramfs-linux.img\noptions " + vm.Cmdline + "\n"),
		}})},
	})
	g.Mount("/dev/vda1", "/efi")
	// The line as QEMU's loader makes it is not what an entry could say.
	g.MustRun("echo '" + vm.Cmdline + "' > /line && mount -o bind /line /proc/cmdline")
	g.MustRun("pacman -U --noconfirm /pkg/kexec-bls /pkg/mkinitcpio")
	return g, running, next
}

// transaction installs packages of /pkg in one transaction and returns what our
// hook said in it.
func transaction(t *testing.T, g *vm.Guest, wrapper string, names ...string) string {
	t.Helper()
	got := g.Run(wrapper + " pacman -U --noconfirm --noprogressbar /pkg/" + strings.Join(names, " /pkg/") + " 2>&1")
	require.Zero(t, got.Code, got.Stdout)
	assert.NotContains(t, got.Stdout, "error:", "a hook that fails is an error")
	before, after, ran := strings.Cut(got.Stdout, hookRan)
	require.True(t, ran, got.Stdout)
	assert.NotContains(t, before, "kexec-bls: ")
	assert.Equal(t, 1, strings.Count(got.Stdout, hookRan))
	return after
}

func loaded(g *vm.Guest) string { return g.MustRun("cat /sys/kernel/kexec_loaded") }

func TestVMPacman(t *testing.T) {
	g, running, next := startPacman(t)
	arrow := "kexec-bls: reboot required: kernel " + running.Version + " -> " + next.Version + " (arch.conf); run \"kexec-bls reboot\" to skip firmware\n"
	config := func(text string) { g.MustRun("printf '" + text + "\\n' > /etc/kexec-bls.toml") }

	assert.Empty(t, transaction(t, g, "", "linux-1"), "the kernel that runs")
	g.MustRun("test -e /initramfs-is-made")
	assert.Equal(t, arrow, transaction(t, g, "", "linux-2"), "after the hook that puts it there")
	assert.Equal(t, "0", loaded(g))
	assert.Equal(t, arrow, transaction(t, g, "", "linux-2", "intel-ucode", "systemd", "dracut", "linux-lts"), "five packages, one message")

	config("hook.policy = \"off\"")
	assert.Empty(t, transaction(t, g, "", "linux-2"))
	assert.Equal(t, "0", loaded(g))

	config("hook.polcy = 1")
	assert.Equal(t, "kexec-bls: warning: /etc/kexec-bls.toml: unknown key hook.polcy ignored\n"+arrow, transaction(t, g, "", "linux-2"))

	config("hook.policy = \"load\"")
	assert.Equal(t, arrow, transaction(t, g, "SYSTEMCTL_SKIP_AUTO_KEXEC=1", "linux-2"))
	assert.Equal(t, "0", loaded(g))

	t.Run("what pacstrap and installers do", func(t *testing.T) {
		g.MustRun("mkdir -p /new/var/lib/pacman /new/proc /new/sys /new/efi && for d in proc sys efi; do mount -o bind /$d /new/$d; done && " +
			"pacman --root /new -U --noconfirm /pkg/kexec-bls")
		assert.Empty(t, transaction(t, g, "", "linux-2 --root /new"), "though all can be seen from there")
	})

	said := transaction(t, g, "", "linux-2")
	assert.Contains(t, said, "kexec-bls: arch.conf (kernel "+next.Version+") is loaded: kexec-bls reboot --loaded starts it;")
	assert.Equal(t, 1, strings.Count(said, "\n"), said)
	assert.Equal(t, "1", loaded(g))
	assert.Zero(t, g.Run("kexec-bls status").Code)
	g.MustRun("touch -d '2020-01-01 00:00' /efi/vmlinuz-linux")
	assert.Empty(t, transaction(t, g, "", "dracut"), "the same content")

	g.MustRun("cp /efi/initramfs-linux.img /good; head -c $(($(stat -c %s /good) - 100)) /good > /efi/initramfs-linux.img")
	said = transaction(t, g, "", "dracut")
	assert.Contains(t, said, "warning: not loaded: arch.conf: the zstd stream is cut off; the kernel stops here")
	assert.Contains(t, said, "; what was loaded is stale and was unloaded\n"+arrow)
	assert.Equal(t, "0", loaded(g))
	g.MustRun("cp /good /efi/initramfs-linux.img")
	assert.Contains(t, transaction(t, g, "", "dracut"), " is loaded: ")

	g.MustRun("sed -i '/^options/s/$/ upgraded=3/' /efi/loader/entries/arch.conf; head -c 512 /dev/zero >> /efi/initramfs-linux.img")
	assert.Contains(t, transaction(t, g, "", "linux-3"), " is loaded again, as /efi/initramfs-linux.img has ")
	assert.Equal(t, "1", loaded(g))
	assert.Zero(t, g.Run("kexec-bls status").Code)

	g.Reboot("kexec-bls reboot --loaded --force")
	assert.Equal(t, next.Version, g.MustRun("uname -r"))
	assert.Contains(t, g.MustRun("cat /proc/cmdline"), "upgraded=3")
}

// TestVMPacmanWithABadESP: whatever is wrong with the boot partition, the
// transaction ends well and soon, and the user hears of it.
func TestVMPacmanWithABadESP(t *testing.T) {
	g, _, _ := startPacman(t)
	for _, policy := range []string{"notify", "load"} {
		g.MustRun("echo 'hook.policy = \"" + policy + "\"' > /etc/kexec-bls.toml")

		said := transaction(t, g, "hang /boot", "dracut")
		assert.Contains(t, said, "warning: cannot determine what boots next: /boot: does not answer for 1.5s")
		assert.Equal(t, 1, strings.Count(said, "\n"), said)
		g.MustRun("umount /boot")

		g.MustRun("mv /efi/vmlinuz-linux /efi/gone")
		assert.Contains(t, transaction(t, g, "", "dracut"), "warning: cannot determine what boots next: none of ")
		g.MustRun("head -c 1000 /efi/gone > /efi/vmlinuz-linux")
		assert.Contains(t, transaction(t, g, "", "dracut"), "warning: cannot determine what boots next: arch.conf: /efi/vmlinuz-linux: ")
		g.MustRun("mv /efi/gone /efi/vmlinuz-linux")

		g.MustRun("umount /efi")
		assert.Contains(t, transaction(t, g, "", "linux-2"), "EFI system partition /dev/vda1 is not mounted: no boot loader names it in LoaderDevicePartUUID; mount /dev/vda1 /efi")
		g.MustRun("rm /efi/vmlinuz-linux")
		g.Mount("/dev/vda1", "/efi")
		assert.Equal(t, "0", loaded(g), policy)
	}
	g.MustRun("umount /efi && dd if=/dev/zero of=/dev/vda1 bs=1M count=2 && echo 3 > /proc/sys/vm/drop_caches")
	assert.Contains(t, transaction(t, g, "", "linux-2"), "warning: cannot determine what boots next: no boot partition found: ")
	assert.Equal(t, "0", loaded(g))
}
