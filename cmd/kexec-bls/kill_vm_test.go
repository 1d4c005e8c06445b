//go:build vm

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// loadsLeft is what the kernel counts down with every call.
const loadsLeft = "/proc/sys/kernel/kexec_load_limit_reboot"

// killGuest has a small initrd in both entries, for short loads.
func killGuest(t *testing.T) *vm.Guest {
	kernel := vm.FindKernel(t, vm.SecondKernel)
	files := bootFiles(t, kernel)
	files["whole.img"] = vm.Zstd(t, vm.Archive(t, vm.AgentFiles(t)...))
	files["main.img"] = files["whole.img"]
	g := vm.Start(t, vm.Config{
		Kernel: kernel, Memory: 512, Timeout: 10 * time.Minute,
		Files: map[string][]byte{"bin/kexec-bls": vm.Build(t, ".")},
		Disks: []string{vm.Disk(t, vm.Partition{Files: files})},
	})
	g.Mount("/dev/vda1", "/efi")
	g.MustRun("echo 100000 > " + loadsLeft)
	return g
}

// A killed load: whether the kernel was asked, and what is there then.
type killed struct {
	called         bool
	state, entry   string
	reasons, files string
}

// kill ends a load of arch after so many microseconds, with zz-other loaded.
func kill(t *testing.T, g *vm.Guest, after int) (k killed) {
	t.Helper()
	out := g.MustRun(fmt.Sprintf("kexec-bls load zz-other && cat %[1]s && (kexec-bls load arch 2>/dev/null & usleep %[2]d; kill -9 $!; wait $!; "+
		"cat %[1]s /sys/kernel/kexec_loaded; echo $(ls -A /run/kexec-bls); kexec-bls status --json=short; true)", loadsLeft, after))
	lines := strings.Split(out, "\n")
	require.Len(t, lines, 5, out)
	var r report.Status
	require.NoError(t, json.Unmarshal([]byte(lines[4]), &r), out)
	assert.Equal(t, "1", lines[2], "an image is loaded")
	k.called, k.files, k.state, k.reasons = number(t, lines[1]) < number(t, lines[0]), lines[3], string(r.State), r.Reasons.String()
	if r.Loaded != nil {
		k.entry = string(r.Loaded.Entry.ID)
	}
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

// starts jumps into what a kill left.
func (k killed) starts(t *testing.T, g *vm.Guest) {
	t.Helper()
	g.Reboot("kexec-bls reboot --loaded --force")
	want := "entry=(arch|other)$"
	switch {
	case !k.called:
		want = "entry=other$"
	case k.state == "fresh":
		want = "entry=arch$"
	}
	assert.Regexp(t, want, g.MustRun("cat /proc/cmdline"))
}

// TestLongKilled kills a load at 50 random moments with an older image
// loaded, in five machines. The old or the new one is whole then: after the
// last kill of each machine it is started.
func TestLongKilled(t *testing.T) {
	const machines, moments = 5, 10
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const memory = "awk '/^Shmem:/ {print $2}' /proc/meminfo"
	seen := map[string]int{}
	for range machines {
		g := killGuest(t)
		g.MustRun("kexec-bls load zz-other")
		whole := milliseconds(t, g, "kexec-bls load arch")
		before := number(t, g.MustRun(memory))
		var last killed
		for range moments {
			last = kill(t, g, random.IntN(1000*max(whole, 1)))
			last.agrees(t)
			seen[fmt.Sprintf("called %v, %s %s", last.called, last.state, last.entry)]++
		}
		assert.InDelta(t, before, number(t, g.MustRun(memory)), 512, "KiB: no file in memory is left behind")
		assert.Empty(t, g.MustRun("ls -l /proc/[0-9]*/fd 2>/dev/null | grep memfd; true"))
		last.starts(t, g)
		t.Logf("a load takes %d ms; so far %v", whole, seen)
	}
	assert.Greater(t, len(seen), 1, "the moments were not all the same")
}
