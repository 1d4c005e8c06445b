package main

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// reasons loads an entry, changes something and returns why status calls the
// image stale.
func reasons(t *testing.T, files map[string]string, entry string, change func(esp string)) string {
	t.Helper()
	f, esp := newFake(t, files)
	got := f.run("load", entry, "--esp-path="+esp)
	require.Equal(t, exitDone, got.code, got.stderr)
	require.Equal(t, exitDone, f.run("status", "--verify", "--esp-path="+esp).code)
	change(esp)
	got = f.run("status", "--json=short", "--esp-path="+esp)
	var r report.Status
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &r), got.stderr)
	assert.Equal(t, len(r.Reasons) > 0, got.code == exitStale, "exit code %d", got.code)
	return strings.ReplaceAll(r.Reasons.String(), esp, "")
}

// TestStatusOfAnUnmountedPartition: its paths lead nowhere, its files are
// there.
func TestStatusOfAnUnmountedPartition(t *testing.T) {
	for name, dirs := range map[string][2]string{
		"never mounted": {"/dev/vda1:", "/dev/vda1:"}, "mounted later": {"/dev/vda1:", ""}, "mounted before": {"", "/dev/vda1:"}, "mounted": {"", ""},
	} {
		f, place := newFake(t, archFiles())
		dir := dirs[0]
		f.placeAt(func(v *esp.Volume) { v.Dir, v.Device = cmp.Or(dir, v.Dir), "/dev/vda1" })
		require.Equal(t, exitDone, f.run("load", "--esp-path="+place).code, name)
		dir = dirs[1]
		got := f.run("status", "--verify", "--esp-path="+place)
		assert.Equal(t, exitDone, got.code, "%s: %s", name, got.stdout)
		write(t, place, map[string]string{"b.img": archive("another")})
		got = f.run("status", "--esp-path="+place)
		assert.Equal(t, exitStale, got.code, name)
		assert.Contains(t, got.stdout, "/b.img has 264 bytes, had 248", name)
		require.NoError(t, os.Remove(filepath.Join(place, "b.img")))
		assert.Contains(t, f.run("status", "--esp-path="+place).stdout, "/b.img is gone", name)
	}
}

func TestStale(t *testing.T) {
	rename := func(from, to string) func(string) {
		return func(esp string) {
			require.NoError(t, os.Rename(filepath.Join(esp, from), filepath.Join(esp, to)))
		}
	}
	add := func(name, text string) func(string) {
		return func(esp string) { write(t, esp, map[string]string{name: text}) }
	}
	counted := archFiles()
	counted["loader/entries/new+3.conf"] = otherConf
	for name, v := range map[string]struct {
		entry  string
		change func(esp string)
		want   string
	}{
		"nothing":                   {"other", func(string) {}, ""},
		"an option added":           {"other", add("loader/entries/other.conf", otherConf+"options more\n"), "/loader/entries/other.conf has 68 bytes, had 55"},
		"entry removed":             {"other", rename("loader/entries/other.conf", "x"), "/loader/entries/other.conf is gone"},
		"another entry changed":     {"other", add("loader/entries/arch.conf", otherConf), ""},
		"marked good":               {"new", rename("loader/entries/new+3.conf", "loader/entries/new.conf"), ""},
		"initrd changed":            {"other", add("b.img", "x"), "/b.img has 1 bytes, had 248"},
		"credential, no UKI loaded": {"other", add("loader/credentials/x.cred", ""), ""},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, v.want, reasons(t, counted, v.entry, v.change)) })
	}
	image := string(fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".osrel", "ID=test\nNAME=Test\nVERSION_ID=1\n"), fixtures.Text(".cmdline", "own"),
		{Name: ".linux", Data: fixtures.BzImage{Version: "6.12.1 (test)"}.Bytes()},
	}}.Bytes())
	unified := map[string]string{"EFI/Linux/u.efi": image, "loader/credentials/a.cred": "a"}
	for file, want := range map[string]string{
		"loader/credentials/x.cred":               "/loader/credentials/x.cred is new",
		"loader/addons/x.addon.efi":               "/loader/addons/x.addon.efi is new",
		"EFI/Linux/u.efi.extra.d/x.confext.raw":   "/EFI/Linux/u.efi.extra.d/x.confext.raw is new",
		"EFI/Linux/u.efi.extra.d/readme.txt":      "",
		"EFI/Linux/other.efi.extra.d/x.addon.efi": "",
	} {
		assert.Equal(t, want, reasons(t, unified, "u.efi", add(file, "")))
	}
	assert.Equal(t, "/loader/credentials/a.cred is gone", reasons(t, unified, "u.efi", rename("loader/credentials/a.cred", "a.cred")))
}
