//go:build vm

package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// faultGuest is a guest with a newer kernel, which counts loads, and zz-other
// loaded. Its /run/kexec-bls is a small file system of its own.
func faultGuest(t *testing.T, c vm.Config) *vm.Guest {
	c.Kernel = vm.FindKernel(t, vm.SecondKernel)
	if c.Disks == nil {
		files := bootFiles(t, c.Kernel)
		files["unsigned"] = unsigned(t, c.Kernel.Bytes(t))
		files["loader/entries/unsigned.conf"] = []byte("linux /unsigned\n")
		c.Disks = []string{vm.Disk(t, vm.Partition{Files: files})}
	}
	c.Memory, c.Timeout = 768, 10*time.Minute
	c.Files = map[string][]byte{"bin/kexec-bls": vm.Build(t, ".")}
	g := vm.Start(t, c)
	g.Mount("/dev/vda1", "/efi")
	g.MustRun("mkdir /run/kexec-bls && mount -t tmpfs -o size=64k,mode=755 none /run/kexec-bls && kexec-bls load zz-other")
	return g
}

// receiptEntry is the entry of the current receipt, "" without one.
func receiptEntry(t *testing.T, g *vm.Guest) string {
	t.Helper()
	result := g.Run("cat /run/kexec-bls/loaded.json")
	if result.Code != 0 {
		return ""
	}
	var r struct{ Entry string }
	require.NoError(t, json.Unmarshal([]byte(result.Stdout), &r))
	return r.Entry
}

// holdsPromise holds a load of arch that met a fault against the promise: the
// new image is loaded, or the one before is, or the message says that none is.
func holdsPromise(t *testing.T, g *vm.Guest, result vm.Result, before string) (entry string) {
	t.Helper()
	loaded, entry := g.MustRun("cat /sys/kernel/kexec_loaded"), receiptEntry(t, g)
	assert.NotContains(t, result.Stderr, "goroutine")
	switch {
	case result.Code == exitDone:
		assert.Equal(t, "1 arch.conf", loaded+" "+entry)
	case strings.Contains(result.Stderr, "unloaded again; the kernel that was loaded before is gone too"):
		assert.Equal(t, "0 ", loaded+" "+entry, result.Stderr)
	default:
		assert.Equal(t, "1 "+before, loaded+" "+entry, result.Stderr)
		assert.True(t, strings.HasPrefix(result.Stderr, "kexec-bls: "), result.Stderr)
	}
	assert.Equal(t, exitDone, g.Run("[ ! -e /run/kexec-bls/loaded.json.pending ]").Code, "no load is under way")
	return entry
}

// TestVMFaults has a machine refuse in every way that it can, the reversible
// ones first. What was loaded before stays, with its receipt.
func TestVMFaults(t *testing.T) {
	g := faultGuest(t, vm.Config{})
	const load = "kexec-bls load arch"
	for _, fault := range []struct {
		name, make, load, end string
		code                  int
		want                  string
	}{
		{"truncated kernel", "true", "kexec-bls load cut", "true", exitFailed, "/efi/cut: "},
		{"no capability", "true", "su nobody -c '" + load + "'", "true", exitKernel, "only root may do this (CAP_SYS_BOOT), and this is user 65534"},
		{"1 GiB initrd", "mkdir /big && mount -t tmpfs -o size=2g none /big && cp /efi/extra.img /big/initrd && truncate -s 1G /big/initrd",
			"kexec-bls load --linux /efi/vmlinuz --initrd /efi/whole.img --initrd /big/initrd", "umount /big", exitFailed, "MiB of memory, and "},
		{"/run is full", "! dd if=/dev/zero of=/run/kexec-bls/fill bs=1k", load, "rm /run/kexec-bls/fill", exitFailed, "no space left on device; nothing was loaded"},
		{"somebody writes", "true", "exec 3>>/efi/whole.img; kexec-bls load --linux /efi/vmlinuz --initrd /efi/whole.img", "true", exitKernel, "text file busy"},
		{"lockdown", "mount -t securityfs none /sys/kernel/security && echo integrity > /sys/kernel/security/lockdown",
			"kexec-bls load unsigned", "true", exitKernel, "lockdown is on (integrity)"},
		{"no load left", "echo 0 > /proc/sys/kernel/kexec_load_limit_reboot", load, "true", exitKernel, "no load is left: kernel.kexec_load_limit_reboot is 0"},
		{"unload with no load left", "true", "kexec-bls unload", "true", exitKernel, "no load is left"},
		{"switched off", "echo 1 > /proc/sys/kernel/kexec_load_disabled", load, "true", exitKernel, "kernel.kexec_load_disabled is 1"},
	} {
		g.MustRun(fault.make)
		result := g.Run(fault.load)
		assert.Equal(t, fault.code, result.Code, "%s: %s", fault.name, result.Stderr)
		assert.Contains(t, result.Stderr, fault.want, fault.name)
		g.MustRun(fault.end)
		holdsPromise(t, g, result, "zz-other.conf")
		assert.Equal(t, exitDone, g.Run("kexec-bls status").Code, fault.name)
	}
	assert.NotContains(t, g.MustRun("dmesg"), "Out of memory")
	g.Reboot("kexec-bls reboot --loaded --force")
	assert.Equal(t, vm.Cmdline+" entry=other", g.MustRun("cat /proc/cmdline"))
}

// TestVMLoadsAtOnce holds that of many loads at once each gets its turn or is
// told who has it, and that the receipt is of what the kernel has.
func TestVMLoadsAtOnce(t *testing.T) {
	g := faultGuest(t, vm.Config{})
	results := g.MustRun("for i in 1 2 3 4 5 6 7 8; do (entry=arch; [ $((i % 2)) = 1 ] || entry=zz-other; " +
		"kexec-bls load $entry 2>/tmp/said$i; echo $? $(cat /tmp/said$i)) & done; wait")
	done := 0
	for line := range strings.Lines(results) {
		if strings.HasPrefix(line, "0 ") {
			done++
			continue
		}
		assert.Regexp(t, `^4 .*resource busy: process \d+ \(kexec-bls\) is loading or rebooting`, line)
	}
	assert.Equal(t, 8, strings.Count(results, "\n")+1, results)
	assert.NotZero(t, done, results)
	require.Equal(t, exitDone, g.Run("kexec-bls status").Code)
	last := receiptEntry(t, g)
	g.Reboot("kexec-bls reboot --loaded --force")
	want := map[string]string{"arch.conf": "arch", "zz-other.conf": "other"}[last]
	assert.Equal(t, vm.Cmdline+" entry="+want, g.MustRun("cat /proc/cmdline"))
	assert.Equal(t, exitDone, g.Run("[ -e /agent ]").Code, "whole")
}

// milliseconds is how long a shell command takes in the guest.
func milliseconds(t *testing.T, g *vm.Guest, command string) int {
	t.Helper()
	out := g.MustRun("cut -d' ' -f1 /proc/uptime; " + command + " >/dev/null; cut -d' ' -f1 /proc/uptime")
	var from, to float64
	_, err := fmt.Sscan(out, &from, &to)
	require.NoError(t, err, out)
	return int(1000 * (to - from))
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
