// Package preflight finds what would prevent a machine from booting again by
// kexec, before a load, and explains what the kernel refused afterwards, by one
// table of rules. It reads facts of the machine and EFI variables, changes
// nothing and runs no program; what cannot be read is reported, not guessed.
package preflight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// The terms of all of loader.
type (
	// A Finding is one thing that was found.
	Finding = finding.Finding
	// An ID names a kind of finding. It is stable.
	ID = finding.ID
	// A Severity is what a finding means for the reboot.
	Severity = finding.Severity
	// A Topic is what the findings with one ID are about.
	Topic = finding.Topic
)

// Severities, the gravest first.
const (
	Error   = finding.Error
	Warning = finding.Warning
	Info    = finding.Info
)

// Errors returns the findings of severity Error that are not ignored.
func Errors(findings []Finding, ignore ...ID) []Finding { return finding.Errors(findings, ignore...) }

// Sort puts the gravest first; those of one severity keep their order.
func Sort(findings []Finding) { finding.Sort(findings) }

func one(s Severity, id ID, text, hint string) []Finding {
	return []Finding{{ID: id, Severity: s, Text: text, Hint: hint}}
}

// A rule is one reason why a kexec may fail. It is asked before a load, after a
// refusal by the kernel, or both.
type rule struct {
	name string // for the message that a check did not end
	area AreaID
	// check looks at the machine; nil is not asked.
	check func(*look) []Finding
	// explain is the cause of a refusal, nil where it is not this one. The first
	// rule of the table that has one is right.
	explain func(*look, *refusedLoad) []Finding
}

// rules is every rule there is, in the order of findings of one severity, and
// for refusals from the surest cause to the vaguest.
func rules() []rule {
	return []rule{
		{"plan", AreaEntry, nil, badImage},
		{"capability", AreaKernel, capability, onPermission(capability)},
		{"container", AreaKernel, container, nil},
		{"sysctl", AreaKernel, onLoad(sysctls), sysctlRefused},
		{"kernel configuration", AreaKernel, onLoad(kernelConfig), noCall},
		{"processors", AreaKernel, onLoad(processors), stuckProcessors},
		{"signature", AreaSecurity, onLoad(signature), badSignature},
		{"memory", AreaMemory, onLoad(memory), noRoom},
		{"files in memory", AreaMemory, nil, memfdRefused},
		{"xen", AreaHardware, xen, xenRefused},
		{"seccomp", AreaKernel, nil, seccompRefused},
		{"security policy", AreaSecurity, nil, policyRefused},
		{"kernel modules", AreaEntry, modules, nil},
		{"initrd version", AreaInitrd, initrdVersion, nil},
		{"handover", AreaEntry, onCmdline(kho), nil},
		{"memory of handover", AreaMemory, onLoad(khoRoom), nil},
		{"kdump", AreaMemory, onCmdline(kdump), nil},
		{"hibernation", AreaDisks, hibernation, nil},
		{"shutdown", AreaShutdown, shutdown, nil},
		{"init", AreaShutdown, initSystem, nil},
		{"machine", AreaHardware, machine, nil},
		{"disk encryption", AreaDisks, unlock, nil},
		{"graphics", AreaHardware, graphics, nil},
		{"firmware", AreaHardware, firmware, nil},
		{"one-shot", AreaEntry, oneShot, nil},
		{"boot counter", AreaEntry, bootCounter, nil},
		{"watchdog", AreaHardware, watchdog, nil},
		{"vfio", AreaHardware, vfio, nil},
		{"confidential computing", AreaHardware, confidential, nil},
		{"other", AreaKernel, nil, unknownRefusal},
	}
}

// onLoad is a check of what only a load can fail by.
func onLoad(run func(*look) []Finding) func(*look) []Finding {
	return func(l *look) []Finding {
		if l.Plan.Loaded {
			return nil
		}
		return run(l)
	}
}

// onCmdline is a check of the command line, which is not known of an image that
// another program loaded.
func onCmdline(run func(*look) []Finding) func(*look) []Finding {
	return func(l *look) []Finding {
		if l.Plan.Loaded && l.Plan.Cmdline == "" {
			return nil
		}
		return run(l)
	}
}

// DefaultTimeout is how long all checks together may take.
const DefaultTimeout = 2 * time.Second

// An outcome is what a check found, what it read and what it was not allowed to
// see.
type outcome struct {
	findings []Finding
	facts    []string
	evidence []Evidence
	unseen   []string
}

// Run makes every check, side by side, and returns the findings: errors,
// warnings, information. It needs no root; what that would have let it see is
// information. A check that does not end within env.Timeout, on a network file
// system or in the firmware, is abandoned and named in a warning.
func Run(env Env, plan Plan) []Finding { return run(env, plan, checks()).Findings }

// Inspect is Run with what was read and seen, by area.
func Inspect(env Env, plan Plan) Report {
	env.evidence = true
	return run(env, plan, append(facts(), checks()...))
}

// A query is one of those that are asked side by side.
type query struct {
	name string // for the message that it did not end; "": there is none
	area AreaID
	ask  func(*look) outcome
}

// checks are the rules that are asked before a load.
func checks() []query {
	var all []query
	for _, r := range rules() {
		if r.check != nil {
			all = append(all, query{r.name, r.area, func(l *look) outcome { return outcome{findings: r.check(l)} }})
		}
	}
	return all
}

func run(env Env, plan Plan, queries []query) Report {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(env.Timeout, DefaultTimeout))
	defer cancel()
	outcomes := make([]chan outcome, len(queries))
	for i, q := range queries {
		done := make(chan outcome, 1) // a check that is late does not wait for us
		outcomes[i] = done
		go func() { done <- newLook(env, plan).answer(q) }()
	}
	report := newReport()
	var unseen, hung []string
	for i, done := range outcomes {
		o, ended := await(ctx, done)
		unseen = append(unseen, o.unseen...)
		if name := queries[i].name; !ended && name != "" {
			hung, o.unseen = append(hung, name), []string{name + " (no answer in time)"}
		}
		report.Findings = append(report.Findings, o.findings...)
		report.Area(queries[i].area).add(o)
	}
	report.Findings = append(report.Findings, reportHung(hung)...)
	report.Findings = append(report.Findings, reportUnseen(unseen, env.Host.UID)...)
	Sort(report.Findings)
	for _, a := range report.Areas {
		Sort(a.Findings)
	}
	return report
}

// answer asks, and adds what was read for it.
func (l *look) answer(q query) outcome {
	o := q.ask(l)
	if l.Env.evidence {
		o.evidence = l.evidence()
	}
	o.unseen = l.record.unseen
	return o
}

// await prefers an answer to the deadline where both are there.
func await(ctx context.Context, done <-chan outcome) (o outcome, ended bool) {
	select {
	case o = <-done:
		return o, true
	case <-ctx.Done():
	}
	select {
	case o = <-done:
		return o, true
	default:
		return outcome{}, false
	}
}

func reportHung(names []string) []Finding {
	if len(names) == 0 {
		return nil
	}
	return one(Warning, IDCheckHung, fmt.Sprintf("no answer in time about: %s", strings.Join(names, ", ")),
		"look for a dead network mount, a sleeping disk or firmware that hangs")
}

func reportUnseen(paths []string, uid int) []Finding {
	if len(paths) == 0 {
		return nil
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	hint := "look whether a security policy forbids it"
	if uid != 0 {
		hint = "run it as root to know"
	}
	return one(Info, IDUnseen, "could not be seen: "+strings.Join(paths, ", "), hint)
}
