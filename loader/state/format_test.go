package state_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// A format is a record, every field set, and the same as a file has it. Another
// version, before or after this one, reads the file: no key may change.
type format struct {
	value any // a pointer
	text  string
}

const fileJSON = `{"path":"/boot/v","size":7,"mtime":"2026-11-23T12:00:00Z","sha256":"ab"}`

func formats() map[string]format {
	line := raw.String(`\x`)
	file := stamp.File{Path: "/boot/v", Size: 7, MTime: noon, SHA256: "ab"}
	return map[string]format{
		"request": {&state.Request{
			Entry: "a.conf", ESP: "/efi", Boot: "/boot", Config: "/c", Append: []raw.String{"b"}, Remove: []raw.String{"c"}, Replace: &line,
			Reuse: true, Edited: true, EarlyFirst: true, Flat: true, Verify: true, NoVerify: true, Syscall: "file", NoCMA: true, Ignore: []finding.ID{"memory"},
		}, `{"name":"a.conf","esp":"/efi","boot":"/boot","config":"/c","append":["b"],"remove":["c"],"replace":"\\5c78","reuse":true,"edited":true,
			"earlyFirst":true,"flat":true,"verify":true,"noVerify":true,"syscall":"file","noCma":true,"ignore":["memory"]}`},
		"receipt": {&state.Receipt{
			Schema: 2, BootID: "one", Entry: "a\xff", Title: "A", Version: "1", Release: "6.12.1", Named: true,
			Volumes: []state.Volume{{Source: "esp", Dir: "/efi", Device: "/dev/vda1", PartUUID: "u"}}, Files: []stamp.File{file}, EntryFile: &file,
			Folders: []stamp.Folder{{Path: "/d", Files: []raw.String{"n"}}}, Cmdline: "x", Request: &state.Request{}, Verified: true, Time: noon,
		}, `{"schema":2,"bootId":"one","entry":"\\61ff","title":"A","version":"1","release":"6.12.1","named":true,
			"volumes":[{"source":"esp","dir":"/efi","device":"/dev/vda1","partUuid":"u"}],"files":[` + fileJSON + `],"entryFile":` + fileJSON + `,
			"folders":[{"path":"/d","files":["n"]}],"cmdline":"x","request":{},"verified":true,"time":"2026-11-23T12:00:00Z"}`},
		"boot": {&state.Boot{
			Schema: 1, BootID: "two", Kexeced: true, Image: &state.Receipt{Time: noon}, Requested: noon, Reached: noon.Add(time.Second),
			Firmware: &state.RebootDuration{Requested: noon, Seconds: 61.5}, Kexec: &state.RebootDuration{Requested: noon, Seconds: 4}, Missed: &state.MissedKexec{Requested: noon},
		}, `{"schema":1,"bootId":"two","kexeced":true,"image":{"schema":0,"bootId":"","named":false,"files":null,"cmdline":"","time":"2026-11-23T12:00:00Z"},
			"requested":"2026-11-23T12:00:00Z","reached":"2026-11-23T12:00:01Z","firmware":{"requested":"2026-11-23T12:00:00Z","seconds":61.5},
			"kexec":{"requested":"2026-11-23T12:00:00Z","seconds":4},"missed":{"requested":"2026-11-23T12:00:00Z"}}`},
		"shutdown": {&state.ShutdownRecord{
			Schema: 1, BootID: "one", Kind: "kexec", Requested: noon, OneShot: &state.KeptVariable{Name: "LoaderEntryOneShot", Attributes: 7, Data: []byte{1}},
		}, `{"schema":1,"bootId":"one","kind":"kexec","requested":"2026-11-23T12:00:00Z","oneShot":{"name":"LoaderEntryOneShot","attributes":7,"data":"AQ=="}}`},
		"every": {&state.Every{Schema: 1, Policy: state.PolicyBoot, Units: []string{"a.service"}}, `{"schema":1,"policy":"boot","units":["a.service"]}`},
		"trial": {&state.Trial{
			Schema: 1, BootID: "one", Entry: "a", Fallback: "b", Started: noon, Limit: 180, Watchdog: "watchdog0", Driver: "i6300esb", Timeout: 60,
			RuntimeWatchdog: 5, Promote: true, Files: []stamp.File{file}, Volumes: []state.Volume{{Source: "esp", Dir: "/efi"}}, Cmdline: "x",
			Changes: []state.SettingChange{{Name: "next_entry", Block: "/env", Attributes: 7, During: []byte{}}}, Outcome: state.TrialHung, Reason: "r", Ended: noon,
			LastWords: "w", Seen: "two", Restoring: "three", Settled: true, Previous: &state.Trial{Started: noon},
		}, `{"schema":1,"bootId":"one","entry":"a","fallback":"b","started":"2026-11-23T12:00:00Z","limit":180,"watchdog":"watchdog0","driver":"i6300esb",
			"timeout":60,"runtimeWatchdog":5,"promote":true,"files":[` + fileJSON + `],"volumes":[{"source":"esp","dir":"/efi"}],"cmdline":"x",
			"changes":[{"name":"next_entry","block":"/env","attributes":7,"before":null,"during":""}],"outcome":"hung","reason":"r","ended":"2026-11-23T12:00:00Z",
			"lastWords":"w","seen":"two","restoring":"three","settled":true,
			"previous":{"schema":0,"bootId":"","entry":"","fallback":"","started":"2026-11-23T12:00:00Z","limit":0,"cmdline":"","outcome":"","settled":false}}`},
	}
}

func TestFormats(t *testing.T) {
	for name, f := range formats() {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(f.value)
			require.NoError(t, err)
			assert.JSONEq(t, f.text, string(b))
		})
	}
}

// TestFilesOfAHistory are where another version looks for them, each of one record,
// and a line's end at their ends.
func TestFilesOfAHistory(t *testing.T) {
	h := kept(t)
	for name, save := range map[string]func() error{
		"next.json":  func() error { return h.SaveNext(state.Receipt{Schema: 2}) },
		"end.json":   func() error { return h.SaveShutdown(state.ShutdownRecord{Schema: 1}) },
		"boot.json":  func() error { return h.SaveBoot(state.Boot{Schema: 1}) },
		"every.json": func() error { return h.SaveEvery(state.Every{Schema: 1}) },
		"try.json":   func() error { return h.SaveTrial(state.Trial{Schema: 1}) },
	} {
		require.NoError(t, save())
		b, err := os.ReadFile(filepath.Join(h.Dir, name))
		require.NoError(t, err, name)
		assert.True(t, json.Valid(b), name)
		assert.True(t, strings.HasSuffix(string(b), "\n}\n"), name)
	}
}

// TestRecordOfAnySize: a file that grew beyond what is read is not believed, and
// what is left of it is not waited for.
func TestRecordOfAnySize(t *testing.T) {
	h := kept(t)
	require.NoError(t, h.SaveShutdown(end()))
	path := filepath.Join(h.Dir, "end.json")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	text := strings.TrimSpace(string(whole))
	for blanks, believed := range map[int]bool{1<<20 - len(text): true, 1<<20 - len(text) + 1: false} {
		require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(" ", blanks)+text), 0o600))
		got, err := h.Shutdown()
		assert.Equal(t, believed, err == nil, "%d blanks: %v", blanks, err)
		assert.Equal(t, believed, got == end(), "%d blanks", blanks)
	}
}
