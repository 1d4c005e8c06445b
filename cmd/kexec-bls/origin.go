package main

import (
	"fmt"
	"time"

	"github.com/kexec-bls/kexec-bls/loader"
)

// A bootReport is how the running system came about, in status --json.
type bootReport struct {
	// Entry was loaded and now runs; "" for a load by hand, where Kernel names
	// its file, and where it is not known.
	Entry  string `json:"entry,omitempty"`
	Kernel string `json:"kernel,omitempty"`
	// Loaded and Requested are when the image was loaded and when the reboot
	// was asked for.
	Loaded    time.Time `json:"loaded,omitzero"`
	Requested time.Time `json:"requested,omitzero"`
	// Seconds is how long it took from the request to multi-user.target.
	Seconds float64 `json:"seconds,omitzero"`
	// Firmware is the last reboot through the firmware that was timed.
	Firmware *loader.Timed `json:"firmware,omitempty"`
}

// reportBoot is nil where nothing is recorded.
func reportBoot(b loader.Boot) *bootReport {
	r := &bootReport{Requested: b.Requested, Seconds: b.Seconds(), Firmware: b.Firmware}
	if b.Image != nil {
		r.Entry, r.Loaded = b.Image.Entry, b.Image.Time
		if len(b.Image.Files) > 0 {
			r.Kernel = b.Image.Files[0].Path
		}
	}
	if *r == (bootReport{}) {
		return nil
	}
	return r
}

// tellBoot fills in what is recorded. The entry that runs is named even where
// its file is gone.
func (r *statusReport) tellBoot(b loader.Boot) {
	r.Boot = reportBoot(b)
	if b.Image != nil {
		r.Current = b.Image.Entry
	}
}

// lines are the report for a person.
func (r *bootReport) lines() []string {
	if r == nil {
		return nil
	}
	var lines []string
	if !r.Requested.IsZero() {
		line := "reboot asked for at " + stamp(r.Requested)
		if r.Seconds > 0 {
			line += fmt.Sprintf(", up %.1f s later", r.Seconds)
		}
		lines = append(lines, line)
	}
	if r.Firmware != nil && r.Firmware.Requested != r.Requested {
		lines = append(lines, fmt.Sprintf("the last reboot through the firmware took %.1f s (%s)", r.Firmware.Seconds, stamp(r.Firmware.Requested)))
	}
	return lines
}

func stamp(t time.Time) string { return t.Local().Format(time.DateTime) }

// way is how the running kernel was started, "" where that is not known.
func way(kexeced bool, b *bootReport) string {
	switch {
	case !kexeced:
		return ""
	case b == nil || b.Loaded.IsZero():
		return "started by kexec"
	case b.Entry == "":
		return "started by kexec of " + b.Kernel
	}
	return "started by kexec, loaded at " + stamp(b.Loaded)
}
