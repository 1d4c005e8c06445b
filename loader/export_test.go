package loader

import (
	"context"

	"github.com/kexec-bls/kexec-bls/loader/state"
)

// BeginSteps are the writes that begin a trial, for tests that stop after one.
func (m *Machine) BeginSteps(ctx context.Context, p *Plan) ([]func() error, error) {
	try, _, _ := m.Try(p)
	t, err := m.newTrial(p, try)
	return writes(m.beginSteps(ctx, t)), err
}

// EndSteps are the writes that end a trial which has not begun.
func (m *Machine) EndSteps(ctx context.Context) []func() error {
	t, _, _ := m.Trial()
	return writes(m.endSteps(ctx, t))
}

// SettleSteps are the writes after a trial with that outcome.
func (m *Machine) SettleSteps(ctx context.Context, outcome state.Outcome) []func() error {
	t, _, _ := m.Trial()
	t.Outcome = outcome
	return writes(m.settleSteps(ctx, t))
}

func writes(steps []step) []func() error {
	var list []func() error
	for _, s := range steps {
		list = append(list, s.do)
	}
	return list
}
