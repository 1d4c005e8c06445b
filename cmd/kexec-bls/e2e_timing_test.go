//go:build e2e

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

const pairs = 5

// byHand loads what the default entry names as kexec-tools do, then reboots.
const byHand = `cat /efi/debian/ucode.img /efi/debian/initrd.img >/tmp/initrd &&
/usr/lib/kexec-tools/kexec -l -s /efi/debian/linux --initrd=/tmp/initrd --command-line="$(sed 's/initrd=[^ ]* //g' /proc/cmdline)" &&
systemctl kexec`

// TestE2ETiming reports how long a reboot takes, from the request until
// multi-user.target is reached, by the guest's clock and by the host's: through
// the firmware, through kexec-bls, and through kexec-tools.
func TestE2ETiming(t *testing.T) {
	g := setup{}.start(t)
	ways := []struct{ name, command string }{
		{"firmware", "kexec-bls reboot --firmware"},
		{"kexec-bls", "kexec-bls reboot"},
		{"kexec -l -s", byHand},
	}
	guest, host := map[string][]float64{}, map[string][]float64{}
	for range pairs {
		for _, way := range ways {
			in, out := timeReboot(t, g, way.command)
			guest[way.name] = append(guest[way.name], in)
			host[way.name] = append(host[way.name], out)
		}
	}
	t.Log("| way | guest, median s (all) | host, median s (all) |")
	for _, way := range ways {
		t.Logf("| %s | %s | %s |", way.name, row(guest[way.name]), row(host[way.name]))
	}
	for _, other := range []string{"firmware", "kexec -l -s"} {
		t.Logf("kexec-bls / %s: guest %.2f, host %.2f", other,
			median(guest["kexec-bls"])/median(guest[other]), median(host["kexec-bls"])/median(host[other]))
	}
}

// timed reboots and returns the seconds until multi-user.target by both clocks.
// The guest's runs on through a reset.
func timeReboot(t *testing.T, g *vm.Guest, command string) (guest, host float64) {
	t.Helper()
	before, begun := seconds(t, g.MustRun("date +%s.%N")), time.Now()
	g.Reboot(command)
	host = time.Since(begun).Seconds()
	reached := g.MustRun("date +%s.%N -d \"$(systemctl show -P ActiveEnterTimestamp --timestamp=us+utc multi-user.target)\"")
	return seconds(t, reached) - before, host
}

// TestE2ELoadTiming reports how long the load of a dracut image takes, with what it
// says about itself verified and without, and that of kexec-tools, in turn.
func TestE2ELoadTiming(t *testing.T) {
	image, err := os.ReadFile(vm.FindDebian(t, vm.Sid).SystemdInitrd)
	require.NoError(t, err)
	g := setup{boot: map[string][]byte{"debian/large.img": image}}.start(t)
	const linux, initrd = "/efi/debian/linux", "/efi/debian/large.img"
	ours := "kexec-bls load --linux=" + linux + " --initrd=" + initrd + " --command-line=quiet"
	ways := []struct{ name, command string }{
		{"verified", ours},
		{"not verified", ours + " --no-verify"},
		{"kexec -l -s", "/usr/lib/kexec-tools/kexec -l -s " + linux + " --initrd=" + initrd + " --command-line=quiet"},
	}
	took := map[string][]float64{}
	g.MustRun("cat " + linux + " " + initrd + " >/dev/null") // into the page cache
	for range pairs {
		for _, way := range ways {
			times := g.MustRun("rm -rf /run/kexec-bls; date +%s.%N; " + way.command + " >/dev/null 2>&1 && date +%s.%N")
			require.Equal(t, "1", strings.TrimSpace(g.MustRun("cat /sys/kernel/kexec_loaded")))
			begin, end, _ := strings.Cut(strings.TrimSpace(times), "\n")
			took[way.name] = append(took[way.name], seconds(t, end)-seconds(t, begin))
			g.MustRun("/usr/lib/kexec-tools/kexec -u -s")
		}
	}
	for _, way := range ways {
		t.Logf("%-12s %s, ratio %.2f", way.name, row(took[way.name]), median(took[way.name])/median(took["kexec -l -s"]))
	}
}

func seconds(t *testing.T, text string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return f
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func row(values []float64) string {
	var all []string
	for _, v := range values {
		all = append(all, fmt.Sprintf("%.1f", v))
	}
	return fmt.Sprintf("%.1f (%s)", median(values), strings.Join(all, " "))
}
