package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
)

// An EntryRef names an entry in JSON.
type EntryRef struct {
	ID      loader.Text `json:"id"`
	Title   loader.Text `json:"title,omitempty"`
	Version loader.Text `json:"version,omitempty"`
}

// RefOf names an entry; nil for nil.
func RefOf(e *entries.Entry) *EntryRef {
	if e == nil {
		return nil
	}
	return &EntryRef{loader.Text(e.ID), loader.Text(e.Title), loader.Text(e.Version)}
}

// A Status is status --json.
type Status struct {
	Schema int          `json:"schema"`
	State  loader.State `json:"state"`
	// Reasons are why the image is stale, or why it is not known what it is.
	Reasons loader.Reasons `json:"reasons,omitempty"`
	Loaded  *Receipt       `json:"loaded,omitempty"`
	Running string         `json:"running"`           // kernel release
	Kexeced bool           `json:"kexeced"`           // the running kernel was started by kexec
	Next    *EntryRef      `json:"next,omitempty"`    // what the boot loader would boot
	Rule    string         `json:"rule,omitempty"`    // what chooses it
	Current *EntryRef      `json:"current,omitempty"` // what runs
	// EveryReboot is set by enable: every reboot is a kexec while a kernel is loaded.
	EveryReboot bool `json:"everyReboot"`
	// Policy is what loads a kernel then: "reboot", "upgrade", "boot" or "off".
	Policy loader.Policy `json:"policy,omitempty"`
	// Boot is how the running system was started, where that is recorded.
	Boot *Boot `json:"boot,omitempty"`
	// Trial is the last reboot on trial; absent for none.
	Trial *Trial `json:"trial,omitempty"`
	// Missed is the last kexec that did not come up, until one does.
	Missed *Missed `json:"missed,omitempty"`
	// Scheduled is a reboot that systemd will carry out later.
	Scheduled *Schedule `json:"scheduled,omitempty"`

	unknown string // why Next is not known
}

// StatusOf reports what is loaded and what runs, and what sys would boot next; sys
// may be nil.
func StatusOf(l loader.Loaded, h host.Machine, sys *entries.System) *Status {
	r := &Status{
		Schema: Schema, State: l.State, Reasons: l.Reasons, Loaded: ReceiptOf(l.Receipt), Running: h.Release(), Kexeced: h.Kexeced() == host.Yes,
	}
	if sys == nil {
		return r
	}
	if next, err := sys.Default(); err == nil {
		r.Next, r.Rule = RefOf(next.Entry), next.Rule
	}
	r.Current = RefOf(sys.Running())
	return r
}

// A Receipt is what is loaded in JSON: the receipt with the entry as an object.
type Receipt struct {
	Entry *EntryRef `json:"entry,omitempty"`
	// The fields of the receipt follow; its own names of the entry are hidden by
	// Entry and these.
	Title   *struct{} `json:"title,omitempty"`
	Version *struct{} `json:"version,omitempty"`
	*loader.Receipt
}

// ReceiptOf is nil for nil.
func ReceiptOf(r *loader.Receipt) *Receipt {
	if r == nil {
		return nil
	}
	out := &Receipt{Receipt: r}
	if r.Entry != "" {
		out.Entry = &EntryRef{r.Entry, r.Title, r.Version}
	}
	return out
}

// A Boot is how the running system was started, in JSON.
type Boot struct {
	// Entry was loaded and now runs; nil for files that were named one by one, of
	// which Kernel is the kernel's, and where it is not known.
	Entry  *EntryRef   `json:"entry,omitempty"`
	Kernel loader.Text `json:"kernel,omitempty"`
	// Loaded and Requested are when the image was loaded and when the reboot was
	// requested.
	Loaded    time.Time `json:"loaded,omitzero"`
	Requested time.Time `json:"requested,omitzero"`
	// Seconds is how long it took from the request to multi-user.target.
	Seconds float64 `json:"seconds,omitzero"`
	// Firmware is the last reboot through the firmware that was timed.
	Firmware *loader.RebootDuration `json:"firmware,omitempty"`
}

// BootOf is nil where nothing is recorded.
func BootOf(b loader.Boot) *Boot {
	r := &Boot{Requested: b.Requested, Seconds: b.Seconds(), Firmware: b.Firmware}
	if b.Image != nil {
		r.Loaded = b.Image.Time
		if b.Image.Entry != "" {
			r.Entry = &EntryRef{b.Image.Entry, b.Image.Title, b.Image.Version}
		}
		if len(b.Image.Files) > 0 {
			r.Kernel = b.Image.Files[0].Path
		}
	}
	if *r == (Boot{}) {
		return nil
	}
	return r
}

// SetBoot fills in what is recorded. The entry that runs is named even where its
// file is gone.
func (r *Status) SetBoot(b loader.Boot) {
	r.Boot, r.Missed = BootOf(b), missedOf(b)
	if b.Image != nil {
		r.Current = nil
		if r.Boot != nil {
			r.Current = r.Boot.Entry
		}
	}
}

// SetUnknown keeps for a person why Next is not known.
func (r *Status) SetUnknown(why string) { r.unknown = why }

// Lines are the record for a person.
func (r *Boot) Lines() []string {
	if r == nil {
		return nil
	}
	var lines []string
	if !r.Requested.IsZero() {
		line := "rebooted " + localTime(r.Requested)
		if r.Seconds > 0 {
			line += fmt.Sprintf(", up again after %.1f s", r.Seconds)
			if !r.Loaded.IsZero() {
				line += " (by kexec)"
			}
		}
		lines = append(lines, line)
	}
	if r.Firmware != nil && r.Firmware.Requested != r.Requested {
		lines = append(lines, fmt.Sprintf("the last reboot through the firmware took %.1f s (%s)", r.Firmware.Seconds, localTime(r.Firmware.Requested)))
	}
	return lines
}

// How is how the running kernel was started, "" where that is not known.
func (r *Boot) How(kexeced bool) string {
	switch {
	case !kexeced:
		return ""
	case r == nil || r.Loaded.IsZero():
		return "started by kexec"
	case r.Entry == nil:
		return "started by kexec of " + string(r.Kernel)
	}
	return "started by kexec, loaded at " + localTime(r.Loaded)
}

// StartOf is how the running system was started, for a person.
func StartOf(b loader.Boot) []string {
	r, how := BootOf(b), "started by the firmware"
	if b.Kexeced {
		how = r.How(true)
	}
	if r != nil && r.Entry != nil {
		how = string(r.Entry.ID) + " " + how
	}
	return append([]string{how}, r.Lines()...)
}

// Print writes the status for a person.
func (r *Status) Print(ui *term.UI) {
	ui.Print("loaded   %s", r.loaded())
	for _, reason := range r.Reasons {
		ui.Print("         %s", reason)
	}
	if r.Loaded != nil {
		ui.Print("         unless another program has loaded a kernel since: Linux does not show that")
	}
	how := ""
	if r.Current != nil {
		how = " (" + string(r.Current.ID) + ")"
	}
	if way := r.Boot.How(r.Kexeced); way != "" {
		how += ", " + way
	}
	ui.Print("running  %s%s", r.Running, how)
	for _, line := range r.Boot.Lines() {
		ui.Print("         %s", line)
	}
	for _, line := range r.Trial.Lines() {
		ui.Print("         %s", line)
	}
	if r.Missed != nil {
		ui.Print("missed   %s", r.Missed)
	}
	if r.Scheduled != nil {
		ui.Print("planned  %s", r.Scheduled)
	}
	if r.EveryReboot {
		ui.Print("reboots  %s", strings.TrimPrefix(PolicyText(r.Policy), "reboots: "))
	}
	if r.Next != nil {
		ui.Print("next     %s, by %s", r.Next.ID, r.Rule)
	} else if r.unknown != "" {
		ui.Print("next     unknown: %s", r.unknown)
	}
}

func (r *Status) loaded() string {
	switch {
	case r.State == loader.None:
		return "none"
	case r.State == loader.Foreign && len(r.Reasons) == 0:
		return "a kernel that kexec-bls did not load"
	case r.State == loader.Foreign:
		return "not known which kernel"
	}
	state, next := "stale", "kexec-bls load loads it again"
	if r.State == loader.Fresh {
		state, next = "up to date", "kexec-bls reboot --loaded starts it"
	}
	return fmt.Sprintf("%s, %s, loaded %s; %s", r.Loaded.Name(), state, localTime(r.Loaded.Time), next)
}

// A Requirement is reboot-required --json.
type Requirement struct {
	Schema   int       `json:"schema"`
	Required *bool     `json:"required"` // null: cannot be determined
	Entry    *EntryRef `json:"entry,omitempty"`
	Running  string    `json:"running"`        // kernel release
	Next     string    `json:"next,omitempty"` // kernel release
	// Reasons are what would be different, or why that cannot be determined.
	Reasons loader.Reasons `json:"reasons"`
}

// Print writes the reasons for a person.
func (r Requirement) Print(ui *term.UI) {
	for _, reason := range r.Reasons {
		ui.Print("%s", reason)
	}
}

// RequirementOf is the answer that loader.Next gives.
func RequirementOf(n loader.NextBoot, err error) Requirement {
	r := Requirement{Schema: Schema, Entry: RefOf(n.Entry), Running: n.Running, Next: n.Release, Reasons: loader.Reasons{}}
	if err != nil {
		r.Reasons = loader.Unknown(err)
		for i := range r.Reasons {
			r.Reasons[i].Hint = term.Advice(r.Reasons[i].Hint)
		}
		return r
	}
	required := n.Difference != loader.SameSystem
	r.Required, r.Reasons = &required, append(r.Reasons, n.Reasons...)
	return r
}
