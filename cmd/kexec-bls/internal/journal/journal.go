// Package journal writes an entry to the system's journal for each act on the
// machine. kexec-bls(8) names its fields.
package journal

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

// A Kind is what was done.
type Kind string

// Kinds of acts.
const (
	Load   Kind = "load"
	Unload Kind = "unload"
	Reboot Kind = "reboot"
	Boot   Kind = "boot"  // the running system has started
	Trial  Kind = "trial" // a reboot on trial has ended
)

// A Way is how a reboot goes, or a boot went.
type Way string

// Ways. A load and an unload have none, which is the zero value.
const (
	Kexec     Way = "kexec"
	Firmware  Way = "firmware"
	Cancelled Way = "cancelled" // a scheduled reboot
	Soft      Way = "soft-reboot"
)

// Message IDs, for journalctl MESSAGE_ID=.
const (
	LoadID   = "df270328f60c4461b7b6ad58d78f5719"
	UnloadID = "65355cac959747d19327556417fa0feb"
	RebootID = "1dd3d21d08ff42babdd2cdd4f3b058dc"
	TrialID  = "c7a1f0d2b95e4b5f8f6f1f0a7f3f9f5d"
	BootID   = "38b55547ea774f27a167861e17bde16a"
)

// An Act is what was done, or tried, to the machine.
type Act struct {
	Kind  Kind
	Entry string // its ID, or the kernel file of load --linux; may be ""
	Way   Way
	Why   string // through firmware; "" where that was asked for
	// Outcome is what became of a trial, Fallback the entry to return to.
	Outcome, Fallback string
	Missed            bool          // of a boot: a kexec was asked for and did not happen
	Took              time.Duration // 0: not known
	Err               error
	Version           string // of kexec-bls
}

// A Message is what the journal gets of an act.
type Message struct {
	Text     string
	Priority journal.Priority
	Fields   map[string]string
}

// Message returns the journal's entry of the act.
func (a Act) Message() Message {
	id, text := a.message()
	e := Message{text, journal.PriInfo, a.fields(id)}
	switch a.result() {
	case "failed":
		e.Text += fmt.Sprintf(" failed: %v", a.Err)
		e.Priority = journal.PriErr
	case "panicked", "hung", "unhealthy", "interrupted":
		e.Priority = journal.PriWarning
	case "missed":
		e.Text += ", where a kexec was requested"
		e.Priority = journal.PriWarning
	}
	e.Text = term.Printable(e.Text)
	return e
}

func (a Act) message() (id, text string) {
	entry := cmp.Or(a.Entry, "the loaded kernel")
	switch a.Kind {
	case Load:
		return LoadID, "load of " + entry + " for kexec"
	case Unload:
		return UnloadID, "unload of " + entry
	case Trial:
		text := "trial of " + entry + " " + a.Outcome
		if a.Why != "" {
			text += ": " + a.Why
		}
		return TrialID, text
	case Boot:
		if a.Way == Kexec {
			return BootID, "boot of " + entry + " by kexec"
		}
		return BootID, "boot through firmware"
	}
	switch a.Way {
	case Firmware:
		return RebootID, "reboot through firmware"
	case Soft:
		return RebootID, "reboot of userspace"
	case Cancelled:
		return RebootID, "scheduled reboot cancelled"
	}
	return RebootID, "reboot into " + entry + " by kexec"
}

// result is the field of that name.
func (a Act) result() string {
	switch {
	case a.Err != nil:
		return "failed"
	case a.Outcome != "":
		return a.Outcome
	case a.Missed:
		return "missed"
	}
	return "done"
}

// fields are those of the act that have a value, with the names that kexec-bls
// has given them.
func (a Act) fields(id string) map[string]string {
	fields := map[string]string{
		"MESSAGE_ID": id, "SYSLOG_IDENTIFIER": "kexec-bls",
		"KEXEC_BLS_ACT": string(a.Kind), "KEXEC_BLS_ENTRY": a.Entry, "KEXEC_BLS_WAY": string(a.Way), "KEXEC_BLS_WHY": a.Why,
		"KEXEC_BLS_RESULT": a.result(), "KEXEC_BLS_FALLBACK": a.Fallback, "KEXEC_BLS_VERSION": a.Version,
	}
	if a.Took > 0 {
		fields["KEXEC_BLS_DURATION_USEC"] = strconv.FormatInt(a.Took.Microseconds(), 10)
	}
	if a.Err != nil {
		fields["KEXEC_BLS_ERROR"] = a.Err.Error()
	}
	for name, value := range fields {
		if value == "" {
			delete(fields, name)
		} else {
			fields[name] = term.Printable(value)
		}
	}
	return fields
}

// timeout is how long a journal that takes nothing is waited for.
const timeout = 200 * time.Millisecond

// Send writes an entry by the native protocol. No act waits for a journal that
// hangs, and none fails for one that is not there.
func Send(e Message) { bounded(func() { _ = journal.Send(e.Text, e.Priority, e.Fields) }) } // no journal, no entry

// bounded returns when send does, or after the timeout.
func bounded(send func()) {
	sent := make(chan struct{})
	go func() {
		send()
		close(sent)
	}()
	select {
	case <-sent:
	case <-time.After(timeout):
	}
}
