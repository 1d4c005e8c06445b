// Package preflight asks whether a machine will come back from a kexec: it
// looks at procfs, sysfs, EFI variables and a few files, and says what stands
// in the way. It changes nothing and runs no program; what cannot be read is
// said, not guessed.
package preflight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Severity says what a finding means for the reboot.
type Severity string

// Severities, the gravest first.
const (
	// Blocker surely fails or does harm.
	Blocker Severity = "blocker"
	// Warning may fail, or is other than after a reboot through the firmware.
	Warning Severity = "warning"
	// Note is worth knowing.
	Note Severity = "note"
)

func (s Severity) rank() int { return slices.Index([]Severity{Blocker, Warning, Note}, s) }

// A Finding is one thing that was found.
type Finding struct {
	// ID is stable, for --ignore and the configuration.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Why is one clause, what it is; Mend is one, what to do.
	Why  string `json:"why"`
	Mend string `json:"mend"`
}

// String is the finding as one line, without its severity.
func (f Finding) String() string { return fmt.Sprintf("%s: %s; %s", f.ID, f.Why, f.Mend) }

// A check looks at one topic.
type check struct {
	name string // for the message that it hung
	run  func(*look) []Finding
}

// checks is every check there is, in the order of findings of one severity.
func checks() []check {
	return []check{
		{"plan", onLoad(broken)}, {"capability", capability}, {"container", container}, {"xen", xen},
		{"sysctl", onLoad(sysctls)}, {"kernel configuration", onLoad(kernelConfig)}, {"processors", onLoad(processors)},
		{"signature", onLoad(signature)}, {"memory", onLoad(memory)},
		{"kernel modules", modules}, {"initrd version", initrdVersion}, {"handover", onLine(handover)}, {"kdump", onLine(kdump)},
		{"hibernation", hibernation}, {"shutdown", shutdown}, {"init", initSystem}, {"machine", machine},
		{"disk encryption", unlock}, {"graphics", graphics}, {"firmware", firmware},
		{"one-shot", oneShot}, {"boot counter", bootCounter}, {"watchdog", watchdog}, {"vfio", vfio},
		{"confidential computing", confidential},
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

// onLine is a check of the command line, which nobody knows of an image that
// another program loaded.
func onLine(run func(*look) []Finding) func(*look) []Finding {
	return func(l *look) []Finding {
		if l.Plan.Loaded && l.Plan.Cmdline == "" {
			return nil
		}
		return run(l)
	}
}

// DefaultTimeout is how long all checks together may take.
const DefaultTimeout = 2 * time.Second

// An outcome is what a check found and what it was not allowed to see.
type outcome struct {
	findings []Finding
	unseen   []string
}

// Run makes every check, side by side, and returns the findings: blockers,
// warnings, notes. It needs no root; what that would have let it see is a
// note. A check that does not end within env.Timeout, on a network file system
// or in the firmware, is left to itself and named in a warning.
func Run(env Env, plan Plan) []Finding {
	return run(env, plan, checks())
}

func run(env Env, plan Plan, all []check) []Finding {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(env.Timeout, DefaultTimeout))
	defer cancel()
	outcomes := make([]chan outcome, len(all))
	for i, c := range all {
		done := make(chan outcome, 1) // a check that is late does not wait for us
		outcomes[i] = done
		go func() {
			l := newLook(env, plan)
			findings := c.run(l)
			done <- outcome{findings, l.unseen}
		}()
	}
	var found []Finding
	var unseen, hung []string
	for i, done := range outcomes {
		o, ended := await(ctx, done)
		if !ended {
			hung = append(hung, all[i].name)
		}
		found, unseen = append(found, o.findings...), append(unseen, o.unseen...)
	}
	found = append(found, reportHung(hung)...)
	found = append(found, reportUnseen(unseen, env.UID)...)
	Sort(found)
	return found
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
	return []Finding{{
		"check-hung", Warning, fmt.Sprintf("no answer in time about: %s", strings.Join(names, ", ")),
		"look for a dead network mount, a sleeping disk or firmware that hangs",
	}}
}

func reportUnseen(paths []string, uid int) []Finding {
	if len(paths) == 0 {
		return nil
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	mend := "look whether a security policy forbids it"
	if uid != 0 {
		mend = "run it as root to know"
	}
	return []Finding{{"unseen", Note, "could not be seen: " + strings.Join(paths, ", "), mend}}
}

// Sort puts the gravest findings first; those of one severity keep their order.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(a.Severity.rank(), b.Severity.rank()) })
}

// Blockers returns the blockers whose ID is not in ignore; "all" stands for
// every ID.
func Blockers(findings []Finding, ignore ...string) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool {
		return f.Severity != Blocker || slices.Contains(ignore, f.ID) || slices.Contains(ignore, "all")
	})
}
