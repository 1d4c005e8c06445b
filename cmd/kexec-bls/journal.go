package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
)

// An act is what was done, or tried, to the machine. Each puts one entry into
// the journal, whose fields kexec-bls(8) names.
type act struct {
	kind  string // load, unload, reboot or boot
	entry string // id, or the kernel file of a load by hand; may be ""
	way   string // kexec, firmware or cancelled; "" for load and unload
	why   string // through the firmware; "" where that was asked for
	// missed says of a boot that a kexec was asked for and did not happen.
	missed bool
	took   time.Duration // 0: not known
	err    error
}

// Messages of the journal, for journalctl MESSAGE_ID=.
const (
	loadMessage   = "df270328f60c4461b7b6ad58d78f5719"
	unloadMessage = "65355cac959747d19327556417fa0feb"
	rebootMessage = "1dd3d21d08ff42babdd2cdd4f3b058dc"
	bootMessage   = "38b55547ea774f27a167861e17bde16a"
)

func (c act) message() (id, text string) {
	entry := c.entry
	if entry == "" {
		entry = "the loaded kernel"
	}
	switch c.kind {
	case "load":
		return loadMessage, "load of " + entry + " for kexec"
	case "unload":
		return unloadMessage, "unload of " + entry
	case "boot":
		text = "boot through the firmware"
		if c.way == "kexec" {
			text = "boot of " + entry + " by kexec"
		}
		return bootMessage, text
	}
	switch c.way {
	case "firmware":
		return rebootMessage, "reboot through the firmware"
	case "cancelled":
		return rebootMessage, "end of the wait for a scheduled reboot"
	}
	return rebootMessage, "reboot into " + entry + " by kexec"
}

// result is the field of that name.
func (c act) result() string {
	switch {
	case c.err != nil:
		return "failed"
	case c.missed:
		return "missed"
	}
	return "done"
}

// fields are an act's journal fields. Those that have nothing to say are left
// out.
func (c act) fields() map[string]string {
	id, _ := c.message()
	fields := map[string]string{
		"MESSAGE_ID": id, "SYSLOG_IDENTIFIER": "kexec-bls",
		"KEXEC_BLS_ACT": c.kind, "KEXEC_BLS_ENTRY": c.entry, "KEXEC_BLS_WAY": c.way, "KEXEC_BLS_WHY": c.why,
		"KEXEC_BLS_RESULT": c.result(), "KEXEC_BLS_VERSION": version,
	}
	if c.took > 0 {
		fields["KEXEC_BLS_DURATION_USEC"] = strconv.FormatInt(c.took.Microseconds(), 10)
	}
	if c.err != nil {
		fields["KEXEC_BLS_ERROR"] = c.err.Error()
	}
	for name, value := range fields {
		if value == "" {
			delete(fields, name)
		} else {
			fields[name] = printable(value)
		}
	}
	return fields
}

// record puts an act into the journal. Where there is none, nothing is lost.
func (a *app) record(c act) {
	_, text := c.message()
	priority := journal.PriInfo
	switch c.result() {
	case "failed":
		text += fmt.Sprintf(" failed: %v", c.err)
		priority = journal.PriErr
	case "missed":
		text += ", where a kexec was asked for"
		priority = journal.PriWarning
	}
	a.journal(printable(text), priority, c.fields())
}

// journalPatience is how long a journal that takes nothing is waited for.
const journalPatience = 200 * time.Millisecond

// sendToJournal writes an entry by the native protocol. No act waits for a
// journal that hangs, and none fails for one that is not there.
func sendToJournal(message string, priority journal.Priority, fields map[string]string) {
	sent := make(chan struct{})
	go func() {
		_ = journal.Send(message, priority, fields) // no journal, no entry
		close(sent)
	}()
	select {
	case <-sent:
	case <-time.After(journalPatience):
	}
}

// recordBoot records how the running system came about. The boot before left
// word how it ended.
func (a *app) recordBoot(b loader.Boot, end loader.End) {
	c := act{kind: "boot", way: bootWay(b), took: time.Duration(b.Seconds() * float64(time.Second))}
	if b.Image != nil {
		c.entry = shortName(*b.Image)
	}
	c.missed = end.Kind == "kexec" && end.BootID != b.BootID && !b.Kexeced && a.tellsKexec()
	a.record(c)
}

// tellsKexec says whether the machine is of those that tell how their kernel
// was started; see kexeced.
func (m *machine) tellsKexec() bool {
	return m.facts().Kexeced() != host.Unknown
}

func bootWay(b loader.Boot) string {
	if b.Kexeced {
		return "kexec"
	}
	return "firmware"
}
