package state

import (
	"time"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
)

// trialName is the record of the last trial, a Trial, in a history.
const trialName = "try.json"

// An Outcome is what became of a trial.
type Outcome string

// Outcomes.
const (
	TrialPending     Outcome = "pending"     // it is under way
	TrialSucceeded   Outcome = "succeeded"   // the system was healthy in time
	TrialPanicked    Outcome = "panicked"    // the kernel panicked, and its last words were kept
	TrialHung        Outcome = "hung"        // the watchdog reset the machine
	TrialUnhealthy   Outcome = "unhealthy"   // the system was not healthy in time, and rebooted
	TrialInterrupted Outcome = "interrupted" // it ended before its time, as by a power cut
)

// Failed reports whether the outcome is that of a kernel, or its system, that is
// not to be tried again as it is.
func (o Outcome) Failed() bool { return o == TrialPanicked || o == TrialHung || o == TrialUnhealthy }

// A Trial records a reboot on trial: what has to be restored, and what became of
// it. It is written before anything is changed.
type Trial struct {
	Schema int `json:"schema"` // 1
	// BootID is that of the boot which began the trial.
	BootID   string     `json:"bootId"`
	Entry    raw.String `json:"entry"`
	Fallback raw.String `json:"fallback"`
	Started  time.Time  `json:"started"`
	// Limit is how long the new system has to be healthy, from the start of its
	// kernel, in seconds.
	Limit int `json:"limit"`
	// Watchdog is the device that resets a machine that hangs, "watchdog0"; "" for
	// none. Driver is the module that the new system loads for it itself; "" where
	// the kernel does. Timeout is the watchdog's, in seconds.
	Watchdog string `json:"watchdog,omitempty"`
	Driver   string `json:"driver,omitempty"`
	Timeout  int    `json:"timeout,omitempty"`
	// RuntimeWatchdog is RuntimeWatchdogUSec of systemd before the trial.
	RuntimeWatchdog uint64 `json:"runtimeWatchdog,omitempty"`
	Promote         bool   `json:"promote,omitempty"`
	// Files are what was loaded, Cmdline its command line without what is only for
	// the trial: the same is not to be tried again.
	Files   []stamp.File `json:"files,omitempty"`
	Volumes []Volume     `json:"volumes,omitempty"`
	Cmdline raw.String   `json:"cmdline"`
	// Changes are settings of the boot loader; none once they are restored.
	Changes []SettingChange `json:"changes,omitempty"`

	Outcome Outcome `json:"outcome"`
	// Reason is why the system is not healthy.
	Reason    string     `json:"reason,omitempty"`
	Ended     time.Time  `json:"ended,omitzero"`
	LastWords raw.String `json:"lastWords,omitempty"`
	// Seen is the boot that the trial brought up; "" for none.
	Seen string `json:"seen,omitempty"`
	// Restoring is the boot that restores a one-shot setting; "" before.
	Restoring string `json:"restoring,omitempty"`
	// Settled is set once nothing is left to do.
	Settled bool `json:"settled"`
	// Previous is the trial before, to be remembered if this one never begins.
	Previous *Trial `json:"previous,omitempty"`
}

// A SettingChange is a setting of the boot loader as it was and as it is during a
// trial: an EFI variable, or a variable of a GRUB environment block. A nil value
// is an absent one.
type SettingChange struct {
	Name string `json:"name"`
	// Block is the file of the environment block; "" for an EFI variable.
	Block raw.String `json:"block,omitempty"`
	// Attributes are those of the EFI variable before.
	Attributes uint32 `json:"attributes,omitempty"`
	Before     []byte `json:"before"`
	During     []byte `json:"during"`
}

// OneShot reports whether the boot loader consumes the setting.
func (c SettingChange) OneShot() bool {
	if c.Block != "" {
		return c.Name == "next_entry"
	}
	return c.Name == bli.EntryOneShot
}

// Took is how long the trial took, from the request to its end; 0 where that is
// not known.
func (t Trial) Took() time.Duration {
	if t.Ended.IsZero() || t.Ended.Before(t.Started) {
		return 0
	}
	return t.Ended.Sub(t.Started)
}

// SaveTrial records a trial; it is on the disk when SaveTrial returns.
func (h History) SaveTrial(t Trial) error { return h.write(trialName, t) }

// Trial reads what SaveTrial wrote; the zero value where there is nothing.
func (h History) Trial() (Trial, error) {
	t, err := readRecord[Trial](h, trialName)
	return t, absent(err)
}

// DropTrial removes it.
func (h History) DropTrial() error { return h.remove(trialName) }
