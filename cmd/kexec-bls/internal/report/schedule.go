package report

import (
	"fmt"
	"time"

	"github.com/kexec-bls/kexec-bls/loader"
)

// A Schedule is a scheduled reboot in JSON.
type Schedule struct {
	At time.Time `json:"at"`
	// Mode is systemd's: kexec, reboot, poweroff, halt.
	Mode string `json:"mode"`
}

// A ScheduleReport is reboot --when=show --json.
type ScheduleReport struct {
	Schema int `json:"schema"`
	// Scheduled is null where nothing is.
	Scheduled *Schedule `json:"scheduled"`
}

// ScheduleOf reports a schedule.
func ScheduleOf(s loader.Schedule) *Schedule { return &Schedule{s.At.UTC(), s.Mode} }

// String is the schedule for a person, with how to cancel it.
func (s Schedule) String() string {
	return fmt.Sprintf("%s scheduled for %s; to cancel: kexec-bls reboot --when=cancel", s.Mode, s.At.Local().Format("Mon 2006-01-02 15:04:05 MST"))
}

// A Missed is a kexec that did not come up, in JSON.
type Missed struct {
	Entry     *EntryRef   `json:"entry,omitempty"`
	Release   loader.Text `json:"release,omitempty"`
	Requested time.Time   `json:"requested"`
}

// missedOf is nil where every kexec came up.
func missedOf(b loader.Boot) *Missed {
	if b.Missed == nil {
		return nil
	}
	m := &Missed{Requested: b.Missed.Requested}
	if i := b.Missed.Image; i != nil {
		m.Release = i.Release
		if i.Entry != "" {
			m.Entry = &EntryRef{i.Entry, i.Title, i.Version}
		}
	}
	return m
}

// String is it for a person.
func (m Missed) String() string {
	name := "the loaded kernel"
	switch {
	case m.Entry != nil:
		name = string(m.Entry.ID)
	case m.Release != "":
		name = "kernel " + string(m.Release)
	}
	return fmt.Sprintf("the kexec into %s did not come up, requested %s: firmware started the machine instead", name, localTime(m.Requested))
}
