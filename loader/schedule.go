package loader

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A Schedule is the end of this boot that systemd has been asked for, at a later
// time, by anybody.
type Schedule struct {
	At   time.Time
	Mode string // "kexec", "reboot", "poweroff", "halt"
}

// maxSchedule is more than the file of logind has.
const maxSchedule = 4096

// Schedule reads what logind has scheduled, from its file in /run; ok is false for
// nothing, and for one that would only be simulated.
func (m *Machine) Schedule() (s Schedule, ok bool) {
	text, err := m.Host.ReadFile("run/systemd/shutdown/scheduled", maxSchedule)
	if err != nil {
		return Schedule{}, false
	}
	for line := range strings.Lines(string(text)) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key {
		case "USEC":
			if usec, err := strconv.ParseUint(value, 10, 64); err == nil && usec <= math.MaxInt64 {
				s.At = time.UnixMicro(int64(usec)) //nolint:gosec // in range
			}
		case "MODE":
			s.Mode = value
		}
	}
	if s.At.IsZero() || s.Mode == "" || strings.HasPrefix(s.Mode, "dry-") {
		return Schedule{}, false
	}
	return s, true
}
