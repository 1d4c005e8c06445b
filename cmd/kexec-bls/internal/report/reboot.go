package report

import (
	"cmp"
	"fmt"
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

	begun time.Time
}

// NewReboot begins the report of a reboot; when is "" for now.
func NewReboot(way, when, name string) *Reboot {
	return &Reboot{Schema: Schema, Way: way, Entry: Named(name), When: cmp.Or(when, "now"), begun: time.Now()}
}

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
