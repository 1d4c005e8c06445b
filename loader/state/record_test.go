package state_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// A record is one file of a history and its three functions.
type record struct {
	file string
	want any
	save func(state.History) error
	read func(state.History) (any, error)
	drop func(state.History) error
}

func records() map[string]record {
	every := state.Every{Schema: 1, Policy: state.PolicyUpgrade, Units: []string{"a.service"}}
	unlock := state.Unlock{Schema: 1, BootID: "one", Mark: []byte{0, 0xff}, Volumes: []state.UnlockedVolume{{Name: "root", Device: "/dev/vda2", Policy: []byte{1}}}}
	shutdown := state.ShutdownRecord{Schema: 1, BootID: "one", Kind: "kexec", Requested: noon, OneShot: &state.KeptVariable{Name: "LoaderEntryOneShot", Attributes: 7, Data: []byte("a\x00")}}
	return map[string]record{
		"every": {"every.json", every, func(h state.History) error { return h.SaveEvery(every) },
			func(h state.History) (any, error) { return h.Every() }, state.History.DropEvery},
		"unlock": {"unlock.json", unlock, func(h state.History) error { return h.SaveUnlock(unlock) },
			func(h state.History) (any, error) { return h.Unlock() }, state.History.DropUnlock},
		"shutdown": {"end.json", shutdown, func(h state.History) error { return h.SaveShutdown(shutdown) },
			func(h state.History) (any, error) { return h.Shutdown() }, state.History.DropShutdown},
	}
}

func TestRecords(t *testing.T) {
	for name, r := range records() {
		t.Run(name, func(t *testing.T) {
			h := kept(t)
			none, err := r.read(h)
			require.NoError(t, err)
			assert.Zero(t, none)
			require.NoError(t, r.drop(h), "there is none")

			require.NoError(t, r.save(h))
			require.NoError(t, r.save(h), "over the one before")
			got, err := r.read(h)
			require.NoError(t, err)
			assert.Equal(t, r.want, got)
			info, err := os.Stat(filepath.Join(h.Dir, r.file))
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode())

			require.NoError(t, r.drop(h))
			assert.Empty(t, names(t, h.Dir))
		})
	}
}

// TestRecordCutAnywhere: half a record is an error, and nothing of it is believed.
func TestRecordCutAnywhere(t *testing.T) {
	for name, r := range records() {
		h := kept(t)
		require.NoError(t, r.save(h))
		path := filepath.Join(h.Dir, r.file)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		for n := range len(whole) - len("}\n") + 1 {
			require.NoError(t, os.WriteFile(path, whole[:n], 0o600))
			got, err := r.read(h)
			require.ErrorContains(t, err, r.file, "%s of %d bytes", name, n)
			require.Zero(t, got, "%s of %d bytes", name, n)
		}
	}
}

// TestRecordsCannotBeWritten: whoever asked hears of it, and no file is left half
// done.
func TestRecordsCannotBeWritten(t *testing.T) {
	for name, r := range records() {
		dir := t.TempDir()
		file := filepath.Join(dir, "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		for _, h := range []state.History{{Dir: filepath.Join(file, "kexec-bls")}, {Dir: file}} {
			require.ErrorIs(t, r.save(h), unix.ENOTDIR, name)
			got, err := r.read(h)
			require.NoError(t, err, "there is nothing to read")
			assert.Zero(t, got)
			require.NoError(t, r.drop(h))
		}
		h := state.History{Dir: filepath.Join(dir, "lib")}
		require.NoError(t, os.MkdirAll(filepath.Join(h.Dir, r.file, "x"), 0o700))
		require.ErrorContains(t, r.save(h), r.file)
		require.ErrorContains(t, r.drop(h), r.file)
		assert.Equal(t, []string{r.file}, names(t, h.Dir), "no half-written file")
	}
	far := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // JSON has no such year
	h := kept(t)
	require.Error(t, h.SaveShutdown(state.ShutdownRecord{Requested: far}))
	assert.Empty(t, names(t, h.Dir))
}

// TestSettleThatCannotBeWritten still knows what was read.
func TestSettleThatCannotBeWritten(t *testing.T) {
	h := kept(t)
	require.NoError(t, h.SaveNext(loadedBefore()))
	require.NoError(t, h.SaveShutdown(end()))
	require.NoError(t, os.MkdirAll(filepath.Join(h.Dir, "boot.json", "x"), 0o700))
	b, err := h.Settle(second())
	require.ErrorContains(t, err, "boot.json")
	require.NotNil(t, b.Image)
	assert.EqualValues(t, "arch.conf", b.Image.Entry)
	assert.FileExists(t, filepath.Join(h.Dir, "next.json"), "it is needed again")
}

// TestOldReceipt: what version 1 loaded is loaded again as it was asked for.
func TestOldReceipt(t *testing.T) {
	line, empty := raw.String("a=b c"), raw.String("")
	for name, tt := range map[string]struct {
		json string
		want *state.Request
	}{
		"all": {`{"schema":1,"entry":"a.conf","args":["--esp-path=/efi","--boot-path=/boot","--config=/c.toml","--append=quiet","--append=x=y=z",
			"--remove=splash","--remove=a","--command-line=a=b c","--reuse-cmdline=true","--early-first=true","--flat=true","--verify=true",
			"--syscall=classic","--ignore=lz4-frame,tpm2","--ignore=all"]}`, &state.Request{
			Entry: "a.conf", ESP: "/efi", Boot: "/boot", Config: "/c.toml", Append: []raw.String{"quiet", "x=y=z"}, Remove: []raw.String{"splash", "a"},
			Replace: &line, Reuse: true, EarlyFirst: true, Flat: true, Verify: true, Syscall: "classic", Ignore: []finding.ID{"lz4-frame", "tpm2", "all"},
		}},
		"switched off":    {`{"schema":1,"entry":"a.conf","args":["--flat=false","--verify=false","--reuse-cmdline=false","--early-first=false"]}`, &state.Request{Entry: "a.conf"}},
		"empty line":      {`{"schema":1,"entry":"a.conf","args":["--command-line="]}`, &state.Request{Entry: "a.conf", Replace: &empty}},
		"unknown":         {`{"schema":1,"entry":"a.conf","args":["--menu=true","flat","--","","--unknown"]}`, &state.Request{Entry: "a.conf"}},
		"no arguments":    {`{"schema":1,"entry":"a.conf"}`, &state.Request{Entry: "a.conf"}},
		"files by name":   {`{"schema":1,"args":["--append=quiet"]}`, nil},
		"today's":         {`{"schema":2,"entry":"a.conf","args":["--flat=true"]}`, nil},
		"today's request": {`{"schema":1,"entry":"a.conf","request":{"name":"b"},"args":["--flat=true"]}`, &state.Request{Entry: "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "loaded.json"), []byte(tt.json), 0o600))
			r, err := state.ReadReceipt(dir)
			require.NoError(t, err)
			assert.Equal(t, tt.want, r.Request)
		})
	}
}

// TestReceiptOfAnySize: one that grew beyond what is read is not believed.
func TestReceiptOfAnySize(t *testing.T) {
	dir := t.TempDir()
	r := state.Receipt{Schema: 2, Cmdline: raw.String(strings.Repeat("x", 1<<20))}
	require.NoError(t, r.WritePending(dir))
	require.NoError(t, r.Commit(dir))
	_, err := state.ReadReceipt(dir)
	require.ErrorContains(t, err, "loaded.json")
}

// TestPendingThatCannotBeWritten: nothing may be loaded then, and the receipt of
// what is loaded stays.
func TestPendingThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	first := state.Receipt{Entry: "first"}
	require.NoError(t, first.WritePending(dir))
	require.NoError(t, first.Commit(dir))
	far := state.Receipt{Entry: "second", Time: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}
	require.Error(t, far.WritePending(dir))
	require.Error(t, state.Receipt{}.WritePending(filepath.Join(dir, "absent")))
	got, err := state.ReadReceipt(dir)
	require.NoError(t, err)
	assert.EqualValues(t, "first", got.Entry)

	blocked := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(blocked, "loaded.json", "x"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(blocked, "loaded.json.pending"), nil, 0o600))
	require.ErrorContains(t, first.WritePending(blocked), "loaded.json", "a receipt that may be wrong cannot be removed")
	require.Error(t, state.RemoveReceipt(blocked))
}

func TestNames(t *testing.T) {
	files := []stamp.File{{Path: "/boot/vmlinuz"}, {Path: "/boot/initrd"}}
	assert.Equal(t, "a.conf", state.Receipt{Entry: "a.conf", Files: files}.Name())
	assert.Equal(t, "/boot/vmlinuz", state.Receipt{Files: files}.Name())
	assert.Empty(t, state.Receipt{}.Name())

	assert.Nil(t, state.Boot{}.Entry(), "no kexec is recorded")
	for _, want := range []string{"", "a.conf"} {
		got := state.Boot{Image: &state.Receipt{Entry: raw.String(want)}}.Entry()
		require.NotNil(t, got)
		assert.Equal(t, want, *got)
	}
}

// TestOneShotSettings: what the boot loader takes away is restored in another way
// than what stays.
func TestOneShotSettings(t *testing.T) {
	for c, want := range map[*state.SettingChange]bool{
		{Name: "LoaderEntryOneShot"}:                                 true,
		{Name: "LoaderEntryDefault"}:                                 false,
		{Name: "next_entry"}:                                         false,
		{Name: "next_entry", Block: "/boot/grub2/grubenv"}:           true,
		{Name: "saved_entry", Block: "/boot/grub2/grubenv"}:          false,
		{Name: "LoaderEntryOneShot", Block: "/boot/grub2/grubenv"}:   false,
		{Name: "LoaderEntryOneShot", Before: []byte{1}, During: nil}: true,
	} {
		assert.Equal(t, want, c.OneShot(), "%+v", c)
	}
}
