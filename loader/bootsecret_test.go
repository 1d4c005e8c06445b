package loader_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader"
)

const bootSecret = "0123456789abcdef-boot-secret"

// secretPlan plans a unified kernel image on a partition with this UUID, on a
// machine that systemd-stub started from another image of the system.
func (f *fake) secretPlan(uuid string, opt loader.PlanOptions) *loader.Plan {
	f.t.Helper()
	f.write(map[string]string{
		"esp/EFI/Linux/u.efi": string(fixtures.PE{Sections: []fixtures.Section{
			fixtures.Text(".osrel", "ID=debian\nIMAGE_ID=box\nNAME=U\n"), fixtures.Text(".cmdline", "quiet"),
			fixtures.Text(".linux", kernelOf("6.12.1 (b@h) #1 SMP")), fixtures.Text(".initrd", archive("a")),
		}}.Bytes()),
	})
	sys := f.open()
	e, err := sys.Pick("u.efi")
	require.NoError(f.t, err)
	e.Volume.PartUUID = uuid
	p, err := loader.NewPlan(f.t.Context(), sys, e, opt)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, p.Close()) })
	return p
}

func (f *fake) stubStarted() {
	f.setVar(bli.StubDevicePartUUID, "AAAA-1")
	f.write(map[string]string{"run/systemd/stub/os-release": "ID=debian\nIMAGE_ID=box\n", "run/systemd/stub/boot-secret": bootSecret})
}

func TestBootSecretIsPassedOn(t *testing.T) {
	f := newFake(t)
	f.stubStarted()
	p := f.secretPlan("aaaa-1", loader.PlanOptions{})
	r, err := f.Load(t.Context(), p, loader.LoadOptions{})
	require.NoError(t, err)
	assert.Contains(t, f.initrd, ".extra/boot-secret\x00")
	assert.Contains(t, f.initrd, bootSecret)
	names := []string{}
	for _, m := range p.Initrd() {
		names = append(names, m.Name)
	}
	assert.Contains(t, names[len(names)-1], "generated: /.extra/boot-secret")
	require.Len(t, r.Files, 1, "nobody records a hash of it")
}

// TestBootSecretOfAnother: a secret is that of one partition and one system.
func TestBootSecretOfAnother(t *testing.T) {
	for name, c := range map[string]struct {
		uuid  string
		files map[string]string
		gone  string
	}{
		"another partition":  {uuid: "bbbb-2"},
		"unknown partition":  {uuid: ""},
		"no variable":        {uuid: "aaaa-1", gone: "efivars/" + bli.StubDevicePartUUID + "-" + bli.LoaderVendor},
		"empty variable":     {uuid: "", files: map[string]string{"efivars/" + bli.StubDevicePartUUID + "-" + bli.LoaderVendor: wide("")}},
		"another system":     {uuid: "aaaa-1", files: map[string]string{"run/systemd/stub/os-release": "ID=fedora\n"}},
		"another image":      {uuid: "aaaa-1", files: map[string]string{"run/systemd/stub/os-release": "ID=debian\nIMAGE_ID=other\n"}},
		"no name":            {uuid: "aaaa-1", files: map[string]string{"run/systemd/stub/os-release": "BUILD_ID=1\n"}},
		"another start":      {uuid: "aaaa-1", gone: "run/systemd/stub/os-release"},
		"systemd before 261": {uuid: "aaaa-1", gone: "run/systemd/stub/boot-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.stubStarted()
			f.write(c.files)
			if c.gone != "" {
				require.NoError(t, os.Remove(f.path(c.gone)))
			}
			p := f.secretPlan(c.uuid, loader.PlanOptions{})
			_, err := f.Load(t.Context(), p, loader.LoadOptions{})
			require.NoError(t, err)
			assert.NotContains(t, f.initrd, "boot-secret")
			assert.Empty(t, p.Warnings())
		})
	}
}

// TestBootSecretUnread: a boot without it is better than none.
func TestBootSecretUnread(t *testing.T) {
	f := newFake(t)
	f.stubStarted()
	require.NoError(t, os.Remove(f.path("run/systemd/stub/boot-secret")))
	require.NoError(t, os.Mkdir(f.path("run/systemd/stub/boot-secret"), 0o755))
	p := f.secretPlan("aaaa-1", loader.PlanOptions{})
	require.Len(t, p.Warnings(), 1)
	assert.Contains(t, p.Warnings()[0], "the boot secret is not passed on: ")
}

func TestBootSecretExport(t *testing.T) {
	for name, opt := range map[string]loader.PlanOptions{
		"plain": {}, "flat": {Flat: true}, "secrets": {Secrets: true}, "flat secrets": {Flat: true, Secrets: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.stubStarted()
			p := f.secretPlan("aaaa-1", opt)
			require.NoError(t, p.Export(f.path("out")))
			b, err := os.ReadFile(f.path("out/initrd"))
			require.NoError(t, err)
			if opt.Secrets {
				assert.Contains(t, string(b), bootSecret)
			} else {
				assert.NotContains(t, string(b), bootSecret)
			}
			assert.Contains(t, string(b), "content of a")

			_, err = f.Load(t.Context(), p, loader.LoadOptions{})
			require.NoError(t, err)
			assert.Contains(t, f.initrd, bootSecret, "an export changes no load")
		})
	}
}
