package loader_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// TestInspectHasMissedKexecs among the history, and in all findings.
func TestInspectHasMissedKexecs(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch)
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	f.nextBoot(false)
	f.Booted(t.Context())
	f.write(map[string]string{"sys/kernel/kexec_crash_size": "4096\n", "esp/b.img": "this is no archive"})
	p := f.plan("arch", loader.PlanOptions{})
	r := f.Inspect(t.Context(), p, loader.CheckOptions{})
	assert.Equal(t, f.missed("arch"), r.Area(preflight.AreaHistory).Findings)
	assert.ElementsMatch(t, f.Check(t.Context(), p, loader.CheckOptions{}), r.Findings)
	assert.True(t, gravestFirst(r.Findings))
}

// TestInspectHasTheTrial: what is wrong with it is about how the machine goes down
// and comes back.
func TestInspectHasTheTrial(t *testing.T) {
	f := newTried(t)
	f.remove("sys/class/watchdog", "usr/lib/systemd/system")
	p := f.try(loader.TryOptions{})
	_, found, _ := f.Try(p)
	require.Len(t, found, 2)
	r := f.Inspect(t.Context(), p, loader.CheckOptions{})
	var ids []loader.FindingID
	for _, x := range r.Area(preflight.AreaShutdown).Findings {
		ids = append(ids, x.ID)
	}
	assert.Subset(t, ids, []loader.FindingID{found[0].ID, found[1].ID})
	for _, a := range r.Areas {
		assert.True(t, gravestFirst(a.Findings), a.ID)
	}
}

// TestInspectOfADecodedInitrd: what was read of the images, and where each is in the
// initrd as it is loaded; what an earlier load has read is not read again.
func TestInspectOfADecodedInitrd(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/b.img": gzipOf(t, archive("lib/modules/6.12.1/x"))})
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(f.path("esp/b.img"), old, old))
	require.NoError(t, os.Chtimes(f.path("esp/vmlinuz"), old, old))
	opt := loader.PlanOptions{Verify: initrd.VerifyFast}
	first := f.plan("arch", opt)
	known, err := f.Load(t.Context(), first, loader.LoadOptions{Ignore: []loader.FindingID{loader.AllFindings}}) // its folders are not in it
	require.NoError(t, err)
	area := func(p *loader.Plan) *loader.Area {
		r := f.Inspect(t.Context(), p, loader.CheckOptions{})
		return r.Area(preflight.AreaInitrd)
	}
	size := first.InitrdSize()
	images := "1 image, " + loader.FormatSize(size)
	assert.Equal(t, []string{images, "all files in it were read", "has modules for 6.12.1"}, area(first).Facts[:3])
	evidence := area(first).Evidence
	assert.Equal(t, f.path("esp/b.img"), evidence[len(evidence)-1].Source)
	assert.Regexp(t, `^\d+ bytes at 0, gzip$`, evidence[len(evidence)-1].Value)

	opt.Known = &known
	again := area(f.plan("arch", opt))
	assert.Equal(t, []string{images, "unchanged since a load that read it"}, again.Facts[:2])
	assert.Empty(t, again.Unseen)
}

// TestInspectOfAKernelWithoutAVersion has its size alone.
func TestInspectOfAKernelWithoutAVersion(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/vmlinuz": kernelOf("")})
	r := f.Inspect(t.Context(), f.plan("arch", loader.PlanOptions{}), loader.CheckOptions{})
	entry := r.Area(preflight.AreaEntry)
	assert.Equal(t, "kernel "+f.path("esp/vmlinuz")+", 8192 B", entry.Facts[0])
	assert.Contains(t, entry.Evidence, loader.Evidence{Source: f.path("esp/vmlinuz"), Value: "8192 bytes, bzImage "})
}

// TestInspectOfAKexec: how the running system was started, and how long the last
// reboots took, as far as that is known.
func TestInspectOfAKexec(t *testing.T) {
	day := time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)
	const running, none = "the running kernel was started by kexec", "no kexec of this machine is on record"
	for name, c := range map[string]struct {
		kexeced bool
		boot    state.Boot
		want    []string
	}{
		"nothing is known": {false, state.Boot{}, []string{none}},
		"by kexec":         {true, state.Boot{}, []string{running}},
		"a kexec before":   {false, state.Boot{Kexec: &state.RebootDuration{Requested: day, Seconds: 4.25}}, []string{"the last kexec took 4.2 s (2026-11-23)"}},
		"of unknown time":  {false, state.Boot{Kexec: &state.RebootDuration{}}, nil},
		"both": {true, state.Boot{Kexec: &state.RebootDuration{Requested: day, Seconds: 3}, Firmware: &state.RebootDuration{Requested: day, Seconds: 59.96}},
			[]string{running, "the last kexec took 3.0 s (2026-11-23)", "the last reboot through firmware took 60.0 s"}},
	} {
		f := newFake(t)
		if c.kexeced {
			f.write(map[string]string{"proc/sys/kernel/bootloader_type": "208\n"})
		}
		c.boot.Schema, c.boot.BootID = 1, "earlier"
		require.NoError(t, state.History{Dir: f.StateDir}.SaveBoot(c.boot))
		r := f.Inspect(t.Context(), f.plan("arch", loader.PlanOptions{}), loader.CheckOptions{})
		assert.Equal(t, c.want, r.Area(preflight.AreaHistory).Facts, name)
	}
}
