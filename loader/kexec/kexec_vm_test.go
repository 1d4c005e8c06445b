//go:build vm

package kexec_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// machineWith boots a guest that has kx, a kernel, initrds, and files that are
// no kernels.
func machineWith(t *testing.T, kernelName string, c vm.Config) *vm.Guest {
	kernel := vm.FindKernel(t, kernelName)
	image := kernel.Bytes(t)
	config, err := os.ReadFile(kernel.Config)
	require.NoError(t, err)
	second := append(vm.AgentFiles(t), cpio.StaticFile("second", "yes", 0o644))
	c.Kernel = kernel
	c.Files = map[string][]byte{
		"bin/kx":                         vm.Build(t, "./testdata/kx"),
		"vmlinuz":                        image,
		"short":                          image[:1000],
		"packed":                         []byte("\x1f\x8b\x08 not really"),
		"empty":                          nil,
		"initrd":                         vm.Zstd(t, vm.Archive(t, second...)),
		"boot/config-" + kernel.Version:  config,
		"etc/sysctl.d/50-harden.conf":    []byte("kernel.kexec_load_disabled=1\n"),
		"etc/sysctl.d/10-unrelated.conf": []byte("net.ipv4.ip_forward=1\n"),
	}
	if c.Memory == 0 {
		c.Memory = 768
	}
	return vm.Start(t, c)
}

func loaded(t *testing.T, g *vm.Guest) bool {
	t.Helper()
	ours, kernels := g.MustRun("kx loaded"), g.MustRun("cat /sys/kernel/kexec_loaded")
	assert.Equal(t, kernels == "1", ours == "true")
	return kernels == "1"
}

const load = "kx load /vmlinuz /initrd '" + vm.Cmdline + " new=1'"

// refusedAs runs a load that fails and holds its errno and its text.
func refusedAs(t *testing.T, g *vm.Guest, command string, errno unix.Errno, texts ...string) {
	t.Helper()
	r := g.Run(command)
	assert.Equal(t, int(errno), r.Code, "%s: %s", command, r.Stderr)
	for _, text := range texts {
		assert.Contains(t, r.Stderr, text, command)
	}
}

// TestVMRefusals asks real kernels for what they refuse. What was loaded before
// stays loaded.
func TestVMRefusals(t *testing.T) {
	for _, name := range []string{vm.DefaultKernel, vm.SecondKernel} {
		t.Run(name, func(t *testing.T) {
			g := machineWith(t, name, vm.Config{})
			assert.False(t, loaded(t, g))
			g.MustRun("kx unload") // nothing to drop is no error
			refusedAs(t, g, "kx jump", 1, "reboot(KEXEC): invalid argument: no kernel is loaded")
			g.MustRun(load)
			assert.True(t, loaded(t, g))

			refusedAs(t, g, "kx load /short /initrd x", unix.ENOEXEC, "kexec_file_load: exec format error (kernel log: kexec-bzImage64: File is too short to be a bzImage): the bzImage is cut short, too old")
			refusedAs(t, g, "kx load /packed /initrd x", unix.ENOEXEC, "the kernel image is a gzip file, which this kernel does not unpack; unpack it first")
			refusedAs(t, g, "kx load /init '' x", unix.ENOEXEC, "the file is no kernel image")
			refusedAs(t, g, "kx load /empty '' x", unix.EINVAL, "/empty is empty")
			refusedAs(t, g, "kx load /vmlinuz /empty x", unix.EINVAL, "/empty is empty")
			refusedAs(t, g, "kx load /dev '' x", unix.EINVAL, "/dev is not a regular file")
			fits := strings.Repeat("x", 2016)
			refusedAs(t, g, "kx load /vmlinuz '' "+fits+"x", unix.EINVAL, "the command line is 2017 characters long, the kernel image takes 2016; shorten it")
			g.MustRun("kx load /vmlinuz '' " + fits)
			refusedAs(t, g, "exec 3>>/initrd; "+load, unix.ETXTBSY, "/vmlinuz or /initrd is open for writing")

			asUser := g.Run(`su nobody -c "` + load + `"`)
			assert.Equal(t, int(unix.EPERM), asUser.Code)
			assert.Equal(t, "kexec_file_load: operation not permitted: only root may do this (CAP_SYS_BOOT), and this is user 65534; run it as root\n", asUser.Stderr)
			refusedAs(t, g, "su nobody -c 'kx unload'", unix.EPERM, "unload: operation not permitted: only root")
			refusedAs(t, g, "su nobody -c 'kx jump'", 1, "reboot(KEXEC): operation not permitted")
			if g.Run("unshare -U -r true").Code == 0 {
				refusedAs(t, g, "unshare -U -r "+load, unix.EPERM, "this is root of a container (a user namespace)")
			}
			assert.True(t, loaded(t, g), "what was loaded stays")
			g.MustRun("kx unload")
			assert.False(t, loaded(t, g))
		})
	}
}

// TestVMFlagsThatAKernelMayNotKnow loads with all of them on a kernel from
// before and one from after KEXEC_FILE_DEBUG.
func TestVMFlagsThatAKernelMayNotKnow(t *testing.T) {
	for name, words := range map[string]string{vm.DefaultKernel: "", vm.SecondKernel: "kernel: "} {
		t.Run(name, func(t *testing.T) {
			g := machineWith(t, name, vm.Config{})
			said := g.MustRun("kx -debug load /vmlinuz /initrd x")
			assert.True(t, loaded(t, g))
			assert.Contains(t, said, words, "the kernel speaks where it can")
			refusedAs(t, g, "kx -debug load /vmlinuz '' "+strings.Repeat("x", 2017), unix.EINVAL, "2017 characters")
		})
	}
}

// TestVMLockdown has a signed kernel, of a key that no kernel here trusts but
// its own distribution's: cut off, it is an unsigned one.
func TestVMLockdown(t *testing.T) {
	g := machineWith(t, vm.DefaultKernel, vm.Config{})
	g.MustRun("printf x >> /vmlinuz && mount -t securityfs none /sys/kernel/security && kx load /vmlinuz '' x")
	g.MustRun("echo integrity > /sys/kernel/security/lockdown")
	refusedAs(t, g, "kx load /vmlinuz /initrd x", unix.EPERM,
		"kexec_file_load: operation not permitted (kernel log: ", "): lockdown is on (integrity), and the kernel image is not signed by a key that this kernel trusts (it trusts ",
		"or boot without lockdown=", "Lockdown: kx: kexec of unsigned images is restricted")
	refusedAs(t, g, "kx -memfd load /vmlinuz /initrd x", unix.EPERM, "lockdown is on") // no case for other descriptors
	refusedAs(t, g, "kx -syscall=classic load /vmlinuz /initrd x", 1, "kexec_load is forbidden: lockdown is on (integrity)")
	assert.True(t, loaded(t, g), "what was loaded stays")
	g.MustRun("kx unload")
}

func TestVMSysctls(t *testing.T) {
	g := machineWith(t, vm.SecondKernel, vm.Config{})
	limit := "/proc/sys/kernel/kexec_load_limit_reboot"
	g.MustRun(load + " && echo 1 > " + limit)
	g.MustRun(load) // the last one
	g.MustRun("rm /etc/sysctl.d/50-harden.conf")
	refusedAs(t, g, load, unix.EPERM, "no load is left: kernel.kexec_load_limit_reboot is 0; reboot through the firmware")
	refusedAs(t, g, "kx unload", unix.EPERM, "unload: operation not permitted: no load is left", "SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot")
	assert.True(t, loaded(t, g))

	g = machineWith(t, vm.DefaultKernel, vm.Config{})
	g.MustRun("echo 1 > /proc/sys/kernel/kexec_load_disabled")
	refusedAs(t, g, load, unix.EPERM, "kexec is disabled until the next boot: kernel.kexec_load_disabled is 1 (set in /etc/sysctl.d/50-harden.conf)")
	refusedAs(t, g, "kx -syscall=classic load /vmlinuz /initrd x", unix.EPERM, "kexec_load: operation not permitted: kexec is disabled")
}

// TestVMPolicyAgainstMemory has IMA demand a signature of what is loaded. A
// file may have one, a memfd cannot: the kernel log shows which it was.
func TestVMPolicyAgainstMemory(t *testing.T) {
	g := machineWith(t, vm.DefaultKernel, vm.Config{Append: "ima_policy=secure_boot ima_appraise=enforce"})
	r := g.Run("kx -memfd load /vmlinuz /initrd x")
	assert.Equal(t, int(unix.EACCES), r.Code, r.Stderr)
	assert.Contains(t, r.Stderr, "kexec_file_load: permission denied (kernel log: ")
	assert.Contains(t, r.Stderr, "a security policy (IMA) refuses a file that exists only in memory")
	assert.Contains(t, r.Stderr, "cause=IMA-signature-required")
	refusedAs(t, g, "kx load /vmlinuz /initrd x", unix.EACCES, "(IMA) refuses the kernel image or the initrd; let the policy allow it", `name="/vmlinuz"`)
}

// TestVMParallelLoads holds that the kernel's trylock shows as little as can be
// and that no load mixes with another.
func TestVMParallelLoads(t *testing.T) {
	g := machineWith(t, vm.DefaultKernel, vm.Config{Memory: 1024})
	parallel := func(timeout string) map[string]int {
		results := map[string]int{}
		for line := range strings.Lines(g.MustRun("kx -times=8 -busy=" + timeout + " load /vmlinuz /initrd '" + vm.Cmdline + " new=1'")) {
			results[strings.TrimSpace(line)]++
		}
		return results
	}
	const busy = "kexec_file_load: device or resource busy: another load has not ended; try again later"
	hasty := parallel("-1s")
	assert.NotZero(t, hasty["<nil>"], "one gets through")
	assert.Equal(t, 8, hasty["<nil>"]+hasty[busy], hasty)
	assert.Equal(t, map[string]int{"<nil>": 8}, parallel("2m"), "who waits gets through")
	g.Reboot("kx jump")
	assert.Equal(t, "yes", g.MustRun("cat /second"), "the last one was loaded whole")
	assert.Equal(t, vm.Cmdline+" new=1", g.MustRun("cat /proc/cmdline"))
}

// TestVMClassic boots what kexec_load loaded.
func TestVMClassic(t *testing.T) {
	for _, name := range []string{vm.DefaultKernel, vm.SecondKernel} {
		t.Run(name, func(t *testing.T) {
			g := machineWith(t, name, vm.Config{})
			r := g.Run("kx -syscall=classic load /vmlinuz /initrd '" + vm.Cmdline + " new=1'")
			assert.Equal(t, vm.Result{}, r, "and nothing is printed")
			assert.True(t, loaded(t, g))
			refusedAs(t, g, "kx -syscall=classic load /short '' x", 1, "kexec_load: /short: ")
			refusedAs(t, g, "kx -syscall=classic load /packed '' x", 1, "kexec_load: /packed: ")
			assert.Empty(t, g.MustRun("ls /tmp"), "no files are left behind")
			g.Reboot("kx jump")
			assert.Equal(t, "yes", g.MustRun("cat /second"))
			assert.Equal(t, vm.Cmdline+" new=1", g.MustRun("cat /proc/cmdline"))
			assert.Equal(t, "208", g.MustRun("cat /proc/sys/kernel/bootloader_type"))
		})
	}
}

// TestVMAutoFallsBack holds that a kernel without kexec_file_load is served by
// kexec_load, unload included, and that --syscall=file says what is wrong.
func TestVMAutoFallsBack(t *testing.T) {
	g := machineWith(t, vm.DefaultKernel, vm.Config{})
	refusedAs(t, g, "kx -hide -syscall=file load /vmlinuz /initrd x", unix.ENOSYS,
		"kexec_file_load: function not implemented: the kernel has the call, and a seccomp filter hides it here")
	g.MustRun("sed -i 's/^CONFIG_KEXEC_FILE=y/# CONFIG_KEXEC_FILE is not set/' /boot/config-*")
	refusedAs(t, g, "kx -hide -syscall=file load /vmlinuz /initrd x", unix.ENOSYS,
		"this kernel was built without CONFIG_KEXEC_FILE; use kexec_load, which it has")
	assert.False(t, loaded(t, g))
	g.MustRun("kx -hide load /vmlinuz /initrd x")
	assert.True(t, loaded(t, g))
	g.MustRun("kx -hide unload")
	assert.False(t, loaded(t, g))
	g.MustRun("mount -t securityfs none /sys/kernel/security && echo integrity > /sys/kernel/security/lockdown")
	refusedAs(t, g, "kx -hide load /vmlinuz /initrd x", unix.ENOSYS, "kexec_file_load: function not implemented")
	assert.False(t, loaded(t, g))
}

// TestVMClassicOnEFI holds that the second kernel neither follows the pointers
// of the first boot to EFI's tables nor goes without ACPI.
func TestVMClassicOnEFI(t *testing.T) {
	g := machineWith(t, vm.SecondKernel, vm.Config{UEFI: true})
	require.NotEmpty(t, g.MustRun("cat /sys/firmware/efi/systab"))
	g.MustRun("kx -syscall=classic load /vmlinuz /initrd '" + vm.Cmdline + " new=1'")
	g.Reboot("kx jump")
	assert.Equal(t, "yes", g.MustRun("cat /second"))
	assert.Equal(t, vm.Cmdline+" new=1", g.MustRun("cat /proc/cmdline"))
	assert.Contains(t, g.MustRun("ls /sys/firmware/acpi/tables"), "DSDT")
}
