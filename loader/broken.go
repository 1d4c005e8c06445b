package loader

import (
	"errors"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// NewBrokenPlan returns a plan for Check, where NewPlan has only the error why: it
// is among the Findings, nothing else is known of the plan, and a load refuses it.
func NewBrokenPlan(sys *entries.System, e *entries.Entry, opt PlanOptions, why error) *Plan {
	if inner := errors.Unwrap(why); inner != nil && hint.Of(inner) == hint.Of(why) && strings.HasPrefix(why.Error(), e.ID+": ") {
		why = inner // the plan has the name
	}
	opt.Try = nil
	files := &plan.Plan{Cmdline: sys.Host().Cmdline()} // no difference is known
	return &Plan{sys: sys, entry: e, host: sys.Host(), options: opt, files: files, exported: files.Cmdline, broken: why, unread: true}
}
