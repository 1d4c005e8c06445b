package state

import (
	"errors"
	"slices"
	"time"

	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
)

// A Boot is how the running system was started.
type Boot struct {
	Schema  int    `json:"schema"` // 1
	BootID  string `json:"bootId"`
	Kexeced bool   `json:"kexeced"`
	// Image is what was loaded and now runs; nil where that is not known.
	Image *Receipt `json:"image,omitempty"`
	// Requested is when the reboot was asked for, Reached when it was over;
	// both are zero where they are not known.
	Requested time.Time `json:"requested,omitzero"`
	Reached   time.Time `json:"reached,omitzero"`
	// Firmware is the last reboot through the firmware, to compare with; nil
	// where none was timed.
	Firmware *RebootDuration `json:"firmware,omitempty"`
	// Kexec is the last kexec after which the machine was up again.
	Kexec *RebootDuration `json:"kexec,omitempty"`
	// Missed is the last kexec that did not come up, until one does; nil for none.
	Missed *MissedKexec `json:"missed,omitempty"`
}

// A MissedKexec is a kexec that was requested, and the firmware ran instead.
type MissedKexec struct {
	Requested time.Time `json:"requested"`
	// Image is what was loaded; nil where that is not known.
	Image *Receipt `json:"image,omitempty"`
}

// A RebootDuration is how long a reboot took, from the request to
// multi-user.target.
type RebootDuration struct {
	Requested time.Time `json:"requested"`
	Seconds   float64   `json:"seconds"`
}

// Seconds is how long the reboot took; 0 where that is not known.
func (b Boot) Seconds() float64 {
	if d := b.Reached.Sub(b.Requested); !b.Requested.IsZero() && !b.Reached.IsZero() && d > 0 && d < longest {
		return d.Seconds()
	}
	return 0
}

// Entry is the id of the entry from which the running system was kexec'ed, "" for
// files that were named one by one, for entries.Options; nil where no kexec is
// recorded.
func (b Boot) Entry() *string {
	if b.Image == nil {
		return nil
	}
	return new(string(b.Image.Entry))
}

// longest is a reboot that is still believed to be one. The clock that both
// ends are read from may have been set meanwhile.
const longest = time.Hour

// A RunningSystem is what is known of the running system without any record.
type RunningSystem struct {
	BootID  string
	Cmdline string // /proc/cmdline
	Release string // uname -r
	// Kexeced is set for a kernel that kexec started, Firmware for one that a boot
	// loader did. Neither: not known.
	Kexeced, Firmware bool
	// Started returns when the kernel was started, the zero time where that is not
	// known.
	Started func() time.Time
}

// Boot returns how the running system was started, from what it recorded of
// itself or, before that, from what the boot before left. It writes nothing.
// The error is that of reading; what was read in spite of it is valid.
func (h History) Boot(now RunningSystem) (Boot, error) {
	recorded, err := readRecord[Boot](h, bootName)
	err = absent(err)
	if err == nil && recorded.BootID == now.BootID && recorded.BootID != "" {
		return recorded, nil
	}
	b := Boot{Schema: 1, BootID: now.BootID, Kexeced: now.Kexeced, Firmware: recorded.Firmware, Kexec: recorded.Kexec}
	next, nextErr := h.next()
	if nextErr == nil && now.cameFrom(next) {
		b.Image = &next
	}
	end, endErr := h.Shutdown()
	if endErr == nil && now.follows(end) {
		b.Requested = end.Requested
	}
	if !now.Kexeced {
		b.Missed = recorded.Missed
	}
	if endErr == nil && now.missed(end) && !h.tried(end.BootID) {
		b.Missed = &MissedKexec{Requested: end.Requested}
		if nextErr == nil && next.BootID == end.BootID {
			b.Missed.Image = &next
		}
	}
	return b, errors.Join(err, absent(nextErr), endErr)
}

// missed reports whether a kexec was to start the running system, and the firmware
// did.
func (n RunningSystem) missed(e ShutdownRecord) bool {
	return n.Firmware && e.Kind == "kexec" && e.BootID != "" && e.BootID != n.BootID
}

// tried reports whether a boot began a trial, which has an outcome of its own.
func (h History) tried(bootID string) bool {
	t, err := readRecord[Trial](h, trialName)
	return err == nil && t.BootID == bootID
}

// Settle is Boot, and records it: the next load may write over what the boot
// before left.
func (h History) Settle(now RunningSystem) (Boot, error) {
	b, err := h.Boot(now)
	if saved := h.SaveBoot(b); saved != nil {
		return b, errors.Join(err, saved)
	}
	if next, nextErr := h.next(); nextErr == nil && next.BootID != now.BootID {
		err = errors.Join(err, h.remove(nextName))
	}
	return b, err
}

// SaveBoot records how the running system was started.
func (h History) SaveBoot(b Boot) error { return h.write(bootName, b) }

// cameFrom reports whether the running kernel is the one that was loaded: this
// boot is a kexec, another one loaded it, and it was given that command line.
func (n RunningSystem) cameFrom(r Receipt) bool {
	return n.Kexeced && r.BootID != "" && r.BootID != n.BootID &&
		slices.Equal(cmdline.Split(n.Cmdline), cmdline.Split(string(r.Cmdline))) &&
		(r.Release == "" || n.Release == "" || string(r.Release) == n.Release)
}

// follows reports whether the running system was started by the end of the one
// that wrote e, and not of one long before that.
func (n RunningSystem) follows(e ShutdownRecord) bool {
	if e.BootID == "" || e.BootID == n.BootID || e.Requested.IsZero() || (e.Kind == "kexec") != n.Kexeced {
		return false
	}
	// The clock may have been set by a minute since, or the other way round.
	started := n.Started()
	gap := started.Sub(e.Requested)
	return started.IsZero() || gap > -time.Minute && gap < longest
}

// Arrive records that the running system is up since reached, and keeps the
// time of a reboot through the firmware for comparison. What was recorded of
// this boot before stays.
func (h History) Arrive(now RunningSystem, reached time.Time) (Boot, error) {
	b, err := h.Settle(now)
	if !b.Reached.IsZero() || reached.IsZero() {
		return b, err
	}
	b.Reached = reached
	switch s := b.Seconds(); {
	case b.Kexeced:
		b.Kexec = &RebootDuration{b.Requested, s}
	case s > 0:
		b.Firmware = &RebootDuration{b.Requested, s}
	}
	return b, errors.Join(err, h.SaveBoot(b))
}
