package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

func listed(t *testing.T, f *fake, esp string) map[string]report.Entry {
	t.Helper()
	got := f.run("list", "--json=short", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code, got.stderr)
	var list []report.Entry
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &list))
	byID := map[string]report.Entry{}
	for _, e := range list {
		byID[e.ID] = e
	}
	return byID
}

func TestListMissingInitrd(t *testing.T) {
	files := archFiles()
	delete(files, "a.img")
	f, esp := newFake(t, files)
	entries := listed(t, f, esp)
	assert.Equal(t, []string{"/a.img"}, entries["arch.conf"].Missing)
	assert.Nil(t, entries["other.conf"].Missing)
	assert.Contains(t, f.run("list", "--esp-path="+esp).stdout, "default, initrd missing: /a.img\n")
}

// The release of a unified kernel image is the only version that says what runs.
func TestListReleaseOfImage(t *testing.T) {
	uki := func(uname, osrel string) string {
		return string(fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".osrel", osrel), fixtures.Text(".uname", uname), fixtures.Text(".linux", "k")}}.Bytes())
	}
	f, esp := newFake(t, map[string]string{
		"EFI/Linux/fedora.efi": uki("6.15.3-200.fc42", "ID=fedora\nPRETTY_NAME=Fedora\nVERSION_ID=42\n"),
		"EFI/Linux/arch.efi":   uki("6.16.1-arch1-1", "ID=arch\nPRETTY_NAME=Arch\n"),
		"EFI/Linux/none.efi":   uki("", "ID=x\nPRETTY_NAME=None\nVERSION_ID=7\n"),
	})
	out := f.run("list", "--esp-path="+esp).stdout
	assert.Regexp(t, `Fedora +6\.15\.3-200\.fc42 `, out)
	assert.Regexp(t, `Arch +6\.16\.1-arch1-1  `, out)
	assert.Regexp(t, `None +7  `, out)
}

func TestListShowsWhatIsLoaded(t *testing.T) {
	f, esp := newFake(t, archFiles())
	require.Equal(t, exitDone, f.run("load", "other.conf", "--esp-path="+esp).code)
	entries := listed(t, f, esp)
	assert.EqualValues(t, "fresh", entries["other.conf"].Loaded)
	assert.Empty(t, entries["arch.conf"].Loaded)
	assert.Regexp(t, `(?m)other.conf .* loaded$`, f.run("list", "--esp-path="+esp).stdout)

	require.NoError(t, os.Chtimes(filepath.Join(esp, "b.img"), time.Unix(1, 0), time.Unix(1, 0)))
	write(t, esp, map[string]string{"b.img": archive("changed")})
	assert.EqualValues(t, "stale", listed(t, f, esp)["other.conf"].Loaded)
	assert.Regexp(t, `(?m)other.conf .* loaded, stale$`, f.run("list", "--esp-path="+esp).stdout)

	require.NoError(t, os.RemoveAll(f.machine.RunDir))
	out := f.run("list", "--esp-path="+esp).stdout
	assert.Contains(t, out, "\nloaded: a kernel that kexec-bls did not load\n")
	f.isThere = false
	assert.NotContains(t, f.run("list", "--esp-path="+esp).stdout, "loaded")
}

func TestListShowsTheLastResult(t *testing.T) {
	f, esp := newFake(t, archFiles())
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	image := &state.Receipt{Entry: "other.conf"}
	require.NoError(t, f.history().SaveBoot(state.Boot{BootID: f.machine.Host.BootID(), Missed: &state.MissedKexec{Requested: at, Image: image}}))
	require.NoError(t, f.history().SaveTrial(state.Trial{BootID: "x", Entry: "arch.conf", Outcome: state.TrialPanicked, Started: at, Settled: true}))
	entries := listed(t, f, esp)
	assert.Equal(t, &report.Result{Outcome: "missed", Time: at}, entries["other.conf"].LastResult)
	assert.Equal(t, &report.Result{Outcome: "panicked", Time: at}, entries["arch.conf"].LastResult)
	out := f.run("list", "--esp-path="+esp).stdout
	assert.Regexp(t, `arch.conf .* default, trial panicked, 2026-11-01`, out)
	assert.Regexp(t, `other.conf .* the last kexec did not come up, 2026-11-01`, out)
}
