package loader_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader"
)

func (f *fake) status(opt loader.StatusOptions) loader.Loaded {
	f.t.Helper()
	l, err := f.Status(f.t.Context(), f.open(), opt)
	require.NoError(f.t, err)
	return l
}

func TestStatus(t *testing.T) {
	f := newFake(t)
	assert.Equal(t, loader.Loaded{State: loader.None}, f.status(loader.StatusOptions{}))
	r := f.load("")
	l := f.status(loader.StatusOptions{Verify: true})
	assert.Equal(t, loader.Fresh, l.State, l.Reasons)
	assert.Equal(t, r.Entry, l.Receipt.Entry)
	l, err := f.Status(t.Context(), nil, loader.StatusOptions{})
	require.NoError(t, err)
	assert.Equal(t, loader.Fresh, l.State, "without a boot partition")

	f.write(map[string]string{"run/kexec-bls/loaded.json.pending": "{}"})
	l = f.status(loader.StatusOptions{})
	assert.Equal(t, loader.Foreign, l.State)
	assert.Contains(t, l.Reasons.String(), "a load was interrupted")
	require.NoError(t, os.Remove(f.path("run/kexec-bls/loaded.json.pending")))

	f.write(map[string]string{"proc/sys/kernel/random/boot_id": "another\n"})
	assert.Equal(t, loader.Loaded{State: loader.Foreign}, f.status(loader.StatusOptions{}), "a receipt of another boot")
	f.write(map[string]string{"proc/sys/kernel/random/boot_id": bootID + "\n", "run/kexec-bls/loaded.json": "{"})
	_, err = f.Status(t.Context(), nil, loader.StatusOptions{})
	require.ErrorContains(t, err, "loaded.json: unexpected EOF")
	f.there = false
	assert.Equal(t, loader.None, f.status(loader.StatusOptions{}).State, "whatever the receipt says")
}

// TestStatusWithoutPermission: who may not read the receipt is told to be root.
func TestStatusWithoutPermission(t *testing.T) {
	f := newFake(t)
	f.load("")
	require.NoError(t, os.Chmod(f.path("run/kexec-bls/loaded.json"), 0))
	fixtures.AsNobody(t, func() {
		_, err := f.Status(t.Context(), nil, loader.StatusOptions{})
		require.ErrorIs(t, err, fs.ErrPermission)
		assert.Equal(t, "run as root", hint.Of(err))
	})
}

func TestStale(t *testing.T) {
	for name, v := range map[string]struct {
		entry  string
		change func(*fake)
		want   string // "" is fresh
	}{
		"nothing":             {"", func(*fake) {}, ""},
		"a file":              {"", func(f *fake) { f.write(map[string]string{"esp/b.img": "longer" + archive("b")}) }, "esp/b.img has "},
		"only the time":       {"", func(f *fake) { f.write(map[string]string{"esp/b.img": archive("b")}) }, ""},
		"only the content":    {"", func(f *fake) { f.write(map[string]string{"esp/b.img": archive("c")}) }, "esp/b.img has other content"},
		"a file that is gone": {"", func(f *fake) { assert.NoError(f.t, os.Remove(f.path("esp/vmlinuz"))) }, "esp/vmlinuz is gone"},
		"the entry": {
			"", func(f *fake) {
				f.write(map[string]string{"esp/loader/entries/arch.conf": "linux /vmlinuz\noptions a\n"})
			},
			"esp/loader/entries/arch.conf has ",
		},
		"the entry's counter": {
			"", func(f *fake) {
				assert.NoError(f.t, os.Rename(f.path("esp/loader/entries/arch.conf"), f.path("esp/loader/entries/arch+2-1.conf")))
			}, "",
		},
		"the default":            {"", func(f *fake) { f.write(map[string]string{"esp/loader/loader.conf": "default other*\n"}) }, "the boot loader would boot other.conf now"},
		"the default, but named": {"arch", func(f *fake) { f.write(map[string]string{"esp/loader/loader.conf": "default other*\n"}) }, ""},
		"no default any more": {
			"arch", func(f *fake) { f.setVar("LoaderEntryDefault", "gone.conf") }, "",
		},
		"the modules": {"", func(f *fake) { assert.NoError(f.t, os.RemoveAll(f.path("usr/lib/modules/6.12.1"))) }, "the modules of kernel 6.12.1 are gone"},
		"all modules": {"", func(f *fake) { assert.NoError(f.t, os.RemoveAll(f.path("usr/lib/modules"))) }, ""},
		"a companion": {"uki", func(f *fake) { f.write(map[string]string{"esp/EFI/Linux/uki.efi.extra.d/new.cred": "x"}) }, "new.cred is new"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.write(map[string]string{
				"esp/EFI/Linux/uki.efi":                    uki("root=/dev/uki"),
				"esp/EFI/Linux/uki.efi.extra.d/known.cred": "x",
			})
			f.load(v.entry)
			v.change(f)
			l := f.status(loader.StatusOptions{})
			assert.Contains(t, l.Reasons.String(), v.want)
			assert.Equal(t, v.want != "", len(l.Reasons) > 0, l.Reasons)
			assert.Equal(t, map[bool]loader.State{true: loader.Stale, false: loader.Fresh}[v.want != ""], l.State)
		})
	}
}

// TestOneShotIsLikeNamed: it is consumed by the reboot, so that the default is
// another one afterwards.
func TestOneShotIsLikeNamed(t *testing.T) {
	f := newFake(t)
	f.setVar("LoaderEntryOneShot", "other.conf")
	r := f.load("")
	assert.EqualValues(t, "other.conf", r.Entry)
	assert.True(t, r.Named)
	require.NoError(t, os.RemoveAll(f.path("efivars")))
	assert.Equal(t, loader.Fresh, f.status(loader.StatusOptions{}).State)
}

// TestVerify reads what has the same size and time.
func TestVerify(t *testing.T) {
	f := newFake(t)
	f.load("")
	info, err := os.Stat(f.path("esp/b.img"))
	require.NoError(t, err)
	f.write(map[string]string{"esp/b.img": archive("c")})
	require.NoError(t, os.Chtimes(f.path("esp/b.img"), info.ModTime(), info.ModTime()))
	assert.Equal(t, loader.Fresh, f.status(loader.StatusOptions{}).State)
	assert.Equal(t, loader.Stale, f.status(loader.StatusOptions{Verify: true}).State)
}

// TestReceiptOfVersion1 is one as the released version 1 wrote it.
func TestReceiptOfVersion1(t *testing.T) {
	f := newFake(t)
	f.load("other")
	b, err := os.ReadFile(f.path("run/kexec-bls/loaded.json"))
	require.NoError(t, err)
	var now struct {
		Files, EntryFile, Time json.RawMessage
	}
	require.NoError(t, json.Unmarshal(b, &now))
	f.write(map[string]string{"run/kexec-bls/loaded.json": `{
	"schema": 1,
	"bootId": "` + bootID + `",
	"entry": "other.conf",
	"title": "Other",
	"release": "6.12.1",
	"named": true,
	"volumes": [
		{
			"source": "esp",
			"dir": "` + f.path("esp") + `"
		}
	],
	"files": ` + string(now.Files) + `,
	"entryFile": ` + string(now.EntryFile) + `,
	"cmdline": "other",
	"args": [
		"--append=a b",
		"--esp-path=/efi"
	],
	"time": ` + string(now.Time) + `
}
`})
	l := f.status(loader.StatusOptions{Verify: true})
	assert.Equal(t, loader.Fresh, l.State, l.Reasons)
	assert.Equal(t, &loader.Request{Entry: "other.conf", Append: []loader.Text{"a b"}, ESP: "/efi"}, l.Receipt.Request)
	assert.True(t, l.Receipt.Named)
	assert.Equal(t, "other.conf", f.LoadedName())
}

func TestPartitionElsewhere(t *testing.T) {
	f := newFake(t)
	r := f.load("")
	r.Volumes[0].Device = "/dev/vda1"
	b, err := json.Marshal(r)
	require.NoError(t, err)
	f.write(map[string]string{"run/kexec-bls/loaded.json": string(b)})
	require.NoError(t, os.Rename(f.path("esp"), f.path("moved")))
	f.link("moved", "elsewhere")
	moved, err := entries.Open(t.Context(), entries.Options{ESP: f.path("elsewhere"), Host: f.Host, Vars: f.Vars, Getenv: func(string) string { return "" }})
	require.NoError(t, err)
	defer moved.Close()
	moved.Volumes()[0].Device = "/dev/vda1"
	l, err := f.Status(t.Context(), moved, loader.StatusOptions{})
	require.NoError(t, err)
	assert.Equal(t, loader.Fresh, l.State, l.Reasons)
}

// uki is a unified kernel image with a plain kernel and an initrd.
func uki(cmdline string) string {
	return string(fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".linux", kernelOf("6.12.1 (b@h) #1 SMP")), fixtures.Text(".initrd", archive("u")),
		fixtures.Text(".cmdline", cmdline), fixtures.Text(".uname", "6.12.1"), fixtures.Text(".osrel", "ID=test\nNAME=Test\nVERSION_ID=1\n"),
	}}.Bytes())
}
