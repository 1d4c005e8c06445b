//go:build vm

package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestVMKnowsWhatRuns goes through a kexec into one of two entries that differ
// in their ids alone, with the program that replaces kexec(8), as an
// initramfs calls it at the end of a shutdown.
func TestVMKnowsWhatRuns(t *testing.T) {
	files := bootFiles(t, vm.FindKernel(t, vm.DefaultKernel))
	files["loader/entries/twin.conf"] = files["loader/entries/zz-other.conf"]
	files["tool"] = vm.Build(t, ".") // the initrds of the entries have none
	g := startGuest(t, files)
	// What stays of this machine is its boot partition.
	keep := "mkdir -p /var && ln -s /efi /var/lib"
	g.MustRun(keep)
	g.MustRun("mkdir -p /run/initramfs && printf 'case $1 in\\nreboot) reboot -f;;\\nkexec) kexec -e;;\\nesac\\n' >/run/initramfs/shutdown")

	g.MustRun("kexec-bls load zz-other")
	assert.Equal(t, 2, g.Run("/run/initramfs/usr/bin/kexec -l /efi/vmlinuz").Code)
	g.Reboot("sync; /run/initramfs/usr/bin/kexec -e")

	g.Mount("/dev/vda1", "/efi")
	g.MustRun(keep)
	for range 2 { // before and after it is recorded
		var list []report.Entry
		require.NoError(t, json.Unmarshal([]byte(g.MustRun("/efi/tool list --json=short")), &list))
		for _, e := range list {
			assert.Equal(t, e.ID == "zz-other.conf", e.IsSelected, e.ID)
		}
		booted := g.Run("/efi/tool hook booted")
		assert.Equal(t, exitDone, booted.Code)
		assert.Contains(t, booted.Stderr, "zz-other.conf started by kexec, loaded at ")
	}
	assert.Equal(t, "boot.json", g.MustRun("ls /var/lib/kexec-bls"))
}
