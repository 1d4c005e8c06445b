package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
)

// A Trial is the last reboot on trial, in JSON.
type Trial struct {
	Entry    *EntryRef `json:"entry"`
	Fallback *EntryRef `json:"fallback"`
	Started  time.Time `json:"started"`
	// Outcome is pending, succeeded, panicked, hung, unhealthy or interrupted.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"` // why the system was not healthy
	// Took is how long the trial took, in seconds.
	Took float64 `json:"took,omitzero"`
	// LastWords is the end of the kernel log of a panic.
	LastWords loader.Text `json:"lastWords,omitempty"`
	// Settled is set once the settings of the boot loader are restored.
	Settled bool `json:"settled"`
}

// TrialOf reports a trial.
func TrialOf(t loader.Trial) *Trial {
	return &Trial{
		Entry: &EntryRef{ID: t.Entry}, Fallback: &EntryRef{ID: t.Fallback}, Started: t.Started, Outcome: string(t.Outcome), Reason: t.Reason,
		Took: t.Took().Seconds(), LastWords: t.LastWords, Settled: t.Settled,
	}
}

// Lines are the trial for a person.
func (t *Trial) Lines() []string {
	if t == nil {
		return nil
	}
	line := fmt.Sprintf("trial of %s %s, %s", t.Entry.ID, t.Outcome, localTime(t.Started))
	if t.Took > 0 {
		line += fmt.Sprintf(", took %.1f s", t.Took)
	}
	if t.Reason != "" {
		line += ": " + t.Reason
	}
	lines := []string{line}
	for text := range strings.Lines(string(t.LastWords)) {
		lines = append(lines, "  "+strings.TrimRight(text, "\n"))
	}
	return lines
}

// A TrialPlan is a trial as it would be, in JSON.
type TrialPlan struct {
	Fallback   *EntryRef `json:"fallback,omitempty"`
	Watchdog   string    `json:"watchdog"`
	Limit      float64   `json:"limit"` // seconds
	Parameters []string  `json:"parameters"`
	Promote    bool      `json:"promote,omitempty"`

	text string
}

// SetTrial adds the trial that a plan is for.
func (r *Plan) SetTrial(t loader.Try, found []loader.Finding) {
	r.Trial = &TrialPlan{RefOf(t.Fallback), t.Watchdog, t.Limit.Seconds(), t.Parameters, t.Promote, t.String()}
	r.Findings = append(r.Findings, Advised(found)...)
}

func (t *TrialPlan) print(ui *term.UI) {
	if t != nil {
		ui.Print("%-10s %s", "trial", t.text)
		ui.Print("%-10s for the trial alone: %s", "", strings.Join(t.Parameters, " "))
	}
}
