package main

import (
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
)

// showSchedule prints a scheduled reboot, and does nothing.
func (a *app) showSchedule(named bool) error {
	if named {
		return usagef("an ENTRY cannot be combined with --when=show, which shows what is scheduled")
	}
	r := report.ScheduleReport{Schema: report.Schema}
	if s, ok := a.machine.Schedule(); ok {
		r.Scheduled = report.ScheduleOf(s)
	}
	if done, err := a.json(r); done || err != nil {
		return err
	}
	if r.Scheduled == nil {
		a.Note("no reboot is scheduled")
		return nil
	}
	a.Print("%s", r.Scheduled)
	return nil
}

// announceSchedule names the time of a reboot that has been accepted for later.
func (a *app) announceSchedule(r *report.Reboot) {
	if r.When == "now" || r.Way == string(journal.Cancelled) {
		return
	}
	if s, ok := a.machine.Schedule(); ok {
		r.At = s.At.UTC()
		a.Note("%s", report.ScheduleOf(s))
	}
}
