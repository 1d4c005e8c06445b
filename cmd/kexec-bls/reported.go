package main

import (
	"context"
	"errors"
	"time"

	"github.com/kexec-bls/kexec-bls/loader"
)

// A rebootReport is reboot --json, printed once the reboot is accepted.
type rebootReport struct {
	Schema int `json:"schema"`
	// Way is kexec or firmware; cancelled for --when=cancel.
	Way string `json:"way"`
	// Entry is the id; "" where the firmware chooses, or where a kernel that
	// others loaded is started.
	Entry   string `json:"entry,omitempty"`
	Release string `json:"release,omitempty"` // of the kernel, where it tells
	Why     string `json:"why,omitempty"`     // the firmware: why no kexec
	When    string `json:"when"`              // now, or the value of --when=
	// Accepted is when the init system took the request.
	Accepted time.Time `json:"accepted"`

	begun time.Time
}

func newRebootReport(when string) *rebootReport {
	if when == "" {
		when = "now"
	}
	return &rebootReport{Schema: 1, Way: "kexec", When: when, begun: time.Now()}
}

// accepted says, to scripts and the journal, that the reboot will be.
func (a *app) accepted(r *rebootReport) {
	r.Accepted = time.Now().UTC()
	a.record(r.act(nil))
	a.tellReboot(r)
}

// tellReboot prints the report where JSON is asked for. Nobody who reads it is
// no reason to fail.
func (a *app) tellReboot(r *rebootReport) {
	if a.flags.json == jsonOff {
		return
	}
	if err := a.json(a.flags.json, r); err != nil {
		a.warn("%v", err)
	}
}

func (r *rebootReport) act(err error) act {
	return act{kind: "reboot", entry: r.Entry, way: r.Way, why: r.Why, took: time.Since(r.begun), err: err}
}

// An unloadReport is unload --json.
type unloadReport struct {
	Schema   int    `json:"schema"`
	Unloaded bool   `json:"unloaded"`        // false: nothing was loaded
	Entry    string `json:"entry,omitempty"` // what that was, where it is known
}

// unloadAll drops whatever is loaded, and says what that was.
func (a *app) unloadAll(ctx context.Context) error {
	lock, err := a.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	r := unloadReport{Schema: 1}
	r.Unloaded, err = a.loaded()
	r.Entry = a.receiptLabel()
	err = errors.Join(err, a.forget())
	if r.Unloaded || err != nil {
		a.record(act{kind: "unload", entry: r.Entry, err: err})
	}
	if err != nil {
		return err
	}
	a.note("no kernel is loaded now")
	if a.flags.json != jsonOff {
		return a.json(a.flags.json, r)
	}
	return nil
}

// receiptLabel names what this boot has loaded; "" where that is not known.
func (a *app) receiptLabel() string {
	r, err := loader.ReadReceipt(a.runDir)
	if err != nil || r.BootID != a.bootID() {
		return ""
	}
	return shortName(r)
}

// shortName is the entry, or the kernel's file for a load by hand.
func shortName(r loader.Receipt) string {
	if r.Entry == "" && len(r.Files) > 0 {
		return r.Files[0].Path
	}
	return r.Entry
}

// tellLoad prints the receipt where JSON is asked for, as status --json has it
// in loaded.
func (a *app) tellLoad() error {
	if a.flags.json == jsonOff {
		return nil
	}
	r, err := loader.ReadReceipt(a.runDir)
	if err != nil {
		return err
	}
	return a.json(a.flags.json, r)
}
