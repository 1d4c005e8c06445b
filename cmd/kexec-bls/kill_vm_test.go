//go:build vm

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

const loadsLeft = "/proc/sys/kernel/kexec_load_limit_reboot"

// killGuest has both entries boot into what can load again.
func killGuest(t *testing.T) *vm.Guest {
	kernel := vm.FindKernel(t, vm.SecondKernel)
	files, program := bootFiles(t, kernel), map[string][]byte{"bin/kexec-bls": vm.Build(t, ".")}
	more := vm.Archive(t, vm.FileRecords(program)...)
	files["extra.img"] = append(layer(t, "extra"), more...)
	files["whole.img"] = append(more, files["whole.img"]...)
	g := vm.Start(t, vm.Config{Kernel: kernel, Memory: 768, Files: program, Disks: []string{vm.Disk(t, vm.Partition{Files: files})}})
	g.Mount("/dev/vda1", "/efi")
	return g
}

// A killed load: how many calls the kernel has counted before and after, and
// what is there then.
type killed struct {
	called         bool
	state, entry   string
	reasons, files string
}

// kill ends a load of arch after so many microseconds, with zz-other loaded.
func kill(t *testing.T, g *vm.Guest, after int) (k killed) {
	t.Helper()
	before := number(t, g.MustRun("kexec-bls load zz-other && cat "+loadsLeft))
	out := g.MustRun(fmt.Sprintf("sync; kexec-bls load arch 2>/dev/null & usleep %d; kill -9 $!; wait $! 2>/dev/null; cat %s; kexec-bls status --json=short; true", after, loadsLeft))
	left, status, _ := strings.Cut(out, "\n")
	var r statusReport
	require.NoError(t, json.Unmarshal([]byte(status), &r), out)
	k.called, k.state, k.reasons = number(t, left) < before, r.State, strings.Join(r.Reasons, " ")
	if r.Loaded != nil {
		k.entry = r.Loaded.Entry
	}
	assert.Equal(t, "1", g.MustRun("cat /sys/kernel/kexec_loaded"))
	k.files = strings.Join(strings.Fields(g.MustRun("ls -A /run/kexec-bls")), " ")
	assert.Empty(t, g.MustRun("ls -l /proc/[0-9]*/fd 2>/dev/null | grep memfd; true"))
	return k
}

// agrees holds what status says of a killed load against what the kernel
// counted: a call makes the old receipt doubtful, without one there is no new
// image.
func (k killed) agrees(t *testing.T) {
	t.Helper()
	switch {
	case k.state == "foreign":
		assert.Contains(t, k.reasons, "a load was interrupted")
		assert.Equal(t, "loaded.json loaded.json.pending lock", k.files)
	case k.called:
		assert.Equal(t, "fresh arch.conf", k.state+" "+k.entry)
		assert.Equal(t, "loaded.json lock", k.files)
	default:
		assert.Equal(t, "fresh zz-other.conf", k.state+" "+k.entry)
		assert.Equal(t, "loaded.json lock", k.files)
	}
}

// TestLongVMKilled kills a load at 50 random moments with an older image
// loaded. The old or the new one is whole then: some of them are started.
func TestLongVMKilled(t *testing.T) {
	const moments, sample = 50, 10
	g := killGuest(t)
	allow := func() { g.MustRun("echo 100000 > " + loadsLeft) }
	allow()
	g.MustRun("kexec-bls load zz-other")
	whole := milliseconds(t, g, "kexec-bls load arch")
	shmem := number(t, g.MustRun("awk '/^Shmem:/ {print $2}' /proc/meminfo"))
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("a load takes %d ms; seed %d", whole, seed)
	seen := map[string]int{}
	for i := range moments {
		k := kill(t, g, random.IntN(1000*max(whole, 1)))
		k.agrees(t)
		seen[fmt.Sprintf("called %v, %s %s", k.called, k.state, k.entry)]++
		if i%sample != sample-1 {
			continue
		}
		now := number(t, g.MustRun("awk '/^Shmem:/ {print $2}' /proc/meminfo"))
		assert.InDelta(t, shmem, now, 512, "KiB: no memory file is left behind")
		g.Reboot("kexec-bls reboot --loaded --force")
		line := g.MustRun("cat /proc/cmdline")
		switch {
		case !k.called:
			assert.Equal(t, vm.Cmdline+" entry=other", line)
		case k.state == "fresh":
			assert.Equal(t, vm.Cmdline+" entry=arch", line)
		default:
			assert.Regexp(t, "entry=(arch|other)$", line)
		}
		g.Mount("/dev/vda1", "/efi")
		allow()
		shmem = number(t, g.MustRun("kexec-bls load zz-other && awk '/^Shmem:/ {print $2}' /proc/meminfo"))
	}
	for outcome, times := range seen {
		t.Logf("%s: %d times", outcome, times)
	}
	assert.Greater(t, len(seen), 1, "the moments were not all the same")
}
