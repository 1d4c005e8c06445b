package loader_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	pe "github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// TestRunningIsWhole: the machine of this process lacks nothing that a load or a
// reboot calls. Nothing is called here.
func TestRunningIsWhole(t *testing.T) {
	m := loader.Running()
	for _, s := range []any{m.Kernel, m.Init} {
		v := reflect.ValueOf(s)
		for i := range v.NumField() {
			assert.False(t, v.Field(i).IsNil(), v.Type().Field(i).Name)
		}
	}
	assert.Equal(t, []string{"/", "/run/kexec-bls", "/var/lib/kexec-bls", "/proc/self/exe"}, []string{m.Host.Dir, m.RunDir, m.StateDir, m.Program})
}

// TestOptionsOf: a load is repeated as it was asked for.
func TestOptionsOf(t *testing.T) {
	line := loader.Text("a=\xff")
	r := loader.Request{Entry: "x", Append: []loader.Text{"b", "c d"}, Remove: []loader.Text{"e"}, Replace: &line, Reuse: true, EarlyFirst: true, Flat: true, Verify: true, Syscall: "classic", NoCMA: true}
	opt := loader.OptionsOf(r)
	require.NotNil(t, opt.Replace)
	assert.Equal(t, "a=\xff", *opt.Replace)
	require.NotNil(t, opt.Request)
	assert.Equal(t, r, *opt.Request)
	opt.Replace, opt.Request = nil, nil
	assert.Equal(t, loader.PlanOptions{
		Append: []string{"b", "c d"}, Remove: []string{"e"}, Reuse: true, EarlyFirst: true, Flat: true, Verify: initrd.VerifyAll, Syscall: "classic", NoCMA: true,
	}, opt)
	opt = loader.OptionsOf(loader.Request{})
	opt.Request = nil
	assert.Equal(t, loader.PlanOptions{}, opt)
}

// TestImagesByPath opens what the user names, and nothing that waits.
func TestImagesByPath(t *testing.T) {
	f := newFake(t)
	members, closeAll, err := loader.OpenImages([]string{f.path("esp/a.img"), f.path("esp//b.img")})
	require.NoError(t, err)
	require.Len(t, members, 2)
	assert.Equal(t, f.path("esp/b.img"), members[1].Name)
	m, flat, err := loader.Flatten(t.Context(), f.Host, members, 0, nil)
	require.NoError(t, err)
	text := f.content(flat)
	assert.Contains(t, text, "content of a")
	assert.Contains(t, text, "content of b")
	assert.EqualValues(t, len(text), m.Size())
	_, err = flat.WriteAt([]byte("x"), 0)
	require.ErrorIs(t, err, syscall.EPERM, "it is sealed")
	require.NoError(t, flat.Close())
	require.NoError(t, closeAll())
	require.Error(t, closeAll(), "each was open, and is closed")

	require.NoError(t, syscall.Mkfifo(f.path("fifo"), 0o600))
	for name, want := range map[string]string{"fifo": "not a regular file", "gone": "no such file or directory", "esp": "is a directory"} {
		_, _, err := loader.OpenImages([]string{f.path("esp/a.img"), f.path(name)})
		assert.EqualError(t, err, f.path(name)+": "+want)
	}
}

// TestFlattenRefuses: what cannot be flattened can be joined, and the caller can tell.
func TestFlattenRefuses(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"text.img": "no archive"})
	members, closeAll, err := loader.OpenImages([]string{f.path("text.img")})
	require.NoError(t, err)
	_, _, err = loader.Flatten(t.Context(), f.Host, members, 0, nil)
	var cannot *initrd.FlatError
	require.ErrorAs(t, err, &cannot)
	require.NoError(t, closeAll())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	members, closeAll, err = loader.OpenImages([]string{f.path("esp/a.img")})
	require.NoError(t, err)
	_, _, err = loader.Flatten(ended, f.Host, members, 0, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, errors.As(err, &cannot))
	require.NoError(t, closeAll())
}

// TestFlatIsJoinedInstead: a load with an image that cannot be flattened is a load
// without that, and says so.
func TestFlatIsJoinedInstead(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/text.img": "no archive", "esp/loader/entries/two.conf": "linux /vmlinuz\ninitrd /text.img\n"})
	p := f.plan("two", loader.PlanOptions{Flat: true})
	require.NoError(t, p.Export(f.path("out")))
	require.NoError(t, p.Export(f.path("out")), "again")
	require.Len(t, p.Warnings(), 1)
	assert.Contains(t, p.Warnings()[0], "joined instead")
	b, err := os.ReadFile(f.path("out/initrd"))
	require.NoError(t, err)
	assert.Equal(t, "no archive", string(b))
}

// TestExportFails: what is there already stays whole.
func TestExportFails(t *testing.T) {
	f := newFake(t)
	p := f.plan("arch", loader.PlanOptions{})
	require.Error(t, p.Export(f.path("program")), "a file is no directory")
	require.NoError(t, p.Export(f.path("out")))
	for _, name := range []string{"linux", "initrd", "cmdline"} {
		blocked := f.path("blocked-" + name)
		require.NoError(t, os.MkdirAll(filepath.Join(blocked, name), 0o755))
		assert.ErrorContains(t, p.Export(blocked), name+": is a directory")
	}
	bare := f.path("blocked-bare")
	require.NoError(t, os.MkdirAll(filepath.Join(bare, "initrd/x"), 0o755))
	require.Error(t, f.plan("bare", loader.PlanOptions{}).Export(bare), "what is not an initrd of ours")

	before, err := os.ReadFile(f.path("out/initrd"))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(f.path("esp/b.img"), 10))
	require.ErrorContains(t, p.Export(f.path("out")), "b.img", "an image that became shorter")
	after, err := os.ReadFile(f.path("out/initrd"))
	require.NoError(t, err)
	assert.Equal(t, before, after)
	assert.Equal(t, []string{"cmdline", "initrd", "linux"}, f.left("out"), "nothing half done")
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	require.ErrorIs(t, loader.WriteFile(filepath.Join(dir, "new/file"), func(*os.File) error { return nil }), fs.ErrNotExist, "no directory is made")
	require.NoError(t, loader.WriteFile(name, func(f *os.File) error { _, err := f.WriteString("text"); return err }))
	broken := errors.New("broken")
	require.ErrorIs(t, loader.WriteFile(name, func(f *os.File) error { _, err := f.WriteString("half"); return errors.Join(err, broken) }), broken)
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "text", string(b))
	require.Error(t, loader.WriteFile(filepath.Join(name, "x"), func(*os.File) error { return nil }))
}

// TestPlanOfFiles names what it cannot open.
func TestPlanOfFiles(t *testing.T) {
	f := newFake(t)
	for _, names := range [][]string{{"gone"}, {"esp"}, {"esp/vmlinuz", "gone"}, {"esp/vmlinuz", "esp/a.img", "esp"}} {
		var paths []string
		for _, n := range names {
			paths = append(paths, f.path(n))
		}
		_, err := loader.NewFilePlan(t.Context(), f.Host, paths[0], paths[1:], loader.PlanOptions{})
		assert.ErrorContains(t, err, paths[len(paths)-1]+": ")
	}
	p, err := loader.NewFilePlan(t.Context(), f.Host, f.path("esp/vmlinuz"), []string{f.path("esp/a.img")}, loader.PlanOptions{Append: []string{"quiet"}})
	require.NoError(t, err)
	assert.Equal(t, "quiet", p.Cmdline())
	assert.Nil(t, p.Entry())
	assert.Nil(t, p.System())
	assert.Equal(t, f.path("esp/vmlinuz"), p.Name())
	require.NoError(t, p.Close())
}

// TestEarlyFirst moves microcode to where the kernel looks for it.
func TestEarlyFirst(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{
		"esp/ucode.img": archive("kernel/x86/microcode/GenuineIntel.bin"), "esp/loader/entries/two.conf": "linux /vmlinuz\ninitrd /b.img\ninitrd /ucode.img\n",
	})
	names := func(p *loader.Plan) (out []string) {
		for _, m := range p.Initrd() {
			out = append(out, filepath.Base(m.Name))
		}
		return out
	}
	late, early := f.plan("two", loader.PlanOptions{}), f.plan("two", loader.PlanOptions{EarlyFirst: true})
	assert.Equal(t, []string{"b.img", "ucode.img"}, names(late))
	assert.Equal(t, []string{"ucode.img", "b.img"}, names(early))
}

// TestFormatTheKernelLacks is found by the configuration of the kernel that boots
// next.
func TestFormatTheKernelLacks(t *testing.T) {
	f := newFake(t)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, archive("c"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	f.write(map[string]string{"esp/c.img": packed.String(), "esp/loader/entries/two.conf": "linux /vmlinuz\ninitrd /c.img\n"})
	// The first has no configuration, so the order counts.
	for _, row := range []struct {
		config string
		want   int
	}{{"", 0}, {"CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n", 0}, {"CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_XZ=y\n", 1}} {
		if row.config != "" {
			f.write(map[string]string{"boot/config-6.12.1": row.config})
		}
		var steps []string
		p := f.plan("two", loader.PlanOptions{Verify: initrd.VerifyAll, Progress: func(step string, done, total int64) {
			steps = append(steps, step)
			assert.LessOrEqual(t, done, total)
		}})
		assert.Len(t, p.Findings(), row.want, row.config)
		assert.NotEmpty(t, steps)
	}
}

// TestSecureBoot: an image is verified with the keys of the firmware; keys that
// cannot be read allow nothing.
func TestSecureBoot(t *testing.T) {
	f := newFake(t)
	image := fixtures.Program(fixtures.Text(".linux", kernelOf("6.12.1 (b@h) #1 SMP")), fixtures.Text(".osrel", "ID=x\nNAME=X\n"))
	a, err := pe.OpenAuthenticode(bytes.NewReader(image), int64(len(image)))
	require.NoError(t, err)
	sum := sha256.New()
	_, err = a.WriteTo(sum)
	require.NoError(t, err)
	const security, attributes = "-d719b2cb-3d3a-4596-a3bc-dad00e67656f", "\x07\x00\x00\x00"
	const bySHA256 = "c1c41626-504c-4092-aca9-41f936934328"
	secure := "efivars/SecureBoot-" + bli.GlobalVendor
	f.write(map[string]string{"esp/u.efi": string(image), "esp/loader/entries/u.conf": "uki /u.efi\n", secure: attributes + "\x01"})
	blocked := func() bool {
		found := f.plan("u.conf", loader.PlanOptions{}).Findings()
		for _, x := range found {
			assert.Equal(t, loader.FindingSecureBootImage, x.ID)
		}
		return len(found) > 0
	}
	assert.True(t, blocked(), "no key")
	f.write(map[string]string{"efivars/db" + security: attributes + string(fixtures.SignatureList(bySHA256, sum.Sum(nil)))})
	assert.False(t, blocked(), "its digest is allowed")
	f.write(map[string]string{"efivars/dbx" + security: attributes + "damaged"})
	assert.True(t, blocked(), "what is forbidden is not known")
	f.write(map[string]string{secure: attributes + "\x00"})
	assert.False(t, blocked(), "Secure Boot is off")
}

// TestReportMachine is a row of the table of machines, with what was found.
func TestReportMachine(t *testing.T) {
	f := newFake(t)
	f.load("arch.conf")
	f.write(map[string]string{"sys/class/dmi/id/sys_vendor": "Vendor\n", "sys/kernel/kexec_crash_size": "4096\n"})
	text := f.ReportMachine(loader.CheckOptions{})
	assert.Contains(t, text, `vendor = "Vendor"`)
	for _, found := range f.CheckLoaded(loader.CheckOptions{}) {
		assert.Contains(t, text, "# "+string(found.Severity)+" "+string(found.ID))
	}
	assert.Contains(t, text, "kdump-lost")
	assert.NotContains(t, text, bootID)
}

// TestEnableCannotBeRecorded: nothing is enabled that Disable would not find.
func TestEnableCannotBeRecorded(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"var/lib/kexec-bls": "a file"})
	require.Error(t, f.Enable(t.Context(), loader.PolicyOff))
	assert.Empty(t, f.acts)
	assert.NoFileExists(t, f.path(dropInFile))

	f = newFake(t)
	f.write(map[string]string{"var/lib/kexec-bls/every.json": "{"})
	require.Error(t, f.Enable(t.Context(), loader.PolicyOff))
	require.ErrorContains(t, f.Disable(t.Context()), "cannot determine which units were enabled")
	assert.Empty(t, f.acts)

	f = newFake(t)
	f.write(map[string]string{"etc/systemd": "a file"})
	f.expect(enabled("guard.service"), startGuard)
	require.Error(t, f.Enable(t.Context(), loader.PolicyOff))
	assert.Equal(t, []string{enabled("guard.service"), startGuard}, f.acts)
}

// TestDisableFails: wherever it stops, the next one goes on.
func TestDisableFails(t *testing.T) {
	for _, act := range []string{reloadUnits, disabled("guard.service")} {
		f := newFake(t)
		f.expect(enabled("guard.service"), startGuard, reloadUnits, disabled("guard.service"))
		require.NoError(t, f.Enable(t.Context(), loader.PolicyOff))
		f.done[act] = errors.New("refused")
		require.ErrorContains(t, f.Disable(t.Context()), "refused", act)
		assert.NoFileExists(t, f.path(dropInFile), "no reboot becomes a kexec any more")
		f.done[act] = nil
		require.NoError(t, f.Disable(t.Context()), act)
		assert.Equal(t, disabled("guard.service"), f.acts[len(f.acts)-1])
		assert.Empty(t, f.left("var/lib/kexec-bls"))
	}
	f := newFake(t)
	f.expect(enabled("guard.service"), startGuard, reloadUnits)
	require.NoError(t, f.Enable(t.Context(), loader.PolicyOff))
	f.write(map[string]string{dropInFile: "[Unit]\n"})
	f.acts = nil
	require.ErrorContains(t, f.Disable(t.Context()), "its content is not that of kexec-bls")
	assert.Empty(t, f.acts)
	policy, err := f.Enabled()
	require.NoError(t, err)
	assert.Empty(t, policy, "the file is somebody else's")
}

// TestEnabledWithoutRecord: the drop-in decides, whatever else is lost.
func TestEnabledWithoutRecord(t *testing.T) {
	f := newFake(t)
	f.expect(enabled("guard.service"), startGuard, reloadUnits)
	require.NoError(t, f.Enable(t.Context(), loader.PolicyReboot))
	require.NoError(t, os.Remove(f.path("var/lib/kexec-bls/every.json")))
	policy, err := f.Enabled()
	require.NoError(t, err)
	assert.Equal(t, loader.PolicyOff, policy)
}

// TestRebootWithoutRecords: whatever of the records cannot be written, either the
// reboot goes on, or everything is as it was.
func TestRebootWithoutRecords(t *testing.T) {
	for _, blocked := range []string{
		"run/kexec-bls", "run/kexec-bls/lock", "run/kexec-bls/loaded.json", "run/kexec-bls/loaded.json.pending", "run/kexec-bls/kexec-asked",
		"var/lib/kexec-bls", "var/lib/kexec-bls/boot.json", "var/lib/kexec-bls/next.json", "var/lib/kexec-bls/end.json", "var/lib/kexec-bls/try.json", "var/lib/kexec-bls/unlock.json",
	} {
		t.Run(blocked, func(t *testing.T) {
			f := newFake(t)
			f.expect(kexecOther)
			f.setVar("LoaderEntryOneShot", "other.conf")
			before := f.variable("LoaderEntryOneShot")
			if strings.HasSuffix(blocked, "kexec-bls") {
				f.write(map[string]string{blocked: "a file"})
			} else {
				f.write(map[string]string{blocked + "/x": ""})
			}
			err := f.reboot("", reboot.Options{})
			if err == nil {
				assert.True(t, f.there)
				assert.Equal(t, []string{"load", kexecOther}, f.acts)
				assert.Empty(t, f.variable("LoaderEntryOneShot"))
				return
			}
			assert.False(t, f.there)
			assert.NotContains(t, f.acts, kexecOther)
			assert.Equal(t, before, f.variable("LoaderEntryOneShot"))
		})
	}
}
