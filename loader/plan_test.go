package loader_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

const twoConf = "linux /vmlinuz\ninitrd /a.img\ninitrd /b.img\noptions root=/dev/vda2 rw\n"

func TestPlanView(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/loader/entries/two.conf": twoConf})
	p := f.plan("two", loader.PlanOptions{Append: []string{"quiet"}})
	assert.Equal(t, "two.conf", p.Name())
	assert.Equal(t, "two.conf", p.Entry().ID)
	k := p.Kernel()
	assert.Equal(t, f.path("esp/vmlinuz"), k.Name)
	assert.Equal(t, "bzImage", k.Format)
	assert.Equal(t, "6.12.1 (b@h) #1 SMP", k.Version)
	assert.Equal(t, "6.12.1", k.Release)
	assert.EqualValues(t, len(kernelOf("x")), k.Size)
	a, b := int64(len(archive("a"))+1), int64(len(archive("b")))
	at := (a + 3) &^ 3
	assert.Equal(t, []loader.InitrdMember{{f.path("esp/a.img"), 0, a, "cpio"}, {f.path("esp/b.img"), at, b, "cpio"}}, p.Initrd())
	assert.Equal(t, at+b, p.InitrdSize())
	assert.Equal(t, []loader.Change{{Added: true, Parameter: "rw"}}, p.Changes())
	assert.Empty(t, p.Findings())
	require.NoError(t, p.Broken())
	assert.Empty(t, f.plan("bare", loader.PlanOptions{}).Initrd())
}

// TestFindingsOrder: what is gravest comes first, also what blocks the plan.
func TestFindingsOrder(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{
		"esp/vmlinuz": "\x00junk", "esp/text.img": "no archive",
		"esp/loader/entries/two.conf": "linux /vmlinuz\ninitrd /text.img\n",
	})
	p := f.plan("two", loader.PlanOptions{})
	found := p.Findings()
	require.Len(t, found, 2)
	assert.Equal(t, loader.FindingPlan, found[0].ID)
	assert.Equal(t, loader.SeverityError, found[0].Severity)
	assert.Contains(t, found[1].Member, "text.img")
	require.ErrorContains(t, p.Broken(), "two.conf: ")
	_, err := f.Load(t.Context(), p, loader.LoadOptions{Ignore: []loader.FindingID{loader.AllFindings}})
	require.ErrorContains(t, err, "not a known kernel image", "the kernel would refuse it: no one can ignore that")
	assert.Empty(t, f.acts)
	rank := map[loader.Severity]int{loader.SeverityError: 0, loader.SeverityWarning: 1, loader.SeverityInfo: 2}
	f.write(map[string]string{"sys/kernel/kexec_crash_size": "4096\n"})
	all := f.Check(t.Context(), p, loader.CheckOptions{})
	assert.Greater(t, len(all), 2, "those of the machine too")
	for i := range all[1:] {
		assert.LessOrEqual(t, rank[all[i].Severity], rank[all[i+1].Severity])
	}
}

// TestExportIsWhatIsLoaded, but for what only a kexec needs on this machine.
func TestExportIsWhatIsLoaded(t *testing.T) {
	for _, flat := range []bool{false, true} {
		f := newFake(t)
		f.write(map[string]string{"esp/loader/entries/two.conf": twoConf, "sys/firmware/efi/systab": "ACPI20=0x7fb7e014\n", "sys/kernel/boot_params/data": strings.Repeat("\x00", 0x1ec) + "\x02" + strings.Repeat("\x00", 4096-0x1ed)})
		f.setVar("LoaderBootCountPath", `\loader\entries\arch+2-1.conf`)
		p := f.plan("two", loader.PlanOptions{Flat: flat})
		require.NoError(t, p.Export(f.path("out")))
		_, err := f.Load(t.Context(), p, loader.LoadOptions{})
		require.NoError(t, err)
		read := func(name string) string {
			b, err := os.ReadFile(f.path("out/" + name))
			require.NoError(t, err)
			return string(b)
		}
		assert.Equal(t, f.kernel, read("linux"))
		assert.Equal(t, f.initrd, read("initrd"))
		assert.EqualValues(t, p.InitrdSize(), len(f.initrd))
		assert.Equal(t, "root=/dev/vda2 rw\n", read("cmdline"))
		assert.Equal(t, "root=/dev/vda2 rw "+loader.BlessMask+" acpi_rsdp=0x7fb7e014", f.cmdline)
		require.NoError(t, f.plan("bare", loader.PlanOptions{}).Export(f.path("out")))
		assert.Equal(t, []string{"cmdline", "linux"}, f.left("out"), "no initrd: no file of it")
	}
}

// TestRequestRoundTrip keeps names of any bytes, through the receipt.
func TestRequestRoundTrip(t *testing.T) {
	f := newFake(t)
	line := loader.Text("root=\xff")
	r := loader.Request{
		ESP: "/\xe9fi", Boot: `\boot`, Config: "/etc/ü", Append: []loader.Text{"a=\xc3", "b c"}, Remove: []loader.Text{"x"}, Replace: &line,
		Reuse: true, EarlyFirst: true, Flat: true, Verify: true, NoVerify: true, Syscall: "file", Ignore: []loader.FindingID{"memory"},
	}
	b, err := json.Marshal(r)
	require.NoError(t, err)
	var again loader.Request
	require.NoError(t, json.Unmarshal(b, &again))
	assert.Equal(t, r, again)

	f.write(map[string]string{"esp/\xff.img": archive("b"), "esp/loader/entries/odd.conf": "title \xff\nlinux /vmlinuz\ninitrd /\xff.img\n"})
	_, err = f.Load(t.Context(), f.plan("odd", loader.PlanOptions{Request: &r}), loader.LoadOptions{})
	require.NoError(t, err)
	read, err := f.Receipt()
	require.NoError(t, err)
	r.Entry = "odd.conf"
	assert.Equal(t, &r, read.Request)
	assert.EqualValues(t, f.path("esp/\xff.img"), read.Files[1].Path)
	assert.EqualValues(t, "\xff", read.Title)
	assert.Equal(t, loader.Fresh, f.status(loader.StatusOptions{}).State)
}

// TestVerifiedOnce: what an earlier load verified, and has not changed, is not
// decoded to its end again.
func TestVerifiedOnce(t *testing.T) {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	content := make([]byte, 2<<20) // more than is read of every stream
	_, err = rand.NewChaCha8([32]byte{}).Read(content)
	require.NoError(t, err)
	whole := string(w.EncodeAll([]byte(archiveOf("a", string(content))), nil))
	damaged := whole[:len(whole)-2] + "xx" // the checksum at the end
	for name, v := range map[string]struct {
		before, after time.Duration // ages of the file
		unverified    bool
		found         bool
	}{
		"the same by size and time": {time.Hour, time.Hour, false, false},
		"another time":              {time.Hour, time.Minute, false, true},
		"written a moment ago":      {-time.Hour, -time.Hour, false, true}, // however slow the test is
		"that load did not verify":  {time.Hour, time.Hour, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			now := time.Now()
			write := func(text string, age time.Duration) {
				f.write(map[string]string{"esp/a.img": text})
				require.NoError(t, os.Chtimes(f.path("esp/a.img"), now.Add(-age), now.Add(-age)))
			}
			f.write(map[string]string{"esp/loader/entries/z.conf": "linux /vmlinuz\ninitrd /a.img\n"})
			write(whole, v.before)
			opt := loader.PlanOptions{Verify: initrd.VerifyFast}
			r, err := f.Load(t.Context(), f.plan("z", opt), loader.LoadOptions{})
			require.NoError(t, err)
			assert.True(t, r.Verified)
			r.Verified = !v.unverified
			opt.Known = &r
			assert.Empty(t, f.plan("z", opt).Findings(), "nothing is wrong yet")
			write(damaged, v.after)
			assert.Equal(t, v.found, len(f.plan("z", opt).Findings()) > 0)
		})
	}
}
