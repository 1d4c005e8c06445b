package loader_test

import (
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

func gzipOf(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestInspectHasTheFindingsOfCheck(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/b.img": "this is no archive", "sys/class/watchdog/watchdog0/state": "active\n", "sys/class/watchdog/watchdog0/nowayout": "1\n"})
	p := f.plan("arch", loader.PlanOptions{})
	r := f.Inspect(t.Context(), p, loader.CheckOptions{})
	assert.ElementsMatch(t, f.Check(t.Context(), p, loader.CheckOptions{}), r.Findings)
	var found []loader.Finding
	for _, a := range r.Areas {
		found = append(found, a.Findings...)
	}
	assert.ElementsMatch(t, r.Findings, found)
	require.NotEmpty(t, r.Area(preflight.AreaInitrd).Findings)
	assert.Equal(t, preflight.IDWatchdog, r.Area(preflight.AreaHardware).Findings[0].ID)
}

func TestInspectShowsThePlan(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/b.img": archive("lib/modules/6.12.1/x")})
	r := f.Inspect(t.Context(), f.plan("arch", loader.PlanOptions{}), loader.CheckOptions{})
	entry, image := r.Area(preflight.AreaEntry), r.Area(preflight.AreaInitrd)
	assert.Equal(t, []string{"kernel " + f.path("esp/vmlinuz") + " (6.12.1, 8192 B)", "its modules are installed"}, entry.Facts)
	assert.Equal(t, f.path("esp/loader/entries/arch.conf"), entry.Evidence[len(entry.Evidence)-2].Source)
	assert.Equal(t, []string{"1 image, 288 B", "all files in it were read"}, image.Facts[:2])
	assert.Equal(t, f.path("esp/b.img"), image.Evidence[len(image.Evidence)-1].Source)
	assert.Empty(t, image.Unseen)

	bare := f.Inspect(t.Context(), f.plan("bare", loader.PlanOptions{}), loader.CheckOptions{})
	assert.Equal(t, []string{"none"}, bare.Area(preflight.AreaInitrd).Facts)
}

func TestInspectNamesImagesThatWereNotRead(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/b.img": gzipOf(t, archive("a"))})
	r := f.Inspect(t.Context(), f.plan("arch", loader.PlanOptions{}), loader.CheckOptions{})
	assert.Equal(t, []string{string(hint.EndsUnread)}, r.Area(preflight.AreaInitrd).Unseen)
	r = f.Inspect(t.Context(), f.plan("arch", loader.PlanOptions{Verify: initrd.VerifyAll}), loader.CheckOptions{})
	assert.Empty(t, r.Area(preflight.AreaInitrd).Unseen)
	assert.Contains(t, r.Area(preflight.AreaInitrd).Facts, "all files in it were read")
}

func TestInspectShowsHistory(t *testing.T) {
	f := newFake(t)
	look := func() []string {
		r := f.Inspect(t.Context(), f.plan("arch", loader.PlanOptions{}), loader.CheckOptions{})
		return r.Area(preflight.AreaHistory).Facts
	}
	assert.Equal(t, []string{"no kexec of this machine is on record"}, look())
	h := state.History{Dir: f.StateDir}
	require.NoError(t, h.SaveBoot(state.Boot{Schema: 1, BootID: "other", Kexec: &state.RebootDuration{Seconds: 4.2}, Firmware: &state.RebootDuration{Seconds: 61}}))
	assert.Len(t, look(), 2)
	assert.Contains(t, look()[0], "the last kexec took 4.2 s")
	assert.Equal(t, "the last reboot through firmware took 61.0 s", look()[1])
}
