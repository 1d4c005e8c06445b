//go:build vm

package initrd_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// TestLongKernelTimesFlat measures from reboot(KEXEC) to /init with one and the
// same content, joined and flat, in turn, and logs the times and their ratio
// (go test -v); it asserts none, they are the emulator's. Joined and filled up
// with zeros to the size of the flat one, it shows what size alone costs.
// FlatOptions has what came out.
func TestLongKernelTimesFlat(t *testing.T) {
	const pairs, unpacked = 5, 60 << 20
	kernel := vm.FindKernel(t, vm.DefaultKernel)
	clock := vm.Build(t, "./testdata/clock")
	images := realistic(t, kernel, clock, unpacked)
	joined, _ := join(t, initrd.JoinOptions{}, members(t, images...))
	flat, _, err := flatten(t, initrd.FlatOptions{}, members(t, images...))
	require.NoError(t, err)
	blobs := map[string][]byte{"joined": joined, "flat": flat, "filled": append(slices.Clone(joined), make([]byte, len(flat)-len(joined))...)}
	g := vm.Start(t, vm.Config{
		Memory: 1024, Timeout: 10 * time.Minute,
		Files: map[string][]byte{"bin/clock": clock},
		Disks: []string{vm.Disk(t, vm.Partition{Files: map[string][]byte{
			"linux": kernel.Bytes(t), "joined": joined, "flat": flat, "filled": blobs["filled"],
		}})},
	})
	rate := float64(number(t, g.MustRun("clock 2s")))
	all := map[string][]time.Duration{}
	var trees []string
	for range pairs {
		for _, blob := range []string{"joined", "flat", "filled"} {
			g.Mount("/dev/vda1", "/efi")
			g.Reboot("clock /efi/linux /efi/" + blob + " '" + vm.Cmdline + "'")
			jumps := regexp.MustCompile(`clock: (\d+)`).FindAllStringSubmatch(g.Console(), -1)
			ticks := number(t, g.MustRun("cat /began")) - number(t, jumps[len(jumps)-1][1])
			took := time.Duration(float64(ticks) / rate * 1e9)
			t.Logf("%-6s %5.2f s, %5.2f s of it unpacking", blob, took.Seconds(), unpacking(t, g.MustRun("dmesg")))
			all[blob] = append(all[blob], took)
			trees = append(trees, g.MustRun("find /usr /etc -type f | sort | xargs cat | sha1sum"))
		}
	}
	assert.Len(t, slices.Compact(trees), 1, "the content is the same")
	j := median(all["joined"]).Seconds()
	for _, blob := range []string{"joined", "flat", "filled"} {
		m := median(all[blob]).Seconds()
		t.Logf("median: %-6s (%d MiB) %5.2f s, ratio to joined %.2f", blob, len(blobs[blob])>>20, m, m/j)
	}
}

// unpacking is how many seconds the kernel unpacked its initrd, by its own
// messages.
func unpacking(t *testing.T, dmesg string) float64 {
	t.Helper()
	var at []float64
	for _, text := range []string{"unpack rootfs image", "Freeing initrd memory"} {
		m := regexp.MustCompile(`\[ *(\d+\.\d+)\][^\n]*` + text).FindStringSubmatch(dmesg)
		require.NotNil(t, m, "%s: %s", text, dmesg)
		s, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		at = append(at, s)
	}
	return at[1] - at[0]
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	require.NoError(t, err)
	return n
}

func median(v []time.Duration) time.Duration {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// realistic is an image as mkosi or dracut make them, zstd, of about size bytes
// of kernel modules, behind an early archive and before a small extra one.
func realistic(t *testing.T, kernel vm.Kernel, clock []byte, size int) [][]byte {
	t.Helper()
	records := append(vm.AgentFiles(t), kernel.ModuleFiles(t, vm.DiskModules()...)...)
	for i, r := range records {
		if r.Name == "init" {
			records[i].Name = "init.sh"
		}
	}
	records = append(records, vm.FileRecords(map[string][]byte{"init": clock, "bin/clock": clock})...)
	require.NoError(t, filepath.WalkDir(kernel.Modules, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || size < 0 || !strings.Contains(path, ".ko") {
			return err
		}
		data, err := os.ReadFile(path)
		size -= len(data)
		name, _ := strings.CutPrefix(path, kernel.Modules+"/")
		records = append(records, cpio.StaticFile("usr/lib/modules/test/"+name, string(data), 0o644))
		return err
	}))
	require.Negative(t, size, "too few modules")
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	require.NoError(t, err)
	image := w.EncodeAll(vm.Archive(t, records...), nil)
	var extra []cpio.Record
	for i := range 100 {
		extra = append(extra, cpio.StaticFile(fmt.Sprintf("etc/extra/%d", i), strings.Repeat("extra\n", i), 0o644))
	}
	return [][]byte{ucodeAMD, image, vm.Archive(t, extra...)}
}
