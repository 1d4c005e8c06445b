// Package trial works out what a reboot on trial needs of a machine, and what has
// become of one. A trial is a kexec after which every reset leads back: the boot
// loader's next choice is the fallback, and a watchdog resets what hangs. The
// package is given values, reads facts and changes nothing.
package trial

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// DefaultLimit is how long the new system has to be healthy.
const DefaultLimit = 3 * time.Minute

// Unit is the unit that watches a trial, and settles it in the boot after.
const Unit = "kexec-bls-try.service"

// IDs of findings about a trial.
const (
	IDNoFallback    finding.ID = "try-no-fallback"    // nothing to return to, or no way to choose it
	IDNoWatchdog    finding.ID = "try-no-watchdog"    // nothing resets a machine that hangs
	IDWatchdogStops finding.ID = "try-watchdog-stops" // the watchdog ends with the running kernel
	IDPanic         finding.ID = "try-panic"          // the entry has a panic= that would not reset
	IDUnit          finding.ID = "try-unit"           // nothing would watch the new system
)

// Topics returns the findings about trials.
func Topics() []finding.Topic {
	return []finding.Topic{
		{ID: IDNoFallback, About: "a trial has nothing to return to"},
		{ID: IDNoWatchdog, About: "no hardware watchdog would reset a machine that hangs in a trial"},
		{ID: IDWatchdogStops, About: "the kernel would stop the watchdog before a trial begins"},
		{ID: IDPanic, About: "the entry says that a panic does not restart the machine"},
		{ID: IDUnit, About: "no unit would watch the new system of a trial"},
	}
}

// Setup is how a trial is watched. The zero value has no watchdog.
type Setup struct {
	// BootID is the boot that begins the trial.
	BootID string
	Limit  time.Duration
	// Watchdog is the device that is used; its Name is "" without one.
	Watchdog host.Watchdog
	// Timeout is what the watchdog is set to, in seconds.
	Timeout int
	// Reload reports that the watchdog's modules have to be loaded anew, so that it
	// survives the kexec.
	Reload bool
	// Late reports that the new kernel must not load the watchdog's driver, which
	// would start its timer anew or stop it, until the unit does.
	Late bool
	// Stops is why the watchdog would not survive, with the hint; nil where it does.
	Stops *finding.Finding
}

// panicDelay is the value of panic= for an entry without one, in seconds: time to
// read the text, and for the kernel to save it.
const panicDelay = "10"

// NewSetup finds the watchdog of a machine, and how it can be used for a trial
// of that length.
func NewSetup(m host.Machine, limit time.Duration) Setup {
	s := Setup{BootID: m.BootID(), Limit: limit}
	for _, w := range m.Watchdogs() {
		if !w.Software && s.Watchdog.Name == "" {
			s.Watchdog = w
		}
	}
	if s.Watchdog.Name == "" {
		return s
	}
	seconds := int(limit / time.Second)
	s.Timeout = min(seconds, cmp.Or(s.Watchdog.MaxTimeout, unknownMax))
	s.Late = s.Watchdog.Driver != "" && s.Timeout == seconds
	switch {
	case !systemdUses(m, s.Watchdog.Name):
		s.stops("systemd does not use it", "set WatchdogDevice=/dev/"+s.Watchdog.Name+" in /etc/systemd/system.conf, and reboot once")
	case m.WatchdogsStop():
		s.survive(m)
	}
	return s
}

// unknownMax is the longest timeout of a watchdog whose driver does not report it,
// in seconds: iTCO_wdt takes 613.
const unknownMax = 600

// systemdUses reports whether systemd pings that device in a shutdown: the first
// one, unless WatchdogDevice= names another.
func systemdUses(m host.Machine, device string) bool {
	const conf = "etc/systemd/system.conf"
	files := []string{conf}
	for _, name := range m.Names(conf + ".d") {
		files = append(files, conf+".d/"+name)
	}
	uses := "watchdog0"
	for _, file := range files {
		for line := range strings.Lines(m.Text(file)) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "WatchdogDevice="); ok && path != "" {
				uses = path[strings.LastIndexByte(path, '/')+1:]
			}
		}
	}
	return uses == device || uses == "watchdog" && device == "watchdog0"
}

func (s *Setup) stops(text, hint string) {
	s.Stops = &finding.Finding{ID: IDWatchdogStops, Severity: finding.Error,
		Text: fmt.Sprintf("%s (%s) would be stopped before the kexec: %s", s.Watchdog.Name, name(s.Watchdog), text), Hint: hint}
}

// survive decides how a watchdog that the kernel would stop is kept running.
func (s *Setup) survive(m host.Machine) {
	w := s.Watchdog
	const dropIn = "echo 'options watchdog stop_on_reboot=0' >/etc/modprobe.d/kexec-bls-watchdog.conf, and reboot once"
	users := m.ModuleUsers("watchdog")
	switch {
	case !m.ModuleLoaded("watchdog"):
		s.stops("watchdog.stop_on_reboot is not 0, and the kernel has it built in",
			"add watchdog.stop_on_reboot=0 to the running entry's kernel command line, and reboot once")
	case w.Driver == "":
		s.stops("watchdog.stop_on_reboot is not 0, and its driver is built in", dropIn)
	case w.Active || w.InUse:
		s.stops("watchdog.stop_on_reboot is not 0, and it is in use", dropIn)
	case len(users) != 1 || users[0] != w.Driver:
		s.stops("watchdog.stop_on_reboot is not 0, and other modules use watchdog", dropIn)
	default:
		s.Reload = true
	}
}

func name(w host.Watchdog) string {
	for _, n := range []string{w.Driver, w.Identity} {
		if n != "" {
			return n
		}
	}
	return "not known"
}

// Name is the watchdog for messages, "watchdog0 (i6300esb)"; "panic= alone"
// without one.
func (s Setup) Name() string {
	if s.Watchdog.Name == "" {
		return "panic= alone"
	}
	return fmt.Sprintf("%s (%s)", s.Watchdog.Name, name(s.Watchdog))
}

// Findings are what is wrong with the watchdog, and with the command line of the
// entry.
func (s Setup) Findings(line string) []finding.Finding {
	var found []finding.Finding
	switch {
	case s.Watchdog.Name == "":
		found = append(found, finding.Finding{ID: IDNoWatchdog, Severity: finding.Error,
			Text: "no hardware watchdog is in /sys/class/watchdog: nothing would reset a machine that hangs",
			Hint: "load the driver of the machine's watchdog, such as iTCO_wdt or sp5100_tco"})
	case s.Stops != nil:
		found = append(found, *s.Stops)
	}
	if value, given := cmdline.Value(line, "panic"); given && !resets(value) {
		found = append(found, finding.Finding{ID: IDPanic, Severity: finding.Warning,
			Text: fmt.Sprintf("the entry has panic=%s, so that a panic does not restart the machine; the trial uses panic=%s", value, panicDelay),
			Hint: "remove panic= from the entry"})
	}
	return found
}

// resets reports whether a value of panic= restarts the machine.
func resets(value string) bool { return strings.Trim(value, "0+- ") != "" }

// Parameters are the kernel parameters of the trial, for the end of an entry's
// command line. cmdline.Inherit drops them all by the first one.
func (s Setup) Parameters(line string) []string {
	list := []string{cmdline.TrialKey + "=" + s.BootID}
	if value, given := cmdline.Value(line, "panic"); !given || !resets(value) {
		list = append(list, "panic="+panicDelay)
	}
	if s.Watchdog.Name != "" {
		list = append(list, fmt.Sprintf("watchdog.open_timeout=%d", int(s.Limit/time.Second)),
			"watchdog.handle_boot_enabled=1",
			// systemd would open it, in the initrd too, and ping for ever.
			"systemd.watchdog_sec=0")
		if s.Late {
			list = append(list, "modprobe.blacklist="+s.Watchdog.Driver)
		}
	}
	// An initrd of dracut that finds no root reboots; the others wait for the watchdog.
	return append(list, "rd.shell=0", "rd.emergency=reboot", "efi_pstore.pstore_disable=0", "systemd.wants="+Unit)
}

// Of returns the boot that began the trial of which a command line is, "" for
// none.
func Of(line string) string {
	value, _ := cmdline.Value(line, cmdline.TrialKey)
	return value
}
