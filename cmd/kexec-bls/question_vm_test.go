//go:build vm

package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestVMQuestionsAreAnswered has a machine that hangs in two ways; the reads
// by FUSE cannot be killed, as little as a call to firmware.
func TestVMQuestionsAreAnswered(t *testing.T) {
	g := vm.Start(t, vm.Config{
		Memory: 768, Modules: []string{"fuse", "autofs4"},
		Files: map[string][]byte{
			"bin/kexec-bls": vm.Build(t, "."),
			"bin/silent":    vm.Build(t, "./testdata/silent"), "bin/hang": vm.Build(t, "./testdata/hang"),
		},
		Disks: []string{vm.Disk(t, vm.Partition{Files: bootFiles(t, vm.FindKernel(t, vm.DefaultKernel))})},
	})
	g.Mount("/dev/vda1", "/efi")
	require.Contains(t, []int{0, 1}, g.Run("kexec-bls reboot-required").Code)

	hangs := func(what string) {
		t.Helper()
		before := number(t, g.MustRun("cut -d. -f1 /proc/uptime"))
		got := g.Run("kexec-bls reboot-required --json=short")
		assert.Equal(t, exitUnknown, got.Code, got.Stderr)
		var r report.Requirement
		require.NoError(t, json.Unmarshal([]byte(got.Stdout), &r), got.Stdout)
		assert.Contains(t, r.Reasons.String(), what)
		got = g.Run("kexec-bls check")
		assert.Equal(t, exitFailed, got.Code, got.Stdout)
		assert.Contains(t, got.Stderr, what)
		took := number(t, g.MustRun("cut -d. -f1 /proc/uptime")) - before
		t.Logf("%s: both answered in %d s of an emulated machine", what, took)
		assert.Less(t, took, 30)
	}
	t.Run("firmware", func(t *testing.T) {
		variable := "LoaderInfo-" + bli.LoaderVendor
		// Where efivarfs would be. The directory of sysfs cannot be made.
		g.MustRun("mkdir -p /tmp && mount -t tmpfs x /sys/firmware && mkdir -p /sys/firmware/efi/efivars")
		g.MustRun("(silent /sys/firmware/efi/efivars " + variable + " >/dev/null 2>&1 & echo $! >/tmp/pid); while ! grep -q efivars /proc/mounts; do sleep 0.1; done")
		hangs("EFI variable LoaderInfo: no answer within 2s")
		const left = "cat /proc/[0-9]*/task/*/stat 2>/dev/null | grep -c '(exe) D'; true"
		assert.Equal(t, "2", g.MustRun(left), "a thread of each that no signal ends")
		g.MustRun("kill -9 $(cat /tmp/pid); sleep 1; umount -l /sys/firmware/efi/efivars; umount -l /sys/firmware")
		assert.Equal(t, "0", g.MustRun(left), "they are gone with the hang")
	})
	t.Run("automount", func(t *testing.T) {
		g.MustRun("umount /efi && (hang /efi sleep 1000 >/dev/null 2>&1 &); while ! grep -q ' /efi autofs' /proc/mounts; do sleep 0.1; done")
		hangs("/efi: does not answer for 1.5s")
	})
}
