package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
)

// A Reboot is reboot --json, printed once the reboot is accepted.
type Reboot struct {
	Schema int `json:"schema"`
	// Way is kexec or firmware; cancelled for --when=cancel; with --auto also none or
	// soft-reboot.
	Way string `json:"way"`
	// Entry is absent where the firmware chooses, or where a kernel that others
	// loaded is started.
	Entry   *EntryRef `json:"entry,omitempty"`
	Release string    `json:"release,omitempty"` // of the kernel, where it is known
	Why     string    `json:"why,omitempty"`     // the firmware: why no kexec; --auto: why this way
	When    string    `json:"when"`              // now, or the value of --when=
	// At is when a scheduled reboot will be, where systemd shows that.
	At time.Time `json:"at,omitzero"`
	// Accepted is when the init system accepted the request; absent with --dry-run.
	Accepted time.Time `json:"accepted,omitzero"`

	begun     time.Time
	announced bool // by Steps
	idle      bool // nothing was scheduled
}

// NewReboot begins the report of a reboot; when is "" for now.
func NewReboot(way, when, name string) *Reboot {
	return &Reboot{Schema: Schema, Way: way, Entry: Named(name), When: cmp.Or(when, "now"), begun: time.Now()}
}

// SetIdle says, for --when=cancel, whether nothing is scheduled.
func (r *Reboot) SetIdle(idle bool) { r.idle = idle }

// Choose sets the way to the least reboot.
func (r *Reboot) Choose(l loader.Least) { r.Way, r.Why = string(l.Way), strings.Join(l.Reasons, "; ") }

// String is the way that was chosen for a person.
func (r *Reboot) String() string {
	way := map[string]string{"none": "no reboot is needed", "soft-reboot": "userspace reboots", "kexec": "kexec", "firmware": "reboot through firmware"}[r.Way]
	return fmt.Sprintf("%s: %s", cmp.Or(way, r.Way), r.Why)
}

// Print prints the way that was chosen.
func (r *Reboot) Print(ui *term.UI) { ui.Print("%s", r) }

// Named refers to an entry by its id alone; nil for "".
func Named(id string) *EntryRef {
	if id == "" {
		return nil
	}
	return &EntryRef{ID: loader.Text(id)}
}

// Steps are what happens next, for who sits at the terminal: running is the release
// of the kernel that runs, last what is known of the last boots.
func (r *Reboot) Steps(running string, force bool, last loader.Boot) []string {
	r.announced = true
	to := "the loaded kernel"
	if r.Entry != nil {
		to = strings.Join(slices.DeleteFunc([]string{string(r.Entry.ID), string(r.Entry.Title)}, func(s string) bool { return s == "" }), ", ")
	}
	if r.Release != "" {
		to += fmt.Sprintf(", kernel %s (%s runs)", r.Release, running)
	}
	way := "services stop and file systems are unmounted, then the new kernel starts without firmware"
	if force {
		way = "the new kernel starts at once; services are not stopped"
	}
	if k := last.Kexec; k != nil && k.Seconds > 0 {
		way += fmt.Sprintf("; the last time took %.1f s", k.Seconds)
	}
	return []string{"next: " + to, way, "if it does not come up, reset the machine: firmware then boots as before"}
}

// Done is what was done, in a line; "" where that was said before it was done, or is
// for later.
func (r *Reboot) Done() string {
	switch {
	case r.idle:
		return "no reboot was scheduled"
	case r.When == "cancel":
		return "scheduled reboot cancelled"
	case r.When != "now" || r.announced:
		return ""
	case r.Way == "firmware":
		return "rebooting through firmware"
	case r.Entry != nil:
		return "rebooting into " + string(r.Entry.ID) + " by kexec"
	}
	return "rebooting into the loaded kernel by kexec"
}

// Verdict is what a dry run of a reboot into an entry came to.
func Verdict(name string, found []loader.Finding, ignore []loader.FindingID) string {
	var warnings, ignored int
	for _, f := range found {
		switch {
		case f.Severity == loader.SeverityError:
			ignored++ // else it would have ended the run
		case f.Severity == loader.SeverityWarning && !f.Ignored(ignore...):
			warnings++
		}
	}
	var with []string
	if ignored > 0 {
		with = append(with, Count(ignored, "error")+" ignored")
	}
	if warnings > 0 {
		with = append(with, Count(warnings, "warning"))
	}
	verdict := name + " would be started by kexec"
	if len(with) > 0 {
		verdict += ", with " + strings.Join(with, " and ")
	}
	return verdict + "; nothing was changed"
}

// Took is how long the reboot has taken until now.
func (r *Reboot) Took() time.Duration { return time.Since(r.begun) }

// An Unload is unload --json.
type Unload struct {
	Schema   int       `json:"schema"`
	Unloaded bool      `json:"unloaded"`        // false: nothing was loaded
	Entry    *EntryRef `json:"entry,omitempty"` // what that was, where it is known
}

// UnloadOf reports what was dropped.
func UnloadOf(u loader.Unloaded) Unload { return Unload{Schema, u.Any, Named(u.Name)} }

// String is the report for a person.
func (u Unload) String() string {
	switch {
	case !u.Unloaded:
		return "nothing was loaded"
	case u.Entry == nil:
		return "unloaded a kernel that another program had loaded"
	}
	return "unloaded " + string(u.Entry.ID)
}
