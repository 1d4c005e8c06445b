package loader

import (
	"context"
	"time"

	"github.com/kexec-bls/kexec-bls/loader/state"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// settle finds out what became of a trial, once the system is up, and restores what
// the trial has changed.
func (m *Machine) settle(ctx context.Context, t Trial, opt FollowOptions) error {
	waiting, end := context.WithTimeout(ctx, settleLimit)
	_ = m.awaitTarget(waiting, "multi-user.target") // a boot that does not get there settles late
	end()
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.Outcome == state.TrialPending {
		// Whether the kernel has such a module, and logs of a panic, will be seen.
		_ = m.Init.LoadModule(ctx, "efi_pstore")
		m.conclude(&t)
	}
	err := run(m.settleSteps(ctx, t))
	opt.outcome(t)
	return err
}

// conclude sets the outcome of a trial that is not on record as ended.
func (m *Machine) conclude(t *Trial) {
	e := trial.Evidence{LastWords: trial.LastWords(m.Host, t.Started), CanFire: t.Watchdog != "", Limit: time.Duration(t.Limit) * time.Second}
	if t.Timeout > 0 {
		e.Limit = min(e.Limit, time.Duration(t.Timeout)*time.Second)
	}
	for _, w := range m.Host.Watchdogs() {
		e.Fired = e.Fired || w.Fired
		e.Reports = e.Reports || w.Name == t.Watchdog && trial.ReportsReset(w.Driver)
	}
	if started := m.Host.Started(); !started.IsZero() {
		t.Ended, e.Elapsed = started.UTC(), started.Sub(t.Started)
	}
	t.LastWords = Text(e.LastWords)
	t.Outcome = map[trial.Cause]state.Outcome{
		trial.PowerLost: state.TrialInterrupted, trial.Panic: state.TrialPanicked,
		trial.Hang: state.TrialHung, trial.NotHealthy: state.TrialUnhealthy,
	}[e.Cause()]
	if t.Outcome == state.TrialUnhealthy {
		t.Reason = "it rebooted in the end, and could not write its record: its root was read-only, as in emergency mode"
	}
}

// settleSteps record the outcome and restore the settings of the boot loader.
// first are done once the outcome is on record.
func (m *Machine) settleSteps(ctx context.Context, t Trial, first ...step) []step {
	steps := append([]step{{"record the outcome", func() error { return m.history().SaveTrial(t) }}}, first...)
	steps = append(steps, m.restoreSteps(t)...)
	if t.Promote && t.Outcome == state.TrialSucceeded {
		steps = append(steps, step{"promote " + string(t.Entry), func() error { return m.promote(t) }})
	}
	done := t
	done.Settled, done.Restoring, done.Changes, done.Previous = true, "", nil, nil
	return append(steps,
		step{"record the end of the trial", func() error { return m.history().SaveTrial(done) }},
		step{"disable " + trial.Unit, func() error { return m.disableUnit(ctx) }})
}
