package trial_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// TestLimitsOfCauses: a trial is over at its limit, not before it.
func TestLimitsOfCauses(t *testing.T) {
	for name, c := range map[string]struct {
		e    trial.Evidence
		want trial.Cause
	}{
		"just before":      {trial.Evidence{CanFire: true, Elapsed: time.Minute - 1, Limit: time.Minute}, trial.PowerLost},
		"just then":        {trial.Evidence{CanFire: true, Elapsed: time.Minute, Limit: time.Minute}, trial.Hang},
		"just then, known": {trial.Evidence{CanFire: true, Reports: true, Elapsed: time.Minute, Limit: time.Minute}, trial.NotHealthy},
		"no limit":         {trial.Evidence{CanFire: true, Elapsed: time.Hour}, trial.PowerLost},
		"negative limit":   {trial.Evidence{CanFire: true, Elapsed: time.Hour, Limit: -1}, trial.PowerLost},
		"reports alone":    {trial.Evidence{Reports: true, Elapsed: time.Hour, Limit: time.Minute}, trial.NotHealthy},
		"fired at once":    {trial.Evidence{Fired: true}, trial.Hang},
		"panic at once":    {trial.Evidence{LastWords: "x"}, trial.Panic},
	} {
		assert.Equal(t, c.want, c.e.Cause(), name)
	}
}

// dumped has a file of pstore with an age.
func dumped(t *testing.T, dir, name, text string, age time.Duration) {
	t.Helper()
	write(t, dir, map[string]string{name: text})
	at := time.Unix(1_700_000_000, 0).Add(-age)
	require.NoError(t, os.Chtimes(filepath.Join(dir, name), at, at))
}

const ended = "Kernel panic - not syncing: x"

// TestNewestWordsCount: of several logs the newest, but one with the panic itself before
// one without it, whichever is newer.
func TestNewestWordsCount(t *testing.T) {
	since := time.Unix(1_700_000_000, 0).Add(-time.Hour)
	for name, c := range map[string]struct {
		first, second string // the second is a minute newer
		want          string
	}{
		"two panics":     {ended + " 1", ended + " 2", ended + " 2"},
		"two without":    {"panic 1", "panic 2", "panic 2"},
		"panic is older": {ended + " 1", "panic 2", ended + " 1"},
		"panic is newer": {"panic 1", ended + " 2", ended + " 2"},
		"newer is none":  {ended + " 1", "Oops", ended + " 1"},
	} {
		for _, names := range [][2]string{{"sys/fs/pstore/dmesg-1", "sys/fs/pstore/dmesg-2"}, {"sys/fs/pstore/dmesg-2", "sys/fs/pstore/dmesg-1"},
			{"var/lib/systemd/pstore/1/dmesg.txt", "sys/fs/pstore/dmesg-1"}} {
			dir := t.TempDir()
			dumped(t, dir, names[0], c.first, 2*time.Minute)
			dumped(t, dir, names[1], c.second, time.Minute)
			assert.Equal(t, c.want, trial.LastWords(host.At(dir), since), "%s: %v", name, names)
		}
	}
}

// TestWordsSinceATime: a log of that very moment is of the trial, an older one is not.
func TestWordsSinceATime(t *testing.T) {
	dir := t.TempDir()
	dumped(t, dir, "sys/fs/pstore/dmesg-1", ended, 0)
	at := time.Unix(1_700_000_000, 0)
	assert.Equal(t, ended, trial.LastWords(host.At(dir), at))
	assert.Empty(t, trial.LastWords(host.At(dir), at.Add(time.Nanosecond)))
	assert.Equal(t, ended, trial.LastWords(host.At(dir), time.Time{}))
}

// TestPlacesOfWords: systemd-pstore archives in folders, of which three levels are looked
// at; only kernel logs count.
func TestPlacesOfWords(t *testing.T) {
	for name, found := range map[string]bool{
		"sys/fs/pstore/dmesg-efi-1": true, "var/lib/systemd/pstore/dmesg.txt": true, "var/lib/systemd/pstore/1/dmesg.txt": true, "var/lib/systemd/pstore/1/2/dmesg.txt": true,
		"var/lib/systemd/pstore/1/2/3/dmesg.txt": true, "var/lib/systemd/pstore/1/2/3/4/dmesg.txt": false, "sys/fs/pstore/console-ramoops-0": false,
		"sys/fs/pstore/x-dmesg": false, "var/log/dmesg": false, "var/lib/systemd/pstore/dmesg.d/x": false,
	} {
		dir := t.TempDir()
		dumped(t, dir, name, ended, 0)
		assert.Equal(t, found, trial.LastWords(host.At(dir), time.Time{}) == ended, name)
	}
}

// TestLengthOfWords: what is longer than 4 KiB begins with its first whole line there.
func TestLengthOfWords(t *testing.T) {
	for size, want := range map[int]int{4095: 4095, 4096: 4096, 4097: len(ended)} {
		dir := t.TempDir()
		text := strings.Repeat("x", size-len(ended)-1) + "\n" + ended
		dumped(t, dir, "sys/fs/pstore/dmesg-1", "\n "+text+" \n\n", 0)
		words := trial.LastWords(host.At(dir), time.Time{})
		assert.Len(t, words, want, size)
		assert.True(t, strings.HasSuffix(words, ended))
	}
}
