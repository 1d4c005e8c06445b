package trial

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// Evidence is what a boot after a trial shows of it.
type Evidence struct {
	// LastWords is the end of the kernel log of a panic, "" for none.
	LastWords string
	// Fired reports that a watchdog caused the last reset. CanFire reports that the
	// trial had one.
	Fired, CanFire bool
	// Reports is set where the watchdog's driver reports a reset by it, so that Fired
	// is certain.
	Reports bool
	// Elapsed is the time from the request to the start of this boot's kernel, Limit
	// the trial's; 0 is not known.
	Elapsed, Limit time.Duration
}

// Cause is why a trial that is not on record as ended has ended.
type Cause int

// Causes.
const (
	PowerLost Cause = iota // or reset from outside
	Panic
	Hang
	NotHealthy
)

// Cause names the most likely one.
func (e Evidence) Cause() Cause {
	switch {
	case e.LastWords != "":
		return Panic
	case e.Fired:
		return Hang
	case e.Limit <= 0 || e.Elapsed < e.Limit:
		return PowerLost
	case e.CanFire && !e.Reports:
		// The watchdog's timer ends no later than the unit's; not all drivers report it.
		return Hang
	}
	return NotHealthy
}

// ReportsReset reports whether a driver sets WDIOF_CARDRESET in bootstatus after a
// reset by its watchdog (drivers/watchdog of the kernel). iTCO_wdt does not.
func ReportsReset(driver string) bool {
	return driver == "i6300esb" || driver == "sp5100_tco" || driver == "wdat_wdt"
}

const (
	maxDump   = 1 << 20 // bytes of a file of pstore
	maxWords  = 4 << 10 // bytes of LastWords
	maxFiles  = 512
	maxFolder = 3 // depth below systemd-pstore's archive
)

// LastWords returns the end of the kernel log of a panic since a time, from what
// pstore has and what systemd-pstore has archived of it; "" for none.
func LastWords(m host.Machine, since time.Time) string {
	var best string
	var newest time.Time
	for _, root := range []string{"sys/fs/pstore", "var/lib/systemd/pstore"} {
		for _, f := range dumps(m, root) {
			info, err := fs.Stat(m.FS, f)
			if err != nil || info.ModTime().Before(since) {
				continue
			}
			text := dump(m, f)
			if text == "" {
				continue
			}
			// Of the parts of one log the one with the panic itself is the end.
			had, has := strings.Contains(best, panicText), strings.Contains(text, panicText)
			if best == "" || has && !had || has == had && !info.ModTime().Before(newest) {
				best, newest = text, info.ModTime()
			}
		}
	}
	return best
}

const panicText = "Kernel panic - not syncing"

// dumps lists the files of kernel logs below a directory.
func dumps(m host.Machine, root string) []string {
	if m.FS == nil {
		return nil
	}
	var list []string
	_ = fs.WalkDir(m.FS, root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir
		case len(list) == maxFiles:
			return fs.SkipAll
		case d.IsDir() && strings.Count(strings.TrimPrefix(name, root), "/") > maxFolder:
			return fs.SkipDir
		case !d.IsDir() && strings.HasPrefix(path.Base(name), "dmesg"):
			list = append(list, name)
		}
		return nil
	})
	slices.Sort(list)
	return list
}

// dump is the end of a kernel log without its priorities; "" for one that is of
// no panic.
func dump(m host.Machine, name string) string {
	data, err := m.ReadFile(name, maxDump)
	if err != nil {
		return ""
	}
	text := strings.ToValidUTF8(string(data), "\ufffd")
	if !strings.Contains(text, "anic") {
		return ""
	}
	text = strings.TrimSpace(text)
	if len(text) > maxWords {
		text = text[len(text)-maxWords:]
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}
